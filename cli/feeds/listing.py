"""`lakeferry feeds list`: the feeds of a stack, and which are in trouble."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from cli.calling import Call, command
from cli.feeds.group import feeds
from cli.names import tenant_of
from cli.stack import Stack
from lakeferry.ledger.mutes import mute_of
from lakeferry.ledger.queries import feed_documents

_COLUMNS = {"feed": "feed", "state": "", "server": "server", "polled_at": "polled", "trouble": "trouble"}


@command(feeds, "list")
def listing(call: Call, tenant: Annotated[str | None, typer.Option(help="Of this tenant alone.")] = None) -> None:
    """List the feeds: their servers, when each was polled, and what fails."""
    with call.stack() as stack:
        if tenant is not None:
            tenant_of(stack, tenant)
        call.out.rows(_rows(stack, tenant), _COLUMNS, empty="no feeds yet; put one: lakeferry feeds put FEED.yaml")


def _rows(stack: Stack, tenant: str | None) -> list[dict[str, Any]]:
    documents = [one for one in feed_documents(stack.feeds) if tenant in {None, one["tenant"]}]
    ids = [f"{one['tenant']}/{one['feed']}" for one in documents]
    states = stack.ledger.feeds.known(ids)
    return sorted(
        (_row(feed_id, one, states.get(feed_id, {})) for feed_id, one in zip(ids, documents, strict=True)),
        key=lambda row: str(row["feed"]),
    )


def _row(feed_id: str, document: Mapping[str, Any], state: Mapping[str, Any]) -> dict[str, Any]:
    server = document.get("server", {})
    return {
        "feed": feed_id,
        "state": _state(document, state),
        "dataset": document.get("dataset"),
        "server": f"{server.get('protocol')} {server.get('host')}",
        "polled_at": state.get("polled_at", "never"),
        "trouble": f"{state['failed_polls']} polls failed: {state['error']}" if "failed_polls" in state else "",
    }


def _state(document: Mapping[str, Any], state: Mapping[str, Any]) -> str:
    if not document.get("enabled", True):
        return "disabled"
    mute = mute_of(state, datetime.now(UTC))
    return f"muted until {mute.until:%Y-%m-%d %H:%M}" if mute else ""
