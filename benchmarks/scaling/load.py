"""What comes in in an hour, and how long each thing takes: what a simulation is given."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

from benchmarks.scaling.machine import parameters
from cli.cost.prices import Prices
from cli.cost.work import seconds_of
from lakeferry.models import FileItem
from poll.dealing import Limits, deal


@dataclass(frozen=True)
class Load:
    """One hour.

    Attributes:
        files: New in the hour, over all feeds; a feed has the same as any other, give or take one.
        size: Bytes of each.
        round_trip: Seconds to the partners' servers and back.
        connections: That a server allows at once.
        feeds_at_once, minutes, account: `MaxFeedsAtOnce`, `RunMinutes`, and the account's concurrent executions.
    """

    feeds: int
    files: int
    size: float = 100_000
    round_trip: float = 0.03
    connections: int = 4
    feeds_at_once: int = field(default_factory=lambda: int(parameters()["MaxFeedsAtOnce"]))
    minutes: float = field(default_factory=lambda: float(parameters()["RunMinutes"]))
    account: int = 1000

    def files_of(self, feed: int) -> int:
        """How many a feed has."""
        return self.files // self.feeds + (feed < self.files % self.feeds)


def batches(files: int, load: Load) -> Sequence[tuple[int, float]]:
    """Files and bytes of each batch, as Poll deals them."""
    return _dealt(files, load.size, load.connections)


@cache
def _dealt(files: int, size: float, connections: int) -> Sequence[tuple[int, float]]:
    limits = Limits(int(parameters()["BatchFiles"]), int(parameters()["BatchBytes"]))
    items = [FileItem("t", "f", "", f"/outgoing/sales_{number:06d}.csv", int(size), 1) for number in range(files)]
    return [(len(one), len(one) * size) for one in deal(items, limits, connections)]


class Times:
    """Seconds of what a run calls, by the rates of `prices.yaml`."""

    def __init__(self, facts: Prices, load: Load) -> None:
        self._facts, self._load = facts, load
        self.transition = facts.times["transition"]["seconds"]
        self.child = facts.times["child"]["seconds"]

    def list_feeds(self) -> float:
        times = self._facts.times["list_feeds"]
        return times["base"] + self._load.feeds * times["per_feed"]

    def poll(self, feed: int) -> float:
        return seconds_of(self._facts, "poll", 0, 0, self._load.round_trip)

    def stage(self, stage: str, feed: int, number: int, batch: tuple[int, float]) -> float:
        """Of one call for one batch: `Fetch`, `Validate` or `Upload`."""
        return seconds_of(self._facts, stage.lower(), *batch, self._load.round_trip)

    def of_state(self, name: str, resource: str, files: int, feeds: int) -> float:
        """Of a state of the run itself, or of a mail."""
        if resource == "ListFeeds":
            return self.list_feeds()
        if resource in ("PlanCrawl", "Reconcile"):
            return seconds_of(self._facts, {"PlanCrawl": "plan_crawl"}.get(resource, "reconcile"), files, 0, 0)
        if resource == "glue:startJobRun.sync":
            times = self._facts.times["curate"]
            work = files * self._load.size / times["bytes_per_second_of_a_worker"] + feeds * times["per_partition"]
            return times["base"] + work / times["workers"]
        return 0.1
