"""One check: which due times have been reached, what has arrived for them, and how they stand."""

import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from check_sla.missed import runs_missed
from check_sla.notifier import Notifier, by_server, is_undelivered
from check_sla.set_aside import tell_set_aside
from check_sla.silence import PIPELINE, UNWATCHED_AFTER, Watch, silences
from lakeferry.counting import count_of
from lakeferry.errors import CheckIncompleteError, FeedInvalidError
from lakeferry.feeds import Feed, SlaSpec, parse_feed
from lakeferry.feeds.each import each_feed
from lakeferry.ledger import Ledger
from lakeferry.ledger.mutes import mute_of
from lakeferry.ledger.queries import feed_documents
from lakeferry.mails.sla_reasons import Context, Reported
from lakeferry.mails.topic import Topic
from lakeferry.sla.arrivals import arrivals, failures, first_arrivals
from lakeferry.sla.calendar import DueTime, due_times
from lakeferry.sla.items import ALARMS, FINAL, SlaItem
from lakeferry.sla.table import SlaTable
from lakeferry.sla.verdict import BREACHED, GIVEN_UP_AFTER, LATE, MISSED, Arrival, Verdict, judge

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_stepfunctions import SFNClient

_AT_ONCE = 8
ZERO = timedelta()


@dataclass(frozen=True)
class Surroundings:
    """What a check works with; `token` names this one invocation."""

    feeds: "Table"
    ledger: Ledger
    table: SlaTable
    topic: Topic
    states: "SFNClient"
    state_machine: str
    silent_after: timedelta
    schedule: str = ""
    token: str = field(default_factory=lambda: uuid.uuid4().hex)


def check(around: Surroundings, now: datetime) -> dict[str, int]:
    """Looks at every feed with an SLA, and at the pipeline.

    Returns:
        `feeds` looked at, `due` times reached since the last check, `mails` sent, `open` promises, `invalid` documents,
        `runs_missed`, which were due and did not start; promises that are `breached`, by `late_seconds` at most.

    Raises:
        CheckIncompleteError: some of it could not be looked at or mailed; the rest was, and the next check tries again.
    """
    one = _Check(around, now)
    one.run()
    if problems := one.notifier.problems:
        raise CheckIncompleteError(
            f"{count_of(len(problems), 'step')} of this check failed; the others succeeded: "
            f"{'; '.join(problems[:10])}. The next check tries again."
        )
    return one.counts


class _Check:
    def __init__(self, around: Surroundings, now: datetime) -> None:
        self._around, self._now = around, now
        self._context = Context(now, around.state_machine)
        self.notifier = Notifier(around.table, around.topic, around.token, now)
        self.counts = {
            "feeds": 0,
            "due": 0,
            "mails": 0,
            "open": 0,
            "invalid": 0,
            "runs_missed": 0,
            "breached": 0,
            "late_seconds": 0,
        }

    def run(self) -> None:
        """Pipeline first, since feeds' mails say if it is dead; mails when all is looked at, since feeds share them."""
        table = self._around.table
        # the clocks are read first: a feed that is put meanwhile has none, and is not taken for one that is gone
        clocks = table.clocks()
        feeds, invalid = self._feeds()
        self.counts |= {"feeds": len(feeds), "invalid": len(invalid)}
        open_items = table.open_items()
        self.notifier.guarded("the pipeline", lambda: self._pipeline(open_items))
        by_feed: dict[str, list[SlaItem]] = defaultdict(list)
        for item in open_items:
            if item.feed_id != PIPELINE:
                by_feed[item.feed_id].append(item)
        self.counts["open"] = sum(map(len, by_feed.values()))
        for feed_id in (clocks.keys() | by_feed.keys()) - feeds.keys() - invalid:
            self.notifier.guarded(feed_id, lambda gone=feed_id: self._forget(gone, by_feed[gone]))  # type: ignore[misc]
        standing: list[Reported] = []

        def look(feed: Feed) -> None:
            found = self._look_at(feed, clocks.get(feed.feed_id), by_feed.get(feed.feed_id, []))
            if found.items:
                standing.append(found)

        with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
            guarded = self.notifier.guarded
            list(pool.map(lambda feed: guarded(feed.feed_id, lambda: look(feed)), feeds.values()))
            late = [self._now - item.expected_at for one in standing for item in one.items if item.status == BREACHED]
            self.counts |= {"breached": len(late), "late_seconds": int(max(late, default=ZERO).total_seconds())}
            list(pool.map(lambda group: self.notifier.notify(group, self._context), by_server(standing)))
        around = self._around
        self.notifier.guarded("feeds set aside", lambda: tell_set_aside(around.ledger, around.feeds, self.notifier))
        self.counts["mails"] = len(self.notifier.sent)

    # -- feeds

    def _feeds(self) -> tuple[dict[str, Feed], set[str]]:
        """Enabled feeds with an SLA, and the names of those whose document is not valid: polling them fails by name."""
        invalid = set()

        def aside(item: Mapping[str, Any], error: Exception) -> None:
            invalid.add(f"{item.get('tenant')}/{item.get('feed')}")
            if not isinstance(error, FeedInvalidError):
                self._around.ledger.asides.note_document("check_sla", item, error)

        documents = feed_documents(self._around.feeds)
        promising = (item for item in documents if item.get("enabled") is not False and "sla" in item)
        return {feed.feed_id: feed for feed in each_feed(promising, parse_feed, aside)}, invalid

    def _forget(self, feed_id: str, items: list[SlaItem]) -> None:
        """A feed is off, or has no SLA any more: nothing is mailed of it, and if it comes back it begins anew."""
        for item in items:
            self._around.table.drop(item)
        self._around.table.forget_clock(feed_id)

    def _look_at(self, feed: Feed, checked_until: datetime | None, open_items: Sequence[SlaItem]) -> Reported:
        """How all its due times stand that are open; those of which nothing is left to be mailed are ended."""
        table, sla = self._around.table, feed.sla
        assert sla is not None  # noqa: S101  (_feeds takes no others)
        # a feed that is new was never due before
        reached = [] if checked_until is None else due_times(sla, checked_until, self._now)
        self.counts["due"] += len(reached)
        items = {item.due: item for item in open_items}
        seen: dict[date, list[Arrival]] = {}
        for due in reached:
            item = table.expect(feed.feed_id, sla, due, self._verdict(feed, sla, due, seen))
            if item.is_open:
                items[item.due] = item
        standing = [item for item in (self._settled(feed, sla, item, seen) for item in items.values()) if item]
        found = Reported(feed, sorted(standing, key=lambda item: item.due))
        for item in found.items:
            if item.status in FINAL and not is_undelivered(found, item, "sla_recovered"):
                table.end(item)
            elif "sla_breached" in item.sent and self._now - item.deadline > GIVEN_UP_AFTER:
                table.end(item, MISSED)
        table.set_clock(feed.feed_id, self._now)
        ledger = self._around.ledger
        alarms = [item for item in found.items if any(is_undelivered(found, item, event) for event in ALARMS)]
        if not alarms and not any(is_undelivered(found, item, "sla_recovered") for item in found.items):
            return found
        state = ledger.feeds.get(feed.feed_id)
        if mute_of(state, self._now) is not None:
            return self._muted(found)
        if not alarms:
            return found
        failed = failures(ledger, feed, sla, {item.due_time.business_date for item in alarms})
        return replace(found, state=state, failed=failed)

    def _muted(self, found: Reported) -> Reported:
        """Nothing is mailed of it: what is open is told when the mute ends, and what came late by then is not."""
        for item in found.items:
            if item.status in FINAL and not item.is_alarmed:
                self._around.table.end(item)
        return replace(found, items=[])

    def _verdict(self, feed: Feed, sla: SlaSpec, due: DueTime, seen: dict[date, list[Arrival]]) -> Verdict:
        ledger, day = self._around.ledger, due.business_date
        if day not in seen:
            seen[day] = arrivals(ledger, feed, sla, day)
        verdict = judge(sla, due, seen[day], self._now)
        if verdict.status == LATE:
            seen[day] = first_arrivals(ledger, feed, seen[day], day)
            verdict = judge(sla, due, seen[day], self._now)
        return verdict

    def _settled(self, feed: Feed, sla: SlaSpec, item: SlaItem, seen: dict[date, list[Arrival]]) -> SlaItem | None:
        if item.status in FINAL:
            # its mail was not finished; what the index says of that may be old
            current = self._around.table.get(item.feed_id, item.due)
            return current if current.is_open else None
        return self._around.table.settle(item, self._verdict(feed, sla, item.due_time, seen))

    # -- the pipeline

    def _pipeline(self, open_items: list[SlaItem]) -> None:
        around = self._around
        watch = Watch(around.states, around.state_machine, around.silent_after, self._now)
        watching_since = around.table.watch(PIPELINE, self._now, UNWATCHED_AFTER)
        begun = max(around.ledger.feeds.last_tick() or watch.newest_began() or watching_since, watching_since)
        self.counts["runs_missed"] = runs_missed(around.schedule, begun, self._now)
        mails, silence = silences(around.table, watch, watching_since, open_items)
        self._context = replace(self._context, silence=silence)
        for item, mail in mails:
            if self.notifier.claim(item, mail.event):
                self.notifier.send([item], mail)
