"""`lakeferry`: calls a command, and says in a line what went wrong where something did.

`app.py` puts the commands together; `main` is what the installed program, `./lakeferry` and tests call.
"""

import os
import sys
import traceback

import typer
from botocore.exceptions import BotoCoreError, ClientError

from cli.app import built
from cli.aws_problems import words_of
from cli.problems import DONE, FAILED, INTERRUPTED, WRONG_USE, CommandError
from lakeferry.errors import LakeferryError

_DEBUG = "LAKEFERRY_DEBUG"
OF_A_LAPTOP = frozenset({"moto", "samtranslator", "jsonata", "duckdb", "pyftpdlib", "flask", "werkzeug"})
"""Modules that only the local AWS needs."""
OF_THE_CONSOLE = frozenset({"starlette", "uvicorn", "anyio", "h11"})
"""Modules that only the console needs."""


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; its exit code (`problems.py`)."""
    try:
        return _call(arguments)
    except CommandError as error:
        return _told(str(error), error.code)
    except LakeferryError as error:
        return _told(str(error), FAILED)
    except (BotoCoreError, ClientError) as error:
        return _told(words_of(error), FAILED)
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing in OF_THE_CONSOLE:
            return _told(
                f"the console needs packages that are not installed ({missing}): from a clone, "
                "uv tool install '.[console]' (of a lake on this machine '.[console,laptop]')",
                FAILED,
            )
        if missing not in OF_A_LAPTOP:
            return _unforeseen(error)
        return _told(
            f"a lake on this machine needs packages that are not installed ({error.name}): from a clone, "
            "uv tool install '.[laptop]', or pipx install '.[laptop]'",
            FAILED,
        )
    except KeyboardInterrupt:
        return _told("interrupted", INTERRUPTED)
    except BrokenPipeError:  # `lakeferry files | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except Exception as error:
        return _unforeseen(error)


def _call(arguments: list[str] | None) -> int:
    try:
        code = built().main(arguments, prog_name="lakeferry", standalone_mode=False)
    except typer.Abort:
        return _told("stopped; nothing was done", FAILED)
    except Exception as error:
        # Typer's own: a wrong option, a missing argument
        if not (hasattr(error, "format_message") and hasattr(error, "exit_code")):
            raise
        context = getattr(error, "ctx", None)
        path = context.command_path if context is not None else "lakeferry"
        if type(error).__name__ == "NoArgsIsHelpError":
            print(context.get_help() if context is not None else "")
            return WRONG_USE
        return _told(f"{error.format_message()} See: {path} --help", WRONG_USE)
    return code if isinstance(code, int) else DONE


def _unforeseen(error: Exception) -> int:
    if _DEBUG in os.environ:
        traceback.print_exc()
    words = " ".join(str(error).split())
    return _told(
        f"{type(error).__name__}: {words}\nThis is a fault of Lakeferry's own; {_DEBUG}=1 shows where it happened.",
        FAILED,
    )


def _told(words: str, code: int) -> int:
    sys.stdout.flush()
    print(f"lakeferry: {words}", file=sys.stderr)
    return code


def run() -> None:
    """The installed program."""
    sys.exit(main())


if __name__ == "__main__":
    run()
