"""Questions before something is changed."""

import sys

import typer

from cli.calling import Call
from cli.problems import WrongUseError


def agreed(call: Call, question: str, *, yes: bool, stakes: str) -> None:
    """Goes on where a person, or `--yes`, says so.

    Args:
        stakes: What would be done, for who cannot be asked.

    Raises:
        WrongUseError: nobody can be asked.
        typer.Abort: the person said no.
    """
    if yes:
        return
    if call.out.as_json or not sys.stdin.isatty():
        raise WrongUseError(f"{stakes}; nothing was done. Nobody can be asked here: add --yes to do it.")
    typer.confirm(question, abort=True)
