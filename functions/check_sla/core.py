"""One check: which due times have been reached, what has arrived for them, and who is to be told."""

import uuid
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from check_sla.mails import Context, breach_mail, due_mail, recovery_mail
from check_sla.publish import Mail, Topic
from check_sla.silence import PIPELINE, Watch, silences
from lakeferry.errors import CheckIncompleteError, FeedInvalidError
from lakeferry.feeds import Feed, SlaSpec, parse_feed
from lakeferry.ledger import Ledger
from lakeferry.queries import feed_documents
from lakeferry.sla.arrivals import arrivals, first_arrivals
from lakeferry.sla.calendar import DueTime, due_times
from lakeferry.sla.items import FINAL, SlaItem
from lakeferry.sla.table import SlaTable
from lakeferry.sla.verdict import BREACHED, DUE, GIVEN_UP_AFTER, LATE, MISSED, Arrival, Verdict, judge

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_stepfunctions import SFNClient

_AT_ONCE = 8
_MAILS: Mapping[str, Callable[[Feed, Sequence[SlaItem], Context], Mail]] = {
    "sla_due": due_mail,
    "sla_breached": breach_mail,
    "sla_recovered": recovery_mail,
}


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
    token: str = field(default_factory=lambda: uuid.uuid4().hex)


def check(around: Surroundings, now: datetime) -> dict[str, int]:
    """Looks at every feed with an SLA, and at the pipeline.

    Returns:
        `feeds` looked at, `due` times reached since the last check, `mails` sent, `open` promises, `invalid` documents.

    Raises:
        CheckIncompleteError: something could not be looked at or told; all else was, and the next check does the rest.
    """
    one = _Check(around, now)
    one.run()
    if one.problems:
        raise CheckIncompleteError(
            f"{len(one.problems)} things could not be done in this check, all others were: "
            f"{'; '.join(one.problems[:10])}. The next check takes them up again."
        )
    return one.counts


class _Check:
    def __init__(self, around: Surroundings, now: datetime) -> None:
        self._around, self._now = around, now
        self._context = Context(now, around.state_machine)
        self.problems: list[str] = []
        self.counts = {"feeds": 0, "due": 0, "mails": 0, "open": 0, "invalid": 0}

    def run(self) -> None:
        """Pipeline first, since feeds' mails say if it is dead."""
        table = self._around.table
        # the clocks are read first: a feed that is put meanwhile has none, and is not taken for one that is gone
        clocks = table.clocks()
        feeds, invalid = self._feeds()
        self.counts |= {"feeds": len(feeds), "invalid": len(invalid)}
        open_items = table.open_items()
        self._guarded("the pipeline", lambda: self._pipeline(open_items))
        by_feed: dict[str, list[SlaItem]] = defaultdict(list)
        for item in open_items:
            if item.feed_id != PIPELINE:
                by_feed[item.feed_id].append(item)
        self.counts["open"] = sum(map(len, by_feed.values()))
        for feed_id in (clocks.keys() | by_feed.keys()) - feeds.keys() - invalid:
            self._guarded(feed_id, lambda gone=feed_id: self._forget(gone, by_feed[gone]))  # type: ignore[misc]
        with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
            looks = [
                pool.submit(self._guarded, feed_id, self._of_feed(feed, clocks.get(feed_id), by_feed.get(feed_id, [])))
                for feed_id, feed in feeds.items()
            ]
        for look in looks:
            look.result()

    def _guarded(self, what: str, act: Callable[[], None]) -> None:
        """One feed's trouble is its own, whatever it is: the others are looked at, and the check as a whole fails."""
        try:
            act()
        except Exception as error:
            self.problems.append(f"{what}: {type(error).__name__}: {error}")

    # -- feeds

    def _feeds(self) -> tuple[dict[str, Feed], set[str]]:
        """Enabled feeds with an SLA, and the names of those whose document is not valid: polling them fails by name."""
        found, invalid = {}, set()
        for item in feed_documents(self._around.feeds):
            if item.get("enabled") is False or "sla" not in item:
                continue
            try:
                feed = parse_feed(item)
            except FeedInvalidError:
                invalid.add(f"{item.get('tenant')}/{item.get('feed')}")
            else:
                found[feed.feed_id] = feed
        return found, invalid

    def _forget(self, feed_id: str, items: list[SlaItem]) -> None:
        """A feed is off, or has no SLA any more: nothing is told of it, and if it comes back it begins anew."""
        for item in items:
            self._around.table.drop(item)
        self._around.table.forget_clock(feed_id)

    def _of_feed(self, feed: Feed, checked_until: datetime | None, open_items: list[SlaItem]) -> Callable[[], None]:
        return lambda: self._look_at(feed, checked_until, open_items)

    def _look_at(self, feed: Feed, checked_until: datetime | None, open_items: list[SlaItem]) -> None:
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
        standing.sort(key=lambda item: item.due)
        for event in _MAILS:
            self._tell(feed, event, [item for item in standing if self._is_to_be_told(sla, item, event)])
        for item in standing:
            if item.status in FINAL and not self._is_to_be_told(sla, item, "sla_recovered"):
                table.end(item)
            elif "sla_breached" in item.sent and self._now - item.deadline > GIVEN_UP_AFTER:
                table.end(item, MISSED)
        table.set_clock(feed.feed_id, self._now)

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
            # its mail was not finished; what the index tells of that may be old
            current = self._around.table.get(item.feed_id, item.due)
            return current if current.is_open else None
        return self._around.table.settle(item, self._verdict(feed, sla, item.due_time, seen))

    # -- mails

    @staticmethod
    def _is_to_be_told(sla: SlaSpec, item: SlaItem, event: str) -> bool:
        if event in item.sent:
            return False
        if event == "sla_due":
            return item.status == DUE and sla.warn
        if event == "sla_breached":
            return item.status == BREACHED
        return item.status in FINAL and (item.is_alarmed or item.status == LATE)

    def _tell(self, feed: Feed, event: str, items: list[SlaItem]) -> None:
        """One mail about all of them; those another check_sla is telling of are left to it."""
        mine = [item for item in items if self._around.table.claim(item, event, self._around.token, self._now)]
        if not mine:
            return
        if feed.feed_id not in self._context.states and event != "sla_recovered":
            self._context.states[feed.feed_id] = self._around.ledger.feeds.get(feed.feed_id)
        self._send(mine, _MAILS[event](feed, mine, self._context))

    def _send(self, items: Sequence[SlaItem], mail: Mail) -> None:
        table, token = self._around.table, self._around.token
        try:
            confirmed = self._around.topic.publish(mail)
        except Exception:
            table.give_back(items, mail.event, token)
            raise
        table.note_sent(items, mail.event, token, self._now, confirmed=confirmed)
        self.counts["mails"] += 1
        if mail.event in {"sla_recovered", "pipeline_recovered"}:
            for item in items:
                table.end(item)
        if not confirmed:
            self.problems.append(
                f"{mail.subject!r}: SNS's answer got lost; it went out, most likely, and is not repeated"
            )

    # -- the pipeline

    def _pipeline(self, open_items: list[SlaItem]) -> None:
        around = self._around
        watch = Watch(around.states, around.state_machine, around.silent_after, self._now)
        mails, self._context.silence = silences(around.table, watch, open_items, self._now)
        for item, mail in mails:
            if around.table.claim(item, mail.event, around.token, self._now):
                self._send([item], mail)
