"""Which feeds are due in this run, as a list in S3 that the state machine's Distributed Map reads."""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from lakeferry.aws.tables import pages
from lakeferry.errors import FeedInvalidError, cause_of
from lakeferry.feeds.document import read_document
from lakeferry.feeds.each import each_feed
from lakeferry.ledger import Ledger
from lakeferry.ledger.asides import CURATE, Aside
from lakeferry.ledger.datasets import tried_with
from lakeferry.ledger.feed_states import IDLE_POLLS, OUT_OF_TIME, State, was_slow
from lakeferry.models import FeedItem, run_id_of
from lakeferry.runs.schedule import is_due
from list_feeds.order import MOST_FEEDS, SLOTS, dealt, longest_waiting

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_s3 import S3Client

SOURCES = (None, "inbox", "server")
STUCK_AFTER_POLLS = 3
"""Polls in a row that leave files and take none, after which a feed waits for its schedule again."""


def list_feeds(
    feeds: "Table",
    ledger: Ledger,
    s3: "S3Client",
    work_bucket: str,
    run: str,
    execution_input: Mapping[str, Any],
    now: datetime,
    minutes: int = 45,
    slots: int = SLOTS,
    most: int = MOST_FEEDS,
) -> dict[str, Any]:
    """Writes a JSON array of `FeedItem`; its bucket, key and count, and how many due feeds are left to the next run.

    A document that is not valid is listed all the same: polling it fails by name, for that feed alone.

    Args:
        execution_input: Its `feeds`, a list of `tenant/feed`, takes exactly those, due or not; its `files`, a list
            of ledger keys `{"feed_id", "file_id"}`, takes exactly those, with `source` even where they are in the
            lake; its `curate`, a list of `tenant/feed`, polls nothing and has those feeds' files curated that were set
            aside. A scheduled event's `time` is taken once: of two deliveries the later one lists nothing.
        minutes: What the run has for its feeds, from now on.
        slots: So many feeds are at work together.
        most: So many are polled in one run.
    """
    given = _given(execution_input, run)
    due_at = _due_at(execution_input, now)
    asked = execution_input.get("curate")
    _take_up(feeds, ledger, asked or (), now)
    if (wanted := execution_input.get("feeds")) is not None:
        names = [_split(feed_id) for feed_id in wanted]
    elif given or asked is not None or not _is_first(execution_input, ledger, run):
        names = []
    else:
        names = _due(feeds, ledger, datetime.fromisoformat(due_at))
    states = ledger.feeds.known({*(f"{tenant}/{feed}" for tenant, feed in names), *(item.feed_id for item in given)})
    polled = [
        FeedItem(tenant, feed, run, time=due_at, polled_at=_polled_at(states, f"{tenant}/{feed}"))
        for tenant, feed in sorted(set(names))
    ]
    deadline = int(now.timestamp()) + minutes * 60
    taken = longest_waiting(polled, most)
    listed = [replace(item, deadline=deadline) for item in [*taken, *given]]
    slow = {feed_id for feed_id, state in states.items() if was_slow(state)}
    items = [item.to_json() for item in dealt(listed, slow, minutes * 60, slots)]
    key = f"runs/{run_id_of(run)}/feeds.json"
    s3.put_object(Bucket=work_bucket, Key=key, Body=json.dumps(items).encode(), ContentType="application/json")
    return {"bucket": work_bucket, "key": key, "feeds": len(items), "waiting": len(polled) - len(taken)}


def _given(execution_input: Mapping[str, Any], run: str) -> list[FeedItem]:
    by_feed: dict[tuple[str, str], list[str]] = {}
    for file in execution_input.get("files", ()):
        by_feed.setdefault(_split(file["feed_id"]), []).append(file["file_id"])
    source = execution_input.get("source")
    if source not in SOURCES:
        raise FeedInvalidError(f'$.source of the execution input: {source!r} is neither "inbox" nor "server".')
    return [FeedItem(tenant, feed, run, tuple(files), source) for (tenant, feed), files in sorted(by_feed.items())]


def _take_up(feeds: "Table", ledger: Ledger, asked: Collection[object], now: datetime) -> None:
    """Files that the Glue job set aside go to it again when a person says so, or what they were tried with is another.

    That is their feed's document, or who may write to its dataset. What might go well another time goes to it again by
    itself after a while.
    """

    def take_up(aside: Aside) -> None:
        tenant, _, feed = aside.feed_id.partition("/")
        is_asked = aside.feed_id in asked
        tried = tried_with(read_document(feeds, tenant, feed), aside.error, ledger.datasets.get)
        if not is_asked and not _is_over(aside, now) and tried == aside.fingerprint:
            return
        if is_asked:
            ledger.asides.reopen(aside)
        if not ledger.take_up(aside.feed_id):
            ledger.asides.clear(aside)

    # one for which that fails stays aside as it is
    each_feed(ledger.asides.of(CURATE), take_up, lambda aside, _: None)


def _is_over(aside: Aside, now: datetime) -> bool:
    """Whether it has waited as long as an error of that kind waits."""
    hours = cause_of(aside.error).again_after_hours
    return hours is not None and now - datetime.fromisoformat(aside.noted_at) >= timedelta(hours=hours)


def _is_first(execution_input: Mapping[str, Any], ledger: Ledger, run: str) -> bool:
    """Of a scheduled event; a run that is taken again has the event's time, too, and another trigger."""
    if execution_input.get("trigger") != "schedule" or "time" not in execution_input:
        return True
    return ledger.feeds.take_tick(str(execution_input["time"]), run)


def _scan(feeds: "Table") -> Iterator[dict[str, Any]]:
    return pages(
        feeds.scan,
        ProjectionExpression="tenant, feed, enabled, #schedule",
        ExpressionAttributeNames={"#schedule": "schedule"},
        ConsistentRead=True,
    )


def _due(feeds: "Table", ledger: Ledger, now: datetime) -> list[tuple[str, str]]:
    enabled = [item for item in _scan(feeds) if item.get("enabled") is not False]
    states = ledger.feeds.known(f"{item['tenant']}/{item['feed']}" for item in enabled if "schedule" in item)
    due: list[dict[str, Any]] = []
    # one whose schedule cannot be read is polled, which fails by name
    found = each_feed(
        enabled, lambda item: [item] if _is_due(item, states, now) else [], lambda item, _: due.append(item)
    )
    due += [item for items in found for item in items]
    return [(item["tenant"], item["feed"]) for item in due]


def _is_due(item: Mapping[str, Any], states: Mapping[str, State], now: datetime) -> bool:
    if (schedule := item.get("schedule")) is None:
        return True
    state = states.get(f"{item['tenant']}/{item['feed']}", {})
    if _has_more(state):
        return True
    last = state.get("polled_for") or state.get("polled_at")
    return is_due(schedule, last=datetime.fromisoformat(last) if last else None, now=now)


def _polled_at(states: Mapping[str, State], feed_id: str) -> str:
    return str(states.get(feed_id, {}).get("polled_at", ""))


def _has_more(state: State) -> bool:
    """Whether the last poll saw files that only time keeps from being taken: they do not wait for the schedule."""
    if state.get(OUT_OF_TIME):  # for as long as their bytes come, or their attempts last
        return True
    left = state.get("left", {})
    is_waiting = any(left.get(name) for name in ("carried_over", "settling", "waiting"))
    return is_waiting and state.get(IDLE_POLLS, 0) < STUCK_AFTER_POLLS


def _due_at(execution_input: Mapping[str, Any], now: datetime) -> str:
    """When the run was due: what its scheduled event says, and else now. ISO 8601 UTC."""
    time = execution_input.get("time") if execution_input.get("trigger") == "schedule" else None
    try:
        due = now if time is None else datetime.fromisoformat(str(time))
    except ValueError:
        due = now
    return due.astimezone(UTC).isoformat(timespec="milliseconds")


def _split(feed_id: object) -> tuple[str, str]:
    tenant, slash, feed = str(feed_id).partition("/")
    if not (tenant and slash and feed):
        raise FeedInvalidError(f'$.feeds of the execution input: {feed_id!r} is not of the form "tenant/feed".')
    return tenant, feed
