"""What a stack did in a time, from its ledger and its runs: `Work` for each tenant, and for all of them together."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cli.cost.scenarios import BATCH_BYTES, BATCH_FILES
from cli.cost.work import Work
from cli.stack import Run, Stack
from lakeferry.errors import FeedInvalidError
from lakeferry.ledger.queries import feed_documents
from lakeferry.models import FileItem
from lakeferry.runs.schedule import is_due
from poll.dealing import Limits, deal

WANTED = ("feed_id", "path", "size", "mtime", "status", "dt", "curated_run")
CAME = frozenset({"UPLOADED", "CURATED", "DUPLICATE", "SUPERSEDED"})
"""Of files that were fetched and checked, whatever became of them."""
CONNECTIONS = 4
"""Of a feed whose document is gone: the schema's default."""


@dataclass
class Tenant:
    """What one of them had done."""

    feeds: int = 0
    polls: int = 0
    taking_polls: int = 0
    batches: int = 0
    files: int = 0
    bytes: int = 0
    partitions: set[tuple[str, str, str]] = field(default_factory=set)

    def work(self) -> Work:
        """Without the runs, which are everybody's."""
        return Work(
            **{"polls": self.polls, "taking_polls": self.taking_polls, "batches": self.batches},
            **{"files": self.files, "bytes": self.bytes, "partitions": len(self.partitions)},
        )


@dataclass(frozen=True)
class Done:
    """What a stack did.

    Attributes:
        hours: From the first run looked at, or the beginning of the time that was asked for, until now.
        job_runs: Of the Glue job, or of the function in its place.
    """

    hours: float
    busy_hours: int
    runs: int
    job_runs: int
    tenants: Mapping[str, Tenant]

    def work(self) -> Work:
        """Of all tenants, runs and what stands beside them included."""
        own = [tenant.work() for tenant in self.tenants.values()]
        return Work(
            hours=self.hours,
            busy_hours=self.busy_hours,
            feeds=sum(tenant.feeds for tenant in self.tenants.values()),
            runs=self.job_runs,
            idle_runs=max(0, self.runs - self.job_runs),
            **{
                name: sum(getattr(one, name) for one in own)
                for name in ("polls", "taking_polls", "batches", "files", "bytes", "partitions")
            },
        )


def done(stack: Stack, since: datetime, until: datetime, most_runs: int = 5000) -> Done | None:
    """What was done in the runs that began in that time; None where there were none."""
    every = stack.runs(most_runs)
    runs = sorted((run for run in every if since <= _time(run) < until), key=_time)
    if not runs:
        return None
    tenants: dict[str, Tenant] = defaultdict(Tenant)
    connections = _poll(stack, runs, tenants)
    curated: set[str] = set()
    busy: set[str] = set()
    for run in runs:
        by_feed: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
        for entry in stack.ledger.of_run(run.arn, WANTED):
            if entry["status"] in CAME:
                by_feed[str(entry["feed_id"])].append(entry)
        for feed_id, entries in by_feed.items():
            _take(tenants[feed_id.partition("/")[0]], feed_id, entries, connections.get(feed_id, CONNECTIONS))
            curated |= {str(entry["curated_run"]) for entry in entries if entry.get("curated_run")}
        if by_feed:
            busy.add(run.started[:13])
    began = max(since, min(_time(run) for run in every))
    hours = (until - began).total_seconds() / 3600
    return Done(hours, len(busy), len(runs), len(curated), dict(sorted(tenants.items())))


def _poll(stack: Stack, runs: Sequence[Run], tenants: dict[str, Tenant]) -> dict[str, int]:
    """Counts the polls of feeds as their documents are now; how many connections each has."""
    connections: dict[str, int] = {}
    scheduled = [_time(run) for run in runs if "feeds" not in (run.input or {})]
    for document in feed_documents(stack.feeds):
        tenant = tenants[str(document["tenant"])]
        tenant.feeds += 1
        server = document.get("server")
        most = server.get("max_connections", CONNECTIONS) if isinstance(server, Mapping) else CONNECTIONS
        connections[f"{document['tenant']}/{document['feed']}"] = int(most)
        if document.get("enabled", True):
            tenant.polls += _times_due(document.get("schedule"), scheduled)
    return connections


def _times_due(schedule: object, starts: Iterable[datetime]) -> int:
    """In how many of those runs a feed of that schedule is polled."""
    last: datetime | None = None
    count = 0
    for start in starts:
        try:
            if not is_due(schedule, last=last, now=start):
                continue
        except FeedInvalidError:
            pass  # polled all the same: it fails by name
        last, count = start, count + 1
    return count


def _take(tenant: Tenant, feed_id: str, entries: Sequence[Mapping[str, Any]], connections: int) -> None:
    """Adds what one feed took in one run; batches as Poll deals them with the template's defaults."""
    name, _, feed = feed_id.partition("/")
    items = [FileItem(name, feed, "", str(one["path"]), int(one["size"]), int(one["mtime"])) for one in entries]
    tenant.taking_polls += 1
    tenant.batches += len(deal(items, Limits(BATCH_FILES, BATCH_BYTES), connections))
    tenant.files += len(items)
    tenant.bytes += sum(item.size for item in items)
    tenant.partitions |= {
        (feed_id, str(one.get("dt")), str(one["curated_run"])) for one in entries if "curated_run" in one
    }


def _time(run: Run) -> datetime:
    return datetime.fromisoformat(run.started)
