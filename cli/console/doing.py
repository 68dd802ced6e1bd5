"""Does what was clicked: calls the command in a process of its own, and shows what it says while it says it."""

import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import parse_qsl

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from cli.console.actions import Action, action_of
from cli.console.files import may_see
from cli.console.guard import LONGEST_FORM
from cli.console.known import feeds_of
from cli.console.pages import Console, console_of, link, page
from cli.problems import CommandError, NothingMatchedError

MOST = 20
"""Calls that are remembered."""
_LONGEST = 200_000
"""Characters of what one says."""
_PROGRAM = (sys.executable, "-c", "from cli.__main__ import run; run()")


@dataclass(slots=True)
class Call:
    """One call of a command.

    Attributes:
        said: Its output so far.
        code: Its exit code; None while it goes on.
    """

    command: str
    fields: dict[str, str]
    tenant: str
    is_dry: bool
    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    said: str = ""
    code: int | None = None


class Doer:
    """Calls commands, one at a time: a lake takes no more."""

    def __init__(self, options: Sequence[str], environment: dict[str, str] | None = None) -> None:
        self._options = options
        self._environment = environment or {}
        self._lock = threading.Lock()
        self.calls: list[Call] = []

    def start(self, action: Action, tenant: str, where: str, *, is_dry: bool) -> int:
        """Starts one; its number.

        Raises:
            CommandError: another goes on.
        """
        with self._lock:
            if any(call.code is None for call in self.calls[-MOST:]):
                raise CommandError("something else is being done: wait until it has ended, then ask for this again")
            shown = action.command(where)
            call = Call(shown.replace(" --yes", "", 1) if is_dry else shown, dict(action.fields), tenant, is_dry)
            self.calls.append(call)
            number = len(self.calls) - 1
        arguments = [*action.arguments(), *([] if is_dry else ["--yes"]), *self._options]
        threading.Thread(target=self._call, args=(call, arguments), name="doing", daemon=True).start()
        return number

    def _call(self, call: Call, arguments: list[str]) -> None:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **self._environment}
        try:
            with subprocess.Popen(
                [*_PROGRAM, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                env=environment,
            ) as process:
                for line in process.stdout or ():
                    if len(call.said) < _LONGEST:
                        call.said += line
            call.code = process.returncode
        except OSError as error:
            call.said += f"it could not be started: {error}\n"
            call.code = 1


async def do(request: Request) -> Response:
    """Takes what a form asks for; its page shows what happens."""
    console = console_of(request)
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LONGEST_FORM:
            return PlainTextResponse("That is no form of this console.\n", 413)
    if request.headers.get("content-type", "").partition(";")[0] != "application/x-www-form-urlencoded":
        return PlainTextResponse("That is no form of this console.\n", 415)
    form = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
    if not console.token.is_form(form.get("form_token", "")):
        return PlainTextResponse("The form lacks the token of this console.\n", 403)
    if not console.writes:
        return PlainTextResponse("This console is read-only: it was started without --write.\n", 403)
    return await run_in_threadpool(_do, request, console, form)


def _do(request: Request, console: Console, form: dict[str, str]) -> Response:
    action, tenant = action_of(form), console.tenant(request)
    if feed_id := action.fields.get("feed", ""):
        may_see(tenant, feed_id)
        if feed_id not in feeds_of(console.place, tenant):
            raise NothingMatchedError(f"there is no feed {feed_id!r} here")
    elif tenant:
        raise NothingMatchedError("runs are the operator's: show all tenants first")
    number = doer_of(console).start(action, tenant, console.where, is_dry=form.get("yes") != "yes")
    return RedirectResponse(link("done", str(number)), 303)


def doer_of(console: Console) -> Doer:
    """Who does it."""
    doer: Doer = console.extras["doer"]
    return doer


def show(request: Request) -> Response:
    """What one says, and whether it is done."""
    console = console_of(request)
    calls, number = doer_of(console).calls, int(request.path_params["number"])
    tenant = console.tenant(request)
    if number >= len(calls) or (tenant and calls[number].tenant != tenant):
        raise NothingMatchedError("nothing was done under this number")
    call = calls[number]
    action = Action("", call.fields)
    runs = [word for word in call.said.split() if ":execution:" in word]
    return page(
        request,
        "done.html",
        live=call.code is None,
        call=call,
        action=action,
        runs=sorted({run.rstrip(":,.").rsplit(":", 1)[-1] for run in runs}),
    )
