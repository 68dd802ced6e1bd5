"""EventBridge's bus: an event for each card that has something to tell."""

import hashlib
import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from emit.channel import item_key
from lakeferry.events.cards import Card, Item, Known
from lakeferry.ledger.outbox import undelivered

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient

_log = logging.getLogger(__name__)
SOURCE = "lakeferry"
AT_ONCE = 10
"""Entries a call takes (Amazon EventBridge API Reference, "PutEvents")."""


@dataclass(frozen=True, slots=True)
class Bus:
    """Where events go, and the stack they are of."""

    events: "EventBridgeClient"
    name: str
    stack: str
    counted: str = "events"

    def entries(self, item: Item, cards: Iterable[Card], known: Known) -> Iterator[tuple[str, dict[str, Any]]]:
        """What an item has to tell, by the event's id."""
        happened = undelivered(item)
        for card in cards:
            if card.what not in happened or (detail := _detail(card, item, known)) is None:
                continue
            tenant, _, feed = str(item["feed_id"]).partition("/")
            at = happened[card.what]
            once = (card.what, self.stack, *card.identity(item, known), *(() if card.is_once else (at,)))
            name = hashlib.sha256("\n".join(once).encode("utf-8", "surrogateescape")).hexdigest()[:32]
            whole = {
                "version": card.version,
                "id": name,
                "time": at,
                "stack": self.stack,
                "tenant": tenant,
                **({"feed": feed} if card.is_of_feed else {}),
                **detail,
            }
            yield (
                name,
                {
                    "Source": SOURCE,
                    "DetailType": card.detail_type,
                    "Detail": json.dumps(whole, default=str),
                    "EventBusName": self.name,
                },
            )

    def send(self, entries: Mapping[str, dict[str, Any]], refused: list[str]) -> set[str]:
        """The ids of those that were taken."""
        taken, names = set[str](), list(entries)
        for start in range(0, len(names), AT_ONCE):
            some = names[start : start + AT_ONCE]
            answer = self.events.put_events(Entries=[entries[name] for name in some])  # type: ignore[misc]
            for name, result in zip(some, answer["Entries"], strict=True):
                if "EventId" in result:
                    taken.add(name)
                else:
                    kind = entries[name]["DetailType"]
                    refused.append(f"{kind}: {result.get('ErrorCode')} {result.get('ErrorMessage')}")
        return taken


def _detail(card: Card, item: Item, known: Known) -> dict[str, Any] | None:
    try:
        return card.detail(item, known)
    except (KeyError, TypeError, ValueError):
        # an item that lacks what the event tells: nothing to tell, and no reason to keep all others back
        _log.exception("%s of %s cannot be told", card.detail_type, item_key(item))
        return None
