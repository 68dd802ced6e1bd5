"""`lakeferry datasets`: which tenants may write to which dataset."""

from collections.abc import Callable
from typing import Annotated

import typer

from cli.calling import Call, command
from cli.owners import Owners
from cli.problems import CommandError, NothingMatchedError, nearest
from lakeferry.ledger.datasets import Datasets, Owned, is_name

datasets = typer.Typer(help="Who may write to which dataset: list, share, unshare, give.", no_args_is_help=True)


def _name(what: str) -> Callable[[str], str]:
    def name(text: str) -> str:
        if not is_name(what, text):
            raise typer.BadParameter(f"{text!r} is not the name of a {what}")
        return text

    return name


Dataset = Annotated[str, typer.Argument(parser=_name("dataset"), metavar="DATASET")]
Tenants = Annotated[
    list[str], typer.Option("--with", parser=_name("tenant"), metavar="TENANT", help="May be repeated.")
]
More = Annotated[list[str] | None, typer.Argument(parser=_name("tenant"), metavar="[TENANT]...", hidden=True)]


@command(datasets, "list")
def listing(call: Call) -> None:
    """List datasets and their tenants."""
    with call.stack() as stack:
        Owners(stack).seed_datasets()
        found = sorted(stack.ledger.datasets.all().items())
    rows = [
        {"dataset": name, "owner": one.owner, "shared_with": list(one.tenants[1:]), "by": one.by, "since": one.since}
        for name, one in found
    ]
    heads = {"dataset": "dataset", "owner": "owner", "shared_with": "shared with", "by": "by", "since": "since"}
    call.out.rows(rows, heads)


@command(datasets, "share")
def share(call: Call, dataset: Dataset, with_: Tenants, more: More = None) -> None:
    """Let other tenants write to a dataset, beside its owner."""
    with call.stack(writes=True) as stack:
        Owners(stack).seed_datasets()
        known = stack.ledger.datasets
        _tell(call, known, dataset, is_owned=known.share(dataset, [*with_, *(more or [])]))


@command(datasets, "unshare")
def unshare(call: Call, dataset: Dataset, with_: Tenants, more: More = None) -> None:
    """Take that back; rows that are there stay."""
    tenants = [*with_, *(more or [])]
    with call.stack(writes=True) as stack:
        Owners(stack).seed_datasets()
        known = stack.ledger.datasets
        found = known.get(dataset)
        if found is not None and found.owner in tenants:
            raise CommandError(f"{found.owner} owns {dataset}: give it to another tenant instead.")
        _tell(call, known, dataset, is_owned=known.unshare(dataset, tenants))


@command(datasets, "give")
def give(
    call: Call,
    dataset: Dataset,
    to: Annotated[str, typer.Option("--to", parser=_name("tenant"), metavar="TENANT", help="The new owner.")],
) -> None:
    """Make a tenant the owner; the former owner may not write to it any more."""
    with call.stack(writes=True) as stack:
        Owners(stack).seed_datasets()
        known = stack.ledger.datasets
        before = known.get(dataset)
        known.give(dataset, to)
        _tell(call, known, dataset, is_owned=True)
    if before is not None and before.owner != to:
        call.out.say(f"{before.owner} may not write to it any more. To change that, share it with {before.owner}.")


def _tell(call: Call, known: Datasets, dataset: str, *, is_owned: bool) -> None:
    found = known.get(dataset) if is_owned else None
    if found is None:
        near = nearest(dataset, known.all())
        hint = f" Did you mean {' or '.join(near)}?" if near else ""
        raise NothingMatchedError(f"nobody owns {dataset} yet: put a feed, or give it to a tenant first.{hint}")
    call.out.data({"dataset": found.dataset, "owner": found.owner, "shared_with": list(found.tenants[1:])})
    call.out.say(_sentence(found) + " Files that were set aside for this are curated in the next run.")


def _sentence(found: Owned) -> str:
    others = f", shared with {', '.join(found.tenants[1:])}" if found.tenants[1:] else ""
    return f"{found.dataset} belongs to {found.owner}{others}."
