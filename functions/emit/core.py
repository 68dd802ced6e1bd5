"""Tells what stands in the outboxes: at least once, with an id by which to drop what comes twice."""

import hashlib
import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from lakeferry.events.cards import OF_LEDGER, OF_PROMISES, Card, Item, Known
from lakeferry.ledger.outbox import Outbox, undelivered

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


class RefusedError(RuntimeError):
    """EventBridge did not take some events; they are told again in a minute."""


def emit(ledger: Outbox, promises: Outbox, known: Known, bus: Bus) -> dict[str, int]:
    """Tells everything that is there to tell, and forgets it then.

    Returns:
        `events` told, `items` that are done with.

    Raises:
        RefusedError: some were not taken; all others are told.
    """
    counts, told, refused = {"events": 0, "items": 0}, set[str](), list[str]()
    for outbox, cards in ((ledger, OF_LEDGER), (promises, OF_PROMISES)):
        items = iter(outbox)
        # few at a time: what was told is forgotten before the next is read
        while some := list(islice(items, AT_ONCE)):
            entries = [dict(_entries(item, cards, known, bus)) for item in some]
            told |= _put(bus, {name: one[name] for one in entries for name in one if name not in told}, refused)
            for item, of_item in zip(some, entries, strict=True):
                if of_item.keys() <= told:
                    outbox.told(item, [card.what for card in cards])
                    counts["items"] += 1
    if refused:
        raise RefusedError(f"EventBridge refused {len(refused)} events, such as: {refused[0]}")
    return counts | {"events": len(told)}


def item_key(item: Item) -> str:
    """Of either table."""
    return f"{item['feed_id']} {item.get('file_id') or item.get('due')}"


def _entries(item: Item, cards: Iterable[Card], known: Known, bus: Bus) -> Iterator[tuple[str, dict[str, Any]]]:
    """What an item has to tell, by the event's id."""
    happened = undelivered(item)
    for card in cards:
        if card.what not in happened or (detail := _detail(card, item, known)) is None:
            continue
        tenant, _, feed = str(item["feed_id"]).partition("/")
        at = happened[card.what]
        once = (card.what, bus.stack, *card.identity(item, known), *(() if card.is_once else (at,)))
        name = hashlib.sha256("\n".join(once).encode("utf-8", "surrogateescape")).hexdigest()[:32]
        whole = {
            "version": card.version,
            "id": name,
            "time": at,
            "stack": bus.stack,
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
                "EventBusName": bus.name,
            },
        )


def _detail(card: Card, item: Item, known: Known) -> dict[str, Any] | None:
    try:
        return card.detail(item, known)
    except (KeyError, TypeError, ValueError):
        # an item that lacks what the event tells: nothing to tell, and no reason to keep all others back
        _log.exception("%s of %s cannot be told", card.detail_type, item_key(item))
        return None


def _put(bus: Bus, entries: Mapping[str, dict[str, Any]], refused: list[str]) -> set[str]:
    """The ids of those that were taken."""
    taken, names = set[str](), list(entries)
    for start in range(0, len(names), AT_ONCE):
        some = names[start : start + AT_ONCE]
        answer = bus.events.put_events(Entries=[entries[name] for name in some])  # type: ignore[misc]
        for name, result in zip(some, answer["Entries"], strict=True):
            if "EventId" in result:
                taken.add(name)
            else:
                kind = entries[name]["DetailType"]
                refused.append(f"{kind}: {result.get('ErrorCode')} {result.get('ErrorMessage')}")
    return taken
