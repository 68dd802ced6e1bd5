"""What a way of telling others has to do: EventBridge's bus, and lineage where a stack wants it."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

from lakeferry.events.cards import Card, Item, Known


class Channel(Protocol):
    """One way. A new one is a module with this and a line in the handler.

    Attributes:
        counted: What the count of what it was given is called.
    """

    @property
    def counted(self) -> str: ...

    def entries(self, item: Item, cards: Iterable[Card], known: Known) -> Iterator[tuple[str, Any]]:
        """What an item has to tell this way: an id, equal whenever it is told again, and what is told."""

    def send(self, entries: Mapping[str, Any], refused: list[str]) -> set[str]:
        """Hands over; the ids of what was taken for good, and why others were not into `refused`."""


def item_key(item: Item) -> str:
    """Of either table."""
    return f"{item['feed_id']} {item.get('file_id') or item.get('due')}"
