"""Feeds, and one feed over time: when its files came, how many rows they had, what was rejected, how it changed."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib import resources
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import Response

from cli.console.charts import Point, bars, day_chart, spark
from cli.console.files import may_see
from cli.console.kept import KeptLedger
from cli.console.known import documents_of
from cli.console.pages import Slice, console_of, page
from cli.console.promises import sla_of
from cli.feeds.differences import differences
from cli.feeds.show import as_yaml
from cli.feeds.stored import Stored
from cli.problems import NothingMatchedError
from cli.stack import Stack
from lakeferry.aws.items import plain
from lakeferry.counting import count_of
from lakeferry.errors import FeedInvalidError
from lakeferry.feeds import Feed, SlaSpec, parse_feed
from lakeferry.feeds.schedule import next_due, rate_seconds
from lakeferry.ledger import Entry
from lakeferry.ledger.days import by_day
from lakeferry.ledger.feed_states import history_of
from lakeferry.ledger.queries import files_of_feed, latest_files, unfinished
from lakeferry.reports.facts import SchemaChange, moment, shown
from lakeferry.reports.view import Promise, promise_of
from lakeferry.sla.items import stamp
from lakeferry.sla.table import SlaTable

DAYS = 30
ROWS = 25
"""Feeds that a page has: each costs some reads."""
FILES = 120
"""Files that the drawings of a feed have, the last."""
_LANDED = frozenset({"UPLOADED", "CURATED"})


@dataclass(frozen=True, slots=True)
class FeedRow:
    """A feed in the list."""

    feed_id: str
    dataset: str
    is_enabled: bool
    polled_at: str
    failed_polls: int
    error: str
    next_poll: datetime | None
    backlog: int
    counts: object
    rows: object
    promise: Promise | None


def listing(request: Request) -> Response:
    """All feeds, a page of them read."""
    console = console_of(request)
    tenant, text = console.tenant(request), request.query_params.get("q", "").casefold()
    documents = documents_of(console.place, tenant)
    chosen = [one for one in documents if text in one]
    part = Slice.of(chosen, request.query_params.get("page"), ROWS)
    rows = console.place.kept(
        ("feed rows", tenant, tuple(part.rows)),
        lambda stack: list(_rows(stack, {one: documents[one] for one in part.rows})),
        is_over=False,
    )
    return page(request, "feeds.html", rows=rows, part=part)


def _rows(stack: Stack, documents: Mapping[str, dict[str, Any]]) -> Iterator[FeedRow]:
    states, now = stack.ledger.feeds.known(list(documents)), datetime.now(UTC)
    for feed_id, found in documents.items():
        document, state = plain(found), states.get(feed_id, {})
        counts, rows = _sparks(stack, feed_id, state, now)
        yield FeedRow(
            feed_id=feed_id,
            dataset=shown(document.get("dataset", "")),
            is_enabled=bool(document.get("enabled", True)),
            polled_at=str(state.get("polled_at", "")),
            failed_polls=int(state.get("failed_polls", 0)),
            error=shown(state.get("error", "")) if "failed_polls" in state else "",
            next_poll=_next_poll(document, state),
            backlog=sum(1 for _ in unfinished(stack.ledger, feed_id, attributes=("status",))),
            counts=counts,
            rows=rows,
            promise=_promise(stack, feed_id, now) if "sla" in document else None,
        )


def _sparks(stack: Stack, feed_id: str, state: Mapping[str, Any], now: datetime) -> tuple[object, object]:
    """Files and rows a day: as the feed's item counts them, or from the files themselves where they are at hand."""
    found = by_day(state, DAYS, now)
    if isinstance(stack.ledger, KeptLedger):
        files, rows = Counter[str](), Counter[str]()
        for entry in files_of_feed(stack.ledger, feed_id):
            if landed := str(entry.get("uploaded_at", ""))[:10]:
                files[landed] += 1
                rows[landed] += int(entry.get("rows_read", 0))
        found = [(day, files[f"{day}"], rows[f"{day}"]) for day, _, _ in found]
    return (
        spark(
            [Point(count, f"{day}: {count_of(count, 'file')}") for day, count, _ in found],
            f"Files of {feed_id} in {DAYS} days",
        ),
        spark(
            [Point(count, f"{day}: {count_of(count, 'row')}") for day, _, count in found],
            f"Rows of {feed_id} in {DAYS} days",
        ),
    )


def _next_poll(document: Mapping[str, Any], state: Mapping[str, Any]) -> datetime | None:
    """When its schedule is due; None where each run polls it, or it cannot be read."""
    schedule, last = document.get("schedule"), moment(state.get("polled_for") or state.get("polled_at"))
    if not isinstance(schedule, str) or last is None or not document.get("enabled", True):
        return None
    try:
        zone = ZoneInfo(str((document.get("sla") or {}).get("timezone", "UTC")))
        if schedule.startswith("cron("):
            return next_due(schedule, last.astimezone(zone))
        return last + timedelta(seconds=rate_seconds(schedule))
    except (ValueError, KeyError, OSError, AttributeError):
        return None


def _promise(stack: Stack, feed_id: str, now: datetime) -> Promise | None:
    """The last due time of the day and a half before now."""
    items = SlaTable(stack.sla).history(feed_id, stamp(now - timedelta(hours=36)), stamp(now + timedelta(minutes=15)))
    return promise_of(feed_id, max(items, key=lambda item: item.due)) if items else None


@dataclass(slots=True)
class FeedSeen:
    """What is read of one feed."""

    document: dict[str, Any] | None
    state: Mapping[str, Any]
    files: list[Entry]
    versions: list[Any]
    promise: Promise | None
    help: dict[str, str] = field(default_factory=dict)


def show(request: Request) -> Response:
    """One feed."""
    console = console_of(request)
    feed_id = f"{request.path_params['tenant']}/{request.path_params['feed']}"
    may_see(console.tenant(request), feed_id)
    seen = console.place.kept(("feed", feed_id), lambda stack: _see(stack, feed_id), is_over=False)
    if seen.document is None and not seen.state and not seen.files:
        raise NothingMatchedError(f"there is no feed {feed_id!r} here")
    landed = [one for one in seen.files if one["status"] in _LANDED and "uploaded_at" in one][-FILES:]
    sla, _ = sla_of(seen.document or {})
    return page(
        request,
        "feed.html",
        feed_id=feed_id,
        seen=seen,
        arrivals=_arrivals(landed, sla),
        rows=bars(
            [Point(int(one.get("rows_read", 0)), _label(one, f"{one.get('rows_read', 0):,} rows")) for one in landed],
            "Rows",
            _band(seen),
        ),
        sizes=bars([Point(int(one["size"]), _label(one, f"{one['size']:,} bytes")) for one in landed], "Bytes"),
        fallout=_fallout(landed),
        changes=[(one, change) for one in reversed(seen.files) if (change := SchemaChange.of(one))][:20],
        document=as_yaml(seen.document) if seen.document else "",
        settings=_settings(seen.document or {}),
        history=list(_history(seen)),
        sla=sla,
    )


def _see(stack: Stack, feed_id: str) -> FeedSeen:
    stored = Stored(stack)
    document = stored.find(feed_id)
    return FeedSeen(
        document,
        stack.ledger.feeds.get(feed_id),
        _files(stack, feed_id),
        stored.versions(feed_id),
        _promise(stack, feed_id, datetime.now(UTC)) if document and "sla" in document else None,
    )


def _files(stack: Stack, feed_id: str) -> list[Entry]:
    """All, where they are at hand; of a stack the last that landed, as many as are drawn."""
    if not isinstance(stack.ledger, KeptLedger):
        return latest_files(stack.ledger, feed_id, datetime.now(UTC), FILES)
    return sorted(files_of_feed(stack.ledger, feed_id), key=lambda one: str(one.get("uploaded_at", "")))


def _label(entry: Entry, told: str) -> str:
    name = str(entry["path"]).rsplit("/", 1)[-1]
    return f"{str(entry.get('uploaded_at', ''))[:10]}: {shown(name, 80)}, {told}"


def _arrivals(landed: Sequence[Entry], sla: SlaSpec | None) -> object:
    """When files landed over the day, in the zone of the promise."""
    zone = ZoneInfo(sla.timezone) if sla else UTC
    due = sla.expected_by.hour + sla.expected_by.minute / 60 if sla else None
    points = []
    for entry in landed:
        came = moment(entry.get("arrived_at") or entry["uploaded_at"])
        if came is not None:
            local = came.astimezone(zone)
            hour = local.hour + local.minute / 60
            points.append(Point(hour, _label(entry, f"{local:%H:%M %Z}"), due is not None and hour > due))
    return day_chart(points, due, "Arrivals over the day")


def _band(seen: FeedSeen) -> tuple[float, float] | None:
    """Rows that the next file may have: the check's bounds, and what is near enough to the last files'."""
    feed = _parsed(seen.document)
    if feed is None:
        return None
    rows = feed.checks.rows
    low, high = float(rows.min), float(rows.max) if rows.max is not None else None
    if rows.deviation is not None:
        past = history_of(seen.state, "")[0][: rows.deviation.files]
        if len(past) >= rows.deviation.min_files:
            middle = median(past)
            low = max(low, middle * (1 - rows.deviation.ratio))
            high = min(high or middle * (1 + rows.deviation.ratio), middle * (1 + rows.deviation.ratio))
    # a bound far above what comes would make the bars too small to see
    most = max((int(one.get("rows_read", 0)) for one in seen.files), default=0)
    return (low, high) if high is not None and high <= 4 * max(most, 1) else None


def _parsed(document: Mapping[str, Any] | None) -> Feed | None:
    try:
        return parse_feed(document) if document else None
    except FeedInvalidError:
        return None


def _fallout(landed: Sequence[Entry]) -> list[tuple[str, int, str]]:
    """Rows by rule, rejected or dropped, the largest first."""
    found: Counter[tuple[str, str]] = Counter()
    for entry in landed:
        for name, kind in (("bad_rows", "rejected"), ("rows_dropped", "dropped")):
            for rule, count in (entry.get(name) or {}).items():
                found[shown(rule), kind] += int(count)
    return [(rule, count, kind) for (rule, kind), count in found.most_common(40)]


def _settings(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Each setting of the document that the schema explains."""
    schema = json.loads(resources.files("lakeferry").joinpath("feed_schema.json").read_text("utf-8"))
    return list(_explained(document, schema, ""))[:120]


def _explained(value: Any, schema: Any, path: str) -> Iterator[tuple[str, str]]:  # noqa: ANN401  (any JSON value)
    if not isinstance(value, Mapping) or not isinstance(schema, Mapping):
        return
    for name, known in schema.get("properties", {}).items():
        if name in value:
            if isinstance(known, Mapping) and known.get("description"):
                yield f"{path}{name}", str(known["description"])
            yield from _explained(value[name], known, f"{path}{name}.")


def _history(seen: FeedSeen) -> Iterator[tuple[str, str, str, list[str]]]:
    """When it was changed, by whom, how, and what differs; the newest first."""
    after: Mapping[str, Any] = seen.document or {}
    for version in seen.versions:
        lines = [shown(str(one), 300) for one in differences(version.document, after)][:40]
        yield version.until, shown(version.by), shown(version.why), lines
        after = version.document
