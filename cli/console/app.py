"""The console's pages by their addresses."""

from collections.abc import Awaitable, Callable
from urllib.parse import unquote

from botocore.exceptions import BotoCoreError, ClientError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from cli.aws_problems import words_of
from cli.console import doing, entered, failures, feeds, files, held, promises, query, runs
from cli.console.guard import Guard
from cli.console.pages import Console, page, style
from cli.problems import CommandError, NothingMatchedError, WrongUseError
from lakeferry.errors import LakeferryError
from lakeferry.ledger.datasets import is_name

PAGES: dict[str, Callable[[Request], Response]] = {
    "/runs": runs.listing,
    "/runs/{run}": runs.show,
    "/runs/{run}/report": runs.report,
    "/runs/{run}/states": entered.states,
    "/runs/{run}/log": entered.log,
    "/failures": failures.listing,
    "/files": files.listing,
    "/file": files.show,
    "/feeds": feeds.listing,
    "/feeds/{tenant}/{feed}": feeds.show,
    "/promises": promises.show,
    "/query": query.show,
    "/query.csv": query.export,
    "/done/{number:int}": doing.show,
}
KEPT = {"Cache-Control": "private, max-age=86400, immutable"}
"""Of what is the same as long as its address is, which has the content's hash in it: no page asks for it twice."""


def app_of(console: Console, port: int) -> Starlette:
    """The console as a program for a server."""

    def css(request: Request) -> Response:
        return Response(style(), media_type="text/css", headers=KEPT)

    app = Starlette(
        routes=[
            Route("/", lambda request: RedirectResponse("/runs", 303)),
            Route("/style.css", css),
            Route("/favicon.ico", lambda request: Response(status_code=204, headers=KEPT)),
            Route("/tenant", _choose),
            Route("/do", doing.do, methods=["POST"]),
            Route("/held/{name}.css", held.sheet),
            Route("/held/{name}/{what}/{key}", held.tell),
            *(Route(path, _once_left(show)) for path, show in PAGES.items()),
        ],
        middleware=[Middleware(Guard, token=console.token, port=port)],
        exception_handlers={
            CommandError: _problem,
            LakeferryError: _problem,
            BotoCoreError: _refused,
            ClientError: _refused,
            404: lambda request, error: _told(request, 404, "There is no such page."),
            500: lambda request, error: Response(f"A fault of the console's own: {type(error).__name__}\n", 500),
        },
    )
    app.state.console = console
    return app


def _once_left(show: Callable[[Request], Response]) -> Callable[[Request], Awaitable[Response]]:
    """The page, where it is asked for again by itself only once no field of it is being filled in."""

    async def shown(request: Request) -> Response:
        console: Console = request.app.state.console
        await console.holding.wait(request)
        return await run_in_threadpool(show, request)

    return shown


def _choose(request: Request) -> Response:
    """Shows one tenant's part from here on, or all."""
    console: Console = request.app.state.console
    name, to = request.query_params.get("name", ""), request.query_params.get("to", "")
    # within this site, whatever it says
    path = unquote(to) if unquote(to) in PAGES else "/runs"
    answer = RedirectResponse(path, 303)
    if name and is_name("tenant", name):
        answer.set_cookie(console.tenant_cookie, name, httponly=True, samesite="strict")
    else:
        answer.delete_cookie(console.tenant_cookie, httponly=True, samesite="strict")
    return answer


def _problem(request: Request, error: Exception) -> Response:
    status = 404 if isinstance(error, NothingMatchedError) else 400 if isinstance(error, WrongUseError) else 409
    return _told(request, status, str(error))


def _refused(request: Request, error: Exception) -> Response:
    return _told(request, 502, words_of(error))  # type: ignore[arg-type]  # one of the two it is registered for


def _told(request: Request, status: int, text: str) -> Response:
    return page(request, "problem.html", status=status, text=text)
