"""Lineage as one way of telling what is in the outbox.

What was written as an object is taken: posting is apart, so that an endpoint that is down keeps neither the outbox nor
the bus waiting, and nothing is lost with it.
"""

import hashlib
import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from emit.channel import item_key
from emit.lineage.runevents import run_events
from emit.lineage.sources import Sources
from lakeferry.events.cards import Card, Item, Known
from lakeferry.ledger.outbox import undelivered

_log = logging.getLogger(__name__)


class Place(Protocol):
    """Where events are written."""

    def put(self, events: list[dict[str, Any]]) -> None: ...


@dataclass(frozen=True, slots=True)
class Lineage:
    """OpenLineage's run events of what happened."""

    place: Place
    sources: Sources
    counted: str = "lineage"

    def entries(self, item: Item, cards: Iterable[Card], known: Known) -> Iterator[tuple[str, list[dict[str, Any]]]]:
        """The events of each run that the item tells of, by an id of the run and its end."""
        happened = undelivered(item)
        for card in cards:
            if card.what in happened and (events := self._events(card.what, happened[card.what], item)):
                last = events[-1]
                parts = (last["run"]["runId"], last["eventType"], *(() if card.is_once else (last["eventTime"],)))
                yield hashlib.sha256("\n".join(parts).encode()).hexdigest(), events

    def send(self, entries: Mapping[str, list[dict[str, Any]]], refused: list[str]) -> set[str]:
        """Writes them, all in one object."""
        if entries:
            self.place.put([event for events in entries.values() for event in events])
        return set(entries)

    def _events(self, what: str, at: str, item: Item) -> list[dict[str, Any]]:
        try:
            return run_events(what, at, item, self.sources)
        except (KeyError, TypeError, ValueError):
            # as on the bus: an item that lacks what lineage tells keeps no others back
            _log.exception("lineage of %s, %s, cannot be told", item_key(item), what)
            return []
