"""`lakeferry console`: starts it on loopback and says where it is."""

import os
import socket
import sys
import webbrowser
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer

from cli.calling import Call, command
from cli.names import tenant_of
from cli.problems import CommandError, WrongUseError

if TYPE_CHECKING:
    from cli.console.place import Place

LOOPBACK = "127.0.0.1"


def declare(app: typer.Typer) -> None:
    """Adds it to the commands."""
    command(app, "console")(console)


def console(
    call: Call,
    write: Annotated[bool, typer.Option("--write", help="Let a click take again what failed.")] = False,
    tenant: Annotated[str, typer.Option(help="This tenant's part alone: nothing of another is read.")] = "",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Of 127.0.0.1; 0 takes a free one.")] = 0,
    timezone: Annotated[
        str, typer.Option(metavar="ZONE", help="Of the times, such as Europe/Vienna (default: this machine's).")
    ] = "",
    open_it: Annotated[bool, typer.Option("--open", help="Open it in your browser.")] = False,
) -> None:
    """Look at runs, failures and files in a browser on this machine."""
    import uvicorn

    from cli.console.app import app_of
    from cli.console.doing import Doer
    from cli.console.guard import Token
    from cli.console.pages import Console

    zone, place = _zone(timezone), place_opened(call)
    with place.stack() as stack:
        only, name = (tenant_of(stack, tenant) if tenant else ""), stack.name
        # a stack that is not there, or not to be reached, is told here and not by each page
        stack.physical("IngestStateMachine")
    with _bound(port) as bound:
        port = bound.getsockname()[1]
        token = Token(port)
        found = Console(
            place=place,
            token=token,
            name=name,
            only=only,
            writes=write,
            words=_words(call),
            where=call.where,
            zone=zone,
            folder=call.lake.absolute() if call.lake else None,
            extras={"doer": Doer(_options(call))},
        )
        address = f"http://{LOOPBACK}:{port}/?token={token.value}"
        call.out.data({"console": address, "pid": os.getpid()})
        call.out.say(f"The console is at {address}\nCtrl-C ends it. Who has the address sees what you may see.")
        if open_it and not webbrowser.open(address):
            call.out.warn("no browser was found; open the address above in one")
        sys.stdout.flush()
        settings = uvicorn.Config(
            app_of(found, port),
            log_level="warning",
            access_log=False,
            server_header=False,
            lifespan="off",
            # a page that waits until a field is left is nothing to wait for at the end
            timeout_graceful_shutdown=1,
        )
        try:
            uvicorn.Server(settings).run(sockets=[bound])
        finally:
            place.close()


def place_opened(call: Call) -> "Place":
    """What is looked at."""
    from cli.console.place import place_of

    return place_of(call)


def _bound(port: int) -> socket.socket:
    """Loopback alone: there is no option for another address."""
    # asyncio sends what is small at once (TCP_NODELAY) where the socket names its protocol: else an answer's body waits
    # until the browser has acknowledged its headers, 40 ms
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((LOOPBACK, port))
        # from here on a browser that is quicker than the server waits for it, and is not refused
        bound.listen()
    except OSError as error:
        bound.close()
        raise CommandError(f"port {port} of {LOOPBACK} cannot be had: {error.strerror}. Another: --port") from error
    return bound


def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise WrongUseError(f"--timezone {name!r} is no time zone such as Europe/Vienna.") from error


def _words(call: Call) -> Callable[[str], str]:
    if call.lake is None:
        return str
    from local.words import lake_words

    return lake_words(call.lake, call.where)


def _options(call: Call) -> list[str]:
    """What names the stack, for a command that a click calls."""
    given: dict[str, str | Path | None] = {
        **{"--stack": None if call.lake else call.stack_name, "--lake": call.lake, "--secrets": call.secrets},
        **{"--profile": call.profile, "--region": call.region},
    }
    return [f"{option}={value}" for option, value in given.items() if value is not None]
