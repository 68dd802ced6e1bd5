"""The SLA table: PK `feed_id`, SK `due`. Every write that decides something is conditional, so it is decided once.

Two check_sla may run at once, and an answer may get lost after its effect. So a claim carries a token of the one who
claims: asked again with the same token, it is held still; with another, it is taken.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Key
from botocore.exceptions import ClientError

from lakeferry.aws.items import plain
from lakeferry.aws.tables import is_condition, pages, utc_now
from lakeferry.feeds.sla import SlaSpec
from lakeferry.ledger.outbox import tell
from lakeferry.sla.calendar import DueTime
from lakeferry.sla.items import FINAL, SlaItem, due_key, outcome, stamp
from lakeferry.sla.verdict import BREACHED, DROPPED, DUE, MET, Verdict

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

CLOCKS = "!feeds"
"""Partition of one item for each feed with an SLA: up to when its due times have been looked at."""
WATCH = "!watch"
"""Sort key of the item that keeps since when something has been looked at."""
OPEN = "open"
"""Partition key of the sparse index of what is not ended yet."""
LEASE = timedelta(minutes=10)
"""A claim of a mail that was neither sent nor given back for so long is its dead claimer's; above the function's
time-out, below the distance between two checks."""


class SlaTable:
    """Reads and conditional writes of one SLA table."""

    def __init__(self, table: "Table") -> None:
        self._table = table

    # -- up to when each feed has been looked at

    def clocks(self) -> dict[str, datetime]:
        """For each feed that has been looked at, up to when (UTC)."""
        items = pages(self._table.query, KeyConditionExpression=Key("feed_id").eq(CLOCKS), ConsistentRead=True)
        return {item["due"]: datetime.fromisoformat(item["checked_until"]) for item in items}

    def set_clock(self, feed_id: str, now: datetime) -> None:
        """Moves it forward; never back."""
        self._try(
            Key={"feed_id": CLOCKS, "due": feed_id},
            UpdateExpression="SET checked_until = :now",
            ConditionExpression="attribute_not_exists(checked_until) OR checked_until < :now",
            ExpressionAttributeValues={":now": stamp(now)},
        )

    def forget_clock(self, feed_id: str) -> None:
        """So that a feed that is switched on again begins anew."""
        self._table.delete_item(Key={"feed_id": CLOCKS, "due": feed_id})

    def watch(self, name: str, now: datetime, unwatched_after: timedelta) -> datetime:
        """Since when `name` has been looked at without a longer break than that (UTC); looks at it now."""
        key = {"feed_id": name, "due": WATCH}
        found = plain(self._table.get_item(Key=key, ConsistentRead=True).get("Item", {}))
        unbroken = found and now - datetime.fromisoformat(found["checked_at"]) <= unwatched_after
        since = datetime.fromisoformat(found["since"]) if unbroken else now
        self._table.put_item(Item={**key, "since": stamp(since), "checked_at": stamp(now)})
        return since

    # -- promises

    def open_items(self) -> list[SlaItem]:
        """All of all feeds that are not ended; eventually consistent, which the conditional writes make up for."""
        items = pages(self._table.query, IndexName="open", KeyConditionExpression=Key("open").eq(OPEN))
        return [SlaItem.from_item(item) for item in items]

    def history(self, feed_id: str, first: str, last: str) -> list[SlaItem]:
        """A feed's due times between two keys or beginnings of keys, such as `2026-11-01` and `2026-12-02`."""
        condition = Key("feed_id").eq(feed_id) & Key("due").between(first, last)
        return [SlaItem.from_item(item) for item in pages(self._table.query, KeyConditionExpression=condition)]

    def get(self, feed_id: str, due: str) -> SlaItem:
        """One that is there, strongly consistent."""
        item = self._table.get_item(Key={"feed_id": feed_id, "due": due}, ConsistentRead=True)["Item"]
        return SlaItem.from_item(plain(item))

    def expect(self, feed_id: str, sla: SlaSpec, due: DueTime, verdict: Verdict) -> SlaItem:
        """Keeps a due time that has been reached; one that is there already stays as it is, and is returned."""
        values = {
            "expected_at": stamp(due.expected_at),
            "deadline": stamp(due.deadline),
            "due_date": due.due_date.isoformat(),
            "business_date": due.business_date.isoformat(),
            "expected_by": sla.expected_by.strftime("%H:%M"),
            "timezone": sla.timezone,
        }
        values |= outcome(verdict) | told_of(verdict)
        return self.create(feed_id, due_key(due), values, is_open=verdict.status != MET)

    def create(self, feed_id: str, due: str, values: Mapping[str, Any], *, is_open: bool) -> SlaItem:
        """Puts an item, unless it is there already; what is there then."""
        item = {"feed_id": feed_id, "due": due, **values, **({"open": OPEN} if is_open else {})}
        try:
            self._table.put_item(Item=item, ConditionExpression="attribute_not_exists(due)")
        except ClientError as error:
            if not is_condition(error):
                raise
        return self.get(feed_id, due)

    def settle(self, item: SlaItem, verdict: Verdict) -> SlaItem | None:
        """Keeps how an open promise stands now; None when it is ended already, by another check_sla.

        The answer has every mail claimed until then; from then on none is claimed for the status it had. Asked again
        after a lost answer it says the same.
        """
        if (item.status, item.missing) == (verdict.status, verdict.missing):
            return item
        values = outcome(verdict) | (told_of(verdict) if verdict.status != item.status else {})
        names = {f"#{name}": name for name in values}
        return self._try(
            Key=_key(item),
            UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in values),
            ConditionExpression="attribute_exists(#open) AND #status IN (:due, :breached, :status)",
            ExpressionAttributeNames=names | {"#open": "open"},
            ExpressionAttributeValues={f":{name}": value for name, value in values.items()}
            | {":due": DUE, ":breached": BREACHED},
        )

    def end(self, item: SlaItem, status: str | None = None) -> None:
        """Takes it out of the index of open ones; optionally with another status."""
        arguments: dict[str, Any] = {"UpdateExpression": "REMOVE #open"}
        if status is not None:
            arguments = {
                "UpdateExpression": "SET #status = :status REMOVE #open",
                "ExpressionAttributeValues": {":status": status},
            }
        names = {"#open": "open"} | ({"#status": "status"} if status is not None else {})
        self._try(
            Key=_key(item), ExpressionAttributeNames=names, ConditionExpression="attribute_exists(#open)", **arguments
        )

    def drop(self, item: SlaItem) -> None:
        """Ends a promise of a feed that has none any more."""
        self.end(item, DROPPED)

    # -- mails

    def claim(self, item: SlaItem, event: str, token: str, now: datetime) -> bool:
        """Whether the holder of `token` is to send it: nobody has, nobody is, and the status is still the same."""
        return (
            self._try(
                Key=_key(item),
                UpdateExpression=f"SET {event}_claim = :token, {event}_claimed_at = :now",
                ConditionExpression=(
                    f"attribute_exists(#open) AND #status = :status AND attribute_not_exists({event}_sent_at) AND "
                    f"(attribute_not_exists({event}_claim) OR {event}_claim = :token OR {event}_claimed_at < :stale)"
                ),
                ExpressionAttributeNames={"#open": "open", "#status": "status"},
                ExpressionAttributeValues={
                    ":token": token,
                    ":now": stamp(now),
                    ":stale": stamp(now - LEASE),
                    ":status": item.status,
                },
            )
            is not None
        )

    def note_sent(self, items: Sequence[SlaItem], event: str, token: str, now: datetime, *, confirmed: bool) -> None:
        """Keeps that the mail about these went out; `confirmed` is false where its answer got lost."""
        for item in items:
            unconfirmed = "" if confirmed else f", {event}_unconfirmed = :true"
            self._try(
                Key=_key(item),
                UpdateExpression=f"SET {event}_sent_at = :now{unconfirmed}",
                ConditionExpression=f"{event}_claim = :token",
                ExpressionAttributeValues={":now": stamp(now), ":token": token}
                | ({} if confirmed else {":true": True}),
            )

    def give_back(self, items: Sequence[SlaItem], event: str, token: str) -> None:
        """Frees a claim whose mail was surely not sent."""
        for item in items:
            self._try(
                Key=_key(item),
                UpdateExpression=f"REMOVE {event}_claim, {event}_claimed_at",
                ConditionExpression=f"{event}_claim = :token AND attribute_not_exists({event}_sent_at)",
                ExpressionAttributeValues={":token": token},
            )

    # -- the work

    def _try(self, **arguments: Any) -> SlaItem | None:  # noqa: ANN401
        """A conditional update; None when its condition does not hold."""
        try:
            item = self._table.update_item(ReturnValues="ALL_NEW", **arguments)["Attributes"]
        except ClientError as error:
            if is_condition(error):
                return None
            raise
        return SlaItem.from_item(plain(item)) if "status" in item else None


def told_of(verdict: Verdict) -> dict[str, str]:
    """What others are told of a verdict: that a feed is late, and that a promise is kept, which may complete a day."""
    if verdict.status == BREACHED:
        return tell("feed_late", utc_now())
    return tell("dataset_day_complete", utc_now()) if verdict.status in FINAL else {}


def _key(item: SlaItem) -> dict[str, str]:
    return {"feed_id": item.feed_id, "due": item.due}
