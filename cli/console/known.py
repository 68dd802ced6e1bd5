"""Which feeds there are: read once for a page, whatever of it asks."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from cli.console.place import Place
from cli.stack import Stack
from lakeferry.ledger.queries import feed_documents


def documents_of(place: Place, tenant: str) -> Mapping[str, dict[str, Any]]:
    """Documents of the feeds that a viewer may see, by the feed's id in order; of one tenant no other's is read."""
    return place.kept(("feeds", tenant), partial(_read, tenant), is_over=place.rests)


def _read(tenant: str, stack: Stack) -> dict[str, dict[str, Any]]:
    found = {f"{one['tenant']}/{one['feed']}": one for one in feed_documents(stack.feeds, tenant)}
    return {feed_id: found[feed_id] for feed_id in sorted(found)}


def feeds_of(place: Place, tenant: str) -> list[str]:
    """Feeds that a viewer may see."""
    return list(documents_of(place, tenant))
