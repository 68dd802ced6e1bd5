"""Which feeds and tenants there are: read once for a page, whatever of it asks."""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from lakeferry.ledger.queries import feed_documents

if TYPE_CHECKING:
    from cli.console.pages import Console
    from cli.stack import Stack


def documents_of(console: "Console", tenant: str) -> Mapping[str, dict[str, Any]]:
    """Documents of the feeds that a viewer may see, by the feed's id in order; of one tenant no other's is read."""
    place = console.place
    found: Mapping[str, dict[str, Any]] = place.kept(("feeds", tenant), partial(_read, tenant), is_over=place.rests)
    return found


def _read(tenant: str, stack: "Stack") -> dict[str, dict[str, Any]]:
    found = {f"{one['tenant']}/{one['feed']}": one for one in feed_documents(stack.feeds, tenant)}
    return {feed_id: found[feed_id] for feed_id in sorted(found)}


def feeds_of(console: "Console", tenant: str) -> list[str]:
    """Feeds that a viewer may see."""
    return list(documents_of(console, tenant))


def tenants_of(console: "Console") -> list[str]:
    """Those that have feeds; of a console for one tenant that one."""
    return [console.only] if console.only else sorted({one.partition("/")[0] for one in documents_of(console, "")})
