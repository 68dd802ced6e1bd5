"""The commands, put together. Each group is a module of its own (`calling.py` says how a command is declared).

To add a command to `feeds`: a module in `cli/feeds/`, which declares it with `@command(feeds, "name", Reach....)` on
the `feeds` of `cli/feeds/group.py`, and its import in `cli/feeds/__init__.py`. To add a group: `app.add_typer` below.
"""

from functools import cache
from typing import Annotated, Any

import typer

from cli.addresses import addresses
from cli.console.command import declare as declare_console
from cli.cost.command import declare as declare_cost
from cli.datasets import datasets
from cli.doctor import declare as declare_doctor
from cli.failures import declare as declare_failures
from cli.feeds import feeds
from cli.file_life import files
from cli.reprocess import declare as declare_reprocess
from cli.restoring.command import declare as declare_restore
from cli.retention import declare as declare_retention
from cli.run import declare as declare_run
from cli.runs import runs
from cli.sla import sla
from cli.tenants import tenants
from lakeferry.version import VERSION

app = typer.Typer(
    name="lakeferry",
    help=(
        "Carries partners' files into a data lake: feeds, runs and files of a stack, and taking again what failed.\n\n"
        "A stack in AWS is reached with your AWS credentials (--stack, --profile, --region), a lake on this machine "
        "with --lake DIR.\n\n"
        "Exit codes: 0 done, 1 failed, 2 wrong use, 3 nothing matched what was named."
    ),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def _lakeferry(
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version and exit.", is_eager=True, callback=lambda on: _version(on)),
    ] = False,
) -> None:
    pass


def _version(is_asked: bool) -> None:
    if is_asked:
        print(f"lakeferry {VERSION}")
        raise typer.Exit


for _name, _group in {
    "feeds": feeds,
    "runs": runs,
    "files": files,
    "sla": sla,
    "datasets": datasets,
    "tenants": tenants,
    "addresses": addresses,
}.items():
    app.add_typer(_group, name=_name)
declare_run(app)
declare_reprocess(app)
declare_failures(app)
declare_cost(app)
declare_retention(app)
declare_restore(app)
declare_doctor(app)
declare_console(app)


@cache
def built() -> Any:  # noqa: ANN401
    """All commands as Typer makes them of what was declared: a tenth of a second, so once a process."""
    return typer.main.get_command(app)
