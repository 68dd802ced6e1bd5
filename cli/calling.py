"""How commands are declared: a function and its own options; those that all commands share are added here.

    @command(app, "list")
    def listing(call: Call, failing: Annotated[bool, typer.Option(help="...")] = False) -> int | None: ...

`call` has what the shared options say: the stack (`call.stack()`) and where the answer goes (`call.out`).
"""

import enum
import functools
import inspect
import shlex
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.opening import open_stack
from cli.output import Output
from cli.stack import Stack

_WHERE = "Which stack"


class Reach(enum.Enum):
    """What a command works on."""

    NOTHING = "no stack"
    ASKED = "a stack, where one is named"
    STACK = "a stack: lakeferry, where none is named"


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a command.

    Attributes:
        stack_name: Of a deployed stack; None where none was named and none is needed.
        lake: The folder of a lake, instead of a deployed stack.
        secrets: File of secrets, for a lake.
    """

    out: Output
    stack_name: str | None = None
    lake: Path | None = None
    secrets: Path | None = None
    profile: str | None = None
    region: str | None = None

    @property
    def has_stack(self) -> bool:
        """Whether a stack was named, or is needed."""
        return self.stack_name is not None or self.lake is not None

    @property
    def where(self) -> str:
        """The options that name the stack, for a command that is proposed."""
        if self.lake is not None:
            return f"--lake {shlex.quote(str(self.lake))}"
        given = {"--stack": self.stack_name, "--profile": self.profile, "--region": self.region}
        return " ".join(f"{option} {shlex.quote(value)}" for option, value in given.items() if value is not None)

    def stack(self, *, writes: bool = False, runs: bool = False) -> AbstractContextManager[Stack]:
        """The stack that the options name.

        Args:
            writes: What is changed in the tables of a lake is kept; nobody else may work with it meanwhile.
            runs: Functions and the state machine are needed; a lake's are started, which takes some seconds.
        """
        return open_stack(
            self.stack_name or "lakeferry",
            lake=self.lake,
            secrets=self.secrets,
            profile=self.profile,
            region=self.region,
            writes=writes,
            runs=runs,
        )


Command = Callable[..., int | None]


def command(
    app: typer.Typer,
    name: str,
    reach: Reach = Reach.STACK,
    **settings: Any,  # noqa: ANN401  (Typer's own)
) -> Callable[[Command], Command]:
    """Declares a command of `app`; the function's first parameter is the `Call`, its answer the exit code."""

    def declare(function: Command) -> Command:
        app.command(name, **settings)(_with_shared(function, reach))
        return function

    return declare


def group(app: typer.Typer, reach: Reach = Reach.STACK) -> Callable[[Command], Command]:
    """Declares what a group of commands does when none of them is named."""

    def declare(function: Command) -> Command:
        shared = _with_shared(function, reach)

        def unless_another(ctx: typer.Context, **given: object) -> None:
            if ctx.invoked_subcommand is None:
                shared(**given)

        _sign(unless_another, [_parameter("ctx", typer.Context), *inspect.signature(shared).parameters.values()])
        unless_another.__doc__ = function.__doc__
        app.callback(invoke_without_command=True)(unless_another)
        return function

    return declare


def _with_shared(function: Command, reach: Reach) -> Callable[..., None]:
    own = list(inspect.signature(function).parameters.values())[1:]

    @functools.wraps(function)
    def called(**given: object) -> None:
        shared = {name: given.pop(name) for name in _SHARED[reach]}
        out = Output(as_json=bool(shared.pop("as_json")))
        code = function(Call(out, **shared), **given)  # type: ignore[arg-type]
        if code:
            raise typer.Exit(code)

    del called.__wrapped__  # Typer would look through it
    _sign(called, [*own, *(_parameter(name, *pair) for name, pair in _SHARED[reach].items())])
    return called


def _sign(function: Callable[..., None], parameters: list[inspect.Parameter]) -> None:
    """Gives a function the parameters that Typer is to see."""
    named = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in parameters]
    function.__signature__ = inspect.Signature(named)  # type: ignore[attr-defined]
    function.__annotations__ = {one.name: one.annotation for one in named}


def _parameter(name: str, annotation: object, default: object = inspect.Parameter.empty) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


_JSON = Annotated[bool, typer.Option("--json", help="Answer in JSON, one object a line.", rich_help_panel="Output")]
_STACK = Annotated[
    str | None,
    typer.Option("--stack", envvar="LAKEFERRY_STACK", help="CloudFormation stack in AWS.", rich_help_panel=_WHERE),
]
_LAKE = Annotated[
    Path | None,
    typer.Option(
        "--lake",
        envvar="LAKEFERRY_LAKE",
        metavar="DIR",
        help="The folder of `lakeferry run`, instead of a stack in AWS.",
        rich_help_panel=_WHERE,
    ),
]
_SECRETS = Annotated[
    Path | None,
    typer.Option(
        "--secrets",
        metavar="FILE",
        help="With --lake: secret names and their fields (YAML).",
        rich_help_panel=_WHERE,
    ),
]
_PROFILE = Annotated[
    str | None, typer.Option("--profile", help="Profile of your AWS credentials.", rich_help_panel=_WHERE)
]
_REGION = Annotated[str | None, typer.Option("--region", help="AWS region of the stack.", rich_help_panel=_WHERE)]

_OF_A_STACK: dict[str, tuple[object, object]] = {
    "lake": (_LAKE, None),
    "secrets": (_SECRETS, None),
    "profile": (_PROFILE, None),
    "region": (_REGION, None),
    "as_json": (_JSON, False),
}
_SHARED: dict[Reach, dict[str, tuple[object, object]]] = {
    Reach.NOTHING: {"as_json": (_JSON, False)},
    Reach.ASKED: {"stack_name": (_STACK, None), **_OF_A_STACK},
    Reach.STACK: {"stack_name": (_STACK, "lakeferry"), **_OF_A_STACK},
}
