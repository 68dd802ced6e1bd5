"""Log lines of a run's functions in order: of a lake from its folder, of a stack from CloudWatch Logs."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cli.console.pages import Console
from cli.stack import Run
from lakeferry.reports.facts import shown

MOST = 400
"""Lines that a page has."""
_PAGES = 20
"""Of CloudWatch Logs' answers: each may be empty, and more would take longer than a person waits."""
_TAIL = 64 * 1024 * 1024
"""Bytes of a lake's log that are looked through, its end."""
_KNOWN = frozenset(
    {
        *(
            "level",
            "location",
            "message",
            "timestamp",
            "service",
            "cold_start",
            "function_name",
            "function_memory_size",
        ),
        *(
            "function_arn",
            "function_request_id",
            "run",
            "run_id",
            "xray_trace_id",
            "_aws",
            "exception",
            "exception_name",
        ),
        *("tenant", "feed", "sampling_rate"),
    }
)
_MESSAGE, _REST = 800, 1_500


FUNCTIONS = {
    **{"List feeds": "list-feeds", "Poll server": "poll", "Fetch files": "fetch", "Validate files": "validate"},
    **{"Upload files": "upload", "Plan crawl": "plan_crawl", "Curate small": "curate_small"},
    **{"Reconcile run": "reconcile", "Describe failure": "describe", "Describe run failure": "describe"},
}
"""By the state that calls it: the function, as its log lines name it."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line.

    Attributes:
        rest: The values it has besides the message, and the end of a traceback.
    """

    at: datetime | str
    level: str
    function: str
    message: str
    rest: str


@dataclass(frozen=True, slots=True)
class Asked:
    """Which lines of a run: of a tenant, of a feed, of a file, of a function."""

    tenant: str = ""
    feed: str = ""
    path: str = ""
    function: str = ""

    def has(self, line: Mapping[str, Any]) -> bool:
        """Whether it is one of them; what is of no tenant is the operator's."""
        if self.tenant and line.get("tenant") != self.tenant:
            return False
        if self.feed and line.get("feed") != self.feed:
            return False
        if self.function and line.get("service") != f"lakeferry-{self.function}":
            return False
        # lines about a feed's batch are about the file, too
        return not self.path or line.get("file") in {None, self.path}


def lines_of(console: Console, run: Run, asked: Asked) -> tuple[list[Line], str]:
    """The first of them, and what there is more, in words; empty where that is all."""
    found: list[Line] = []
    lines = _of_folder(console.folder, run.name) if console.folder else _of_stack(console, run, asked)
    for line in lines:
        if not asked.has(line):
            continue
        if len(found) >= MOST:
            return found, f"the first {MOST} are shown"
        found.append(_line(line))
    return found, ""


def _of_folder(folder: Path, run: str) -> Iterator[Mapping[str, Any]]:
    try:
        with (folder / ".lakeferry" / "functions.log").open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - _TAIL))
            name = run.encode()
            yield from _parsed(line for line in file if name in line)
    except OSError:
        return


def _of_stack(console: Console, run: Run, asked: Asked) -> Iterator[Mapping[str, Any]]:
    with console.place.stack() as stack:
        client, group = stack.client("logs"), stack.physical("FunctionLogGroup")
        began = datetime.fromisoformat(run.started)
        ended = began + timedelta(seconds=run.seconds, minutes=2) if run.seconds is not None else datetime.now(UTC)
        pattern = " && ".join(
            f"$.{name} = {json.dumps(value)}"
            for name, value in {
                **{"run_id": run.name, "tenant": asked.tenant, "feed": asked.feed},
                "service": asked.function and f"lakeferry-{asked.function}",
            }.items()
            if value
        )
        given = {"logGroupName": group, "filterPattern": f"{{ {pattern} }}"}
        span = {"startTime": _millis(began), "endTime": _millis(ended)}
        events: list[str] = []
        token: dict[str, str] = {}
        for _ in range(_PAGES):
            answer = client.filter_log_events(**given, **span, **token)
            events += [event["message"] for event in answer["events"]]
            if not answer.get("nextToken") or len(events) > 4 * MOST:
                break
            token = {"nextToken": answer["nextToken"]}
    yield from sorted(_parsed(one.encode() for one in events), key=lambda line: str(line.get("timestamp", "")))


def _millis(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _parsed(lines: Iterable[bytes]) -> Iterator[Mapping[str, Any]]:
    for line in lines:
        try:
            found = json.loads(line)
        except ValueError:
            continue  # a process that was killed in the middle of it
        if isinstance(found, dict):
            yield found


def _line(line: Mapping[str, Any]) -> Line:
    values = {name: value for name, value in line.items() if name not in _KNOWN}
    rest = " ".join(f"{name}={_value(value)}" for name, value in values.items())
    if "exception" in line:
        rest = f"{rest} {str(line['exception'])[-600:]}"
    service = str(line.get("service", "")).removeprefix("lakeferry-")
    return Line(
        _moment(line.get("timestamp")),
        shown(line.get("level", "INFO"), 20),
        service or shown(line.get("function_name", "")),
        shown(line.get("message", ""), _MESSAGE),
        shown(rest, _REST),
    )


def _value(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _moment(text: object) -> datetime | str:
    """Powertools writes `2026-11-30 08:00:13,088+0000`."""
    try:
        return datetime.strptime(str(text), "%Y-%m-%d %H:%M:%S,%f%z")
    except ValueError:
        return str(text or "")
