"""States of a run one by one, and its log."""

from starlette.requests import Request
from starlette.responses import Response

from cli.console.executions import read_log
from cli.console.logs import FUNCTIONS, Asked, Line, lines_of
from cli.console.pages import Console, Slice, console_of, page
from cli.console.runs import KINDS, find_run, see, state_log
from cli.console.states import States
from cli.stack import Run, Stack
from lakeferry.reports.machine import state_id

_ROWS = 50


def states(request: Request) -> Response:
    """Every time a state was entered, or all states in order: input, output, error, retries, duration."""
    console = console_of(request)
    tenant, run = console.tenant(request), find_run(console, request.path_params["run"])
    query = request.query_params
    log = state_log(console, run) or _of_stack(console, run, tenant, query.get("feed", ""))
    chosen, state = query.get("feed", ""), query.get("state", "")
    found = list(log.chosen(tenant=tenant, state=query.get("state", ""), feed_id=query.get("feed", "")))
    if query.get("outcome"):
        found = [one for one in found if one.outcome == query["outcome"]]
    lines, more = _lines(console, run, tenant, chosen, FUNCTIONS.get(state, ""))
    return page(
        request,
        "states.html",
        live=run.status == "RUNNING",
        run=run,
        kind=KINDS.get(run.status, "failed"),
        is_running=run.status == "RUNNING",
        state=query.get("state", ""),
        state_id=state_id,
        log=log,
        entries=Slice.of(found, query.get("page"), _ROWS),
        every_feed=_feeds(console, run, tenant, log),
        function=FUNCTIONS.get(state, ""),
        lines=lines,
        more=more,
    )


def _feeds(console: Console, run: Run, tenant: str, log: States) -> list[str]:
    if console.folder is None:
        return sorted(see(console, run, tenant).gathered.feeds)
    return sorted({one.feed_id for one in log.chosen(tenant=tenant) if one.feed_id})


def _of_stack(console: Console, run: Run, tenant: str, feed_id: str) -> States:
    def read(stack: Stack) -> States:
        return read_log(stack.client("stepfunctions"), run, tenant, feed_id)

    key = ("states", run.arn, run.status, tenant, feed_id)
    return console.place.kept(key, read, is_over=run.status != "RUNNING")


def log(request: Request) -> Response:
    """Log lines of all functions of a run."""
    console = console_of(request)
    tenant, run = console.tenant(request), find_run(console, request.path_params["run"])
    feed_id = request.query_params.get("feed", "")
    own, _, feed = feed_id.partition("/")
    asked = Asked(tenant or own, feed)
    lines, more = lines_of(console, run, asked) if not (tenant and own not in {"", tenant}) else ([], "")
    return page(request, "log.html", live=run.status == "RUNNING", run=run, lines=lines, more=more, feed_id=feed_id)


def _lines(console: Console, run: Run, tenant: str, feed_id: str, function: str) -> tuple[list[Line], str]:
    """What the function of the state that is looked at has logged, in order."""
    own, _, feed = feed_id.partition("/")
    if not function or (tenant and own not in {"", tenant}):
        return [], ""
    return lines_of(console, run, Asked(tenant or own, feed, function=function))
