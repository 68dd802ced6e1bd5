"""Who is notified of what, once: each due time is claimed before its mail is published, and noted afterwards."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from lakeferry.mails.mail import Mail
from lakeferry.mails.sla import breach_mail, due_mail, recovery_mail
from lakeferry.mails.sla_reasons import Context, Reported
from lakeferry.mails.sla_servers import MOST_FEEDS, server_mail
from lakeferry.mails.topic import Topic
from lakeferry.sla.items import FINAL, SlaItem
from lakeferry.sla.table import SlaTable
from lakeferry.sla.verdict import BREACHED, DUE, LATE

MAILS: Mapping[str, Callable[[Reported, Context], Mail]] = {
    "sla_due": due_mail,
    "sla_breached": breach_mail,
    "sla_recovered": recovery_mail,
}
"""Each event, and the mail about one feed alone."""


def is_undelivered(one: Reported, item: SlaItem, event: str) -> bool:
    """Whether nobody was notified of that yet, and somebody should be."""
    if event in item.sent:
        return False
    if event == "sla_due":
        return item.status == DUE and one.feed.sla is not None and one.feed.sla.warn
    if event == "sla_breached":
        return item.status == BREACHED
    return item.status in FINAL and (item.is_alarmed or item.status == LATE)


def by_server(feeds: Iterable[Reported]) -> list[list[Reported]]:
    """Feeds whose mails may be one: of one tenant, on one server. Tenants never hear of each other."""
    found: dict[tuple[str, str, int], list[Reported]] = defaultdict(list)
    for one in sorted(feeds, key=lambda one: one.feed.feed_id):
        found[one.feed.tenant, one.feed.server.host.lower(), one.feed.server.port].append(one)
    return list(found.values())


class Notifier:
    """Sends the mails of one check.

    Attributes:
        token: Names this one check.
        sent: Subjects of what went out.
        problems: What could not be done; all else was.
    """

    def __init__(self, table: SlaTable, topic: Topic, token: str, now: datetime) -> None:
        self._table, self._topic, self.token, self._now = table, topic, token, now
        self.sent: list[str] = []
        self.problems: list[str] = []

    def guarded(self, what: str, act: Callable[[], object]) -> None:
        """One feed's trouble is its own, whatever it is: the others are looked at, and the check as a whole fails."""
        try:
            act()
        except Exception as error:
            self.problems.append(f"{what}: {type(error).__name__}: {error}")

    def notify(self, feeds: Sequence[Reported], context: Context) -> None:
        """Mails what there is to say of one tenant's feeds on one server: one mail an event, whatever their number."""
        for event in MAILS:
            mine = list(self._claimed(feeds, event))
            for start in range(0, len(mine), MOST_FEEDS):
                some = mine[start : start + MOST_FEEDS]
                name = some[0].feed.feed_id + (f" and {len(some) - 1} more feeds" if len(some) > 1 else "")
                self.guarded(name, lambda some=some, event=event: self._notify_at_once(some, event, context))  # type: ignore[misc]

    def claim(self, item: SlaItem, event: str) -> bool:
        """Whether this check is to mail it; what another one is mailing is left to it."""
        return self._table.claim(item, event, self.token, self._now)

    def send(self, items: Sequence[SlaItem], mail: Mail) -> None:
        """Publishes a mail about claimed due times, and keeps that it went out, for each whatever becomes of others."""
        try:
            confirmed = self.publish(mail)
        except Exception:
            for item in items:
                # where that fails the claim's lease ends before the next check
                self.guarded(item.feed_id, lambda item=item: self._table.give_back([item], mail.event, self.token))  # type: ignore[misc]
            raise
        for item in items:
            self.guarded(item.feed_id, lambda item=item: self._note_sent(item, mail.event, confirmed))  # type: ignore[misc]

    def publish(self, mail: Mail) -> bool:
        """Publishes a mail; False where SNS's answer got lost."""
        confirmed = self._topic.publish(mail)
        self.sent.append(mail.subject)
        if not confirmed:
            self.problems.append(
                f"{mail.subject!r}: SNS's answer got lost; the mail was probably sent, and is not repeated"
            )
        return confirmed

    def _claimed(self, feeds: Sequence[Reported], event: str) -> Iterator[Reported]:
        """The feeds this check is to mail that of, each with the due times it has claimed."""
        for one in feeds:
            mine: list[SlaItem] = []

            def claim(one: Reported = one, mine: list[SlaItem] = mine) -> None:
                mine.extend(item for item in one.items if is_undelivered(one, item, event) and self.claim(item, event))

            self.guarded(one.feed.feed_id, claim)
            if mine:
                yield replace(one, items=mine)

    def _notify_at_once(self, some: Sequence[Reported], event: str, context: Context) -> None:
        mail = MAILS[event](some[0], context) if len(some) == 1 else server_mail(event, some, context)
        self.send([item for one in some for item in one.items], mail)

    def _note_sent(self, item: SlaItem, event: str, confirmed: bool) -> None:
        self._table.note_sent([item], event, self.token, self._now, confirmed=confirmed)
        if event in {"sla_recovered", "pipeline_recovered"}:
            self._table.end(item)
