"""For how long nobody is to hear of a feed's outage: attributes of the feed's own item, which the machine reads too."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from lakeferry.aws.tables import update, utc_text
from lakeferry.ledger.feed_states import FEED_ITEM, State

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

UNTIL = "muted_until"
"""Attribute: ISO 8601, UTC, as `aws.tables.utc_text` writes it, so that the machine compares it with `$now()`."""
_WHY, _BY = "muted_why", "muted_by"


@dataclass(frozen=True, slots=True)
class Mute:
    """A known outage of a feed.

    Attributes:
        until: UTC; what is wrong then is told then.
        why: In the words of who muted it.
        by: Who that was.
    """

    until: datetime
    why: str = ""
    by: str = ""


def mute_of(state: State, now: datetime) -> Mute | None:
    """The mute that holds now, of a feed's item; None where there is none, or it is over."""
    try:
        until = datetime.fromisoformat(str(state[UNTIL]))
        is_over = until <= now
    except (KeyError, ValueError, TypeError):  # none; or nobody can say until when: then it is told
        return None
    return None if is_over else Mute(until, str(state.get(_WHY, "")), str(state.get(_BY, "")))


class Mutes:
    """Writes of them."""

    def __init__(self, table: "Table") -> None:
        self._table = table

    def put(self, feed_id: str, mute: Mute) -> None:
        """Mutes a feed, in place of any mute before."""
        update(self._table, (feed_id, FEED_ITEM), {UNTIL: utc_text(mute.until), _WHY: mute.why, _BY: mute.by})

    def end(self, feed_id: str) -> None:
        """Ends a feed's mute; what is wrong is told by the next poll and check."""
        update(self._table, (feed_id, FEED_ITEM), {}, remove=[UNTIL, _WHY, _BY])
