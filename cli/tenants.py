"""`lakeferry tenants`: who is served."""

from typing import Any

import typer

from cli.calling import Call, command
from lakeferry.ledger.queries import feed_documents

_COLUMNS = {"tenant": "tenant", "feeds": "feeds", "disabled": "disabled", "failing": "failing", "datasets": "datasets"}


def declare(app: typer.Typer) -> None:
    """Adds it to the commands."""
    command(app, "tenants")(tenants)


def tenants(call: Call) -> None:
    """The tenants, how many feeds each has, and how many fail."""
    found: dict[str, dict[str, Any]] = {}
    with call.stack() as stack:
        documents = list(feed_documents(stack.feeds))
        states = stack.ledger.feeds.known([f"{one['tenant']}/{one['feed']}" for one in documents])
    for document in documents:
        tenant = document["tenant"]
        row = found.setdefault(tenant, {"tenant": tenant, "feeds": 0, "disabled": 0, "failing": 0, "datasets": set()})
        row["feeds"] += 1
        row["disabled"] += not document.get("enabled", True)
        row["failing"] += "failed_polls" in states.get(f"{tenant}/{document['feed']}", {})
        row["datasets"].add(str(document.get("dataset", "")))
    rows = [{**row, "datasets": sorted(row["datasets"])} for _, row in sorted(found.items())]
    call.out.rows(rows, _COLUMNS, empty="no tenants yet: a feed brings the first (feeds put)")
