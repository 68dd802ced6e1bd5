"""One run as a discrete-event simulation: SimPy's processes enter the states of the ways that `machine.py` found."""

from collections import defaultdict, deque
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from typing import Any

import simpy

from benchmarks.scaling.load import Load, Times, batches
from benchmarks.scaling.machine import State, Ways, ways
from cli.cost.prices import Prices
from cli.cost.work import Usage

Steps = Generator[simpy.Event, Any, None]
STAGES = {"Fetch", "Validate", "Upload"}
STAGE_WRITES, OF_ALL_FEEDS = 4, 2
"""Write units of a file: in the ledger, indexes included, by each of three stages; and under `tell` of the index
`outbox`, which all feeds share: Upload puts it there, and `emit` takes it away at the same pace (docs/quotas.md)."""
LEFT_SECONDS = 60
"""Poll is not begun with less of the run's time left."""
MEMORY = {"Fetch": "fetch", "Validate": "validate", "Upload": "upload", "Poll": "poll"}


@dataclass
class Outcome:
    """What came of it.

    Attributes:
        seconds: From the run's begin to its end; `feeds_seconds` to the end of its feeds.
        peak: Of functions at once, and `peak_maps` of open Map Runs.
        throttled: Calls that had to wait for the account's concurrency.
        left_feeds, left_files: That the run had no time for.
        batch_seconds: Of all batches' executions, added up.
        busiest: By what is bounded a second, the most in one.
        longest: By function, seconds of its longest call.
        usage: What is paid for.
    """

    load: Load
    seconds: float = 0
    feeds_seconds: float = 0
    peak: int = 0
    peak_maps: int = 0
    throttled: int = 0
    left_feeds: int = 0
    left_files: int = 0
    batches: int = 0
    batch_seconds: float = 0
    landed: int = 0
    busiest: dict[str, float] = field(default_factory=dict)
    longest: dict[str, float] = field(default_factory=dict)
    timed_out: set[str] = field(default_factory=set)
    usage: Usage = field(default_factory=Usage)


class Run:
    """One run of a load."""

    def __init__(self, load: Load, facts: Prices, times: Times | None = None, found: Ways | None = None) -> None:
        self._load, self._facts = load, facts
        self._times = times or Times(facts, load)
        self._ways = found or ways()
        self._env = simpy.Environment()
        self._account = simpy.Resource(self._env, load.account)
        self._seconds: dict[str, dict[int, float]] = defaultdict(lambda: defaultdict(float))
        self._maps = 0
        self._free_at = 0.0
        self._outcome = Outcome(load)

    def simulate(self) -> Outcome:
        """Runs it to its end."""
        self._env.run(self._env.process(self._run()))
        outcome = self._outcome
        outcome.seconds = self._env.now
        outcome.busiest = {name: max(counted.values()) for name, counted in self._seconds.items()}
        return outcome

    def _run(self) -> Steps:
        load, way = self._load, self._ways.run if self._load.files else self._ways.quiet_run
        for state in way:
            yield from self._enter(state)
            if state.name == "For each feed":
                yield from self._map(state.at_once or load.feeds_at_once, self._feeds())
                self._outcome.feeds_seconds = self._env.now
            elif state.name == "For each mail":
                yield from self._map(state.at_once or 1, iter([self._way(self._ways.mail)]))
            elif state.type == "Task":
                feeds = min(load.feeds, load.files)
                seconds = self._times.of_state(state.name, state.resource, self._outcome.landed, feeds)
                yield from self._task(state, state.resource, seconds)

    def _feeds(self) -> Iterator[Steps]:
        return (self._feed(number) for number in range(self._load.feeds))

    def _feed(self, number: int) -> Steps:
        yield self._env.timeout(self._times.child)
        files = self._load.files_of(number)
        left = self._load.minutes * 60 - self._env.now
        if left < LEFT_SECONDS:  # Poll answers at once
            self._outcome.left_feeds += 1
            self._outcome.left_files += files
            files = 0
        for state in self._ways.feed if files else self._ways.quiet:
            yield from self._enter(state)
            if state.resource == "Poll":
                yield from self._task(state, "Poll", self._times.poll(number) if left >= LEFT_SECONDS else 0.3)
                self._count("poll")
                if files:
                    self._count("taking_poll")
            elif state.type == "Map":
                dealt = batches(files, self._load)
                yield from self._map(
                    state.at_once or self._load.connections,
                    (self._batch(number, at, one) for at, one in enumerate(dealt)),
                )

    def _batch(self, feed: int, number: int, batch: tuple[int, float]) -> Steps:
        yield self._env.timeout(self._times.child)
        self._outcome.batches += 1
        began = self._env.now
        self._count("batch")
        for state in self._ways.batch:
            yield from self._enter(state)
            if state.resource in STAGES:
                if self._env.now > self._load.minutes * 60:
                    self._outcome.left_files += batch[0]
                    return
                yield from self._task(
                    state, state.resource, self._times.stage(state.resource, feed, number, batch), batch[0]
                )
        self._outcome.batch_seconds += self._env.now - began
        self._outcome.landed += batch[0]
        self._count("file", batch[0])
        part = self._facts.counts["part"]
        parts = max(0.0, batch[1] / part["bytes"] - batch[0])
        self._use("s3_writes", parts * part["s3_writes"])
        self._use("s3_reads", parts * part["s3_reads"])

    def _way(self, states: tuple[State, ...]) -> Steps:
        for state in states:
            yield from self._enter(state)
            if state.type == "Task":
                yield from self._task(state, state.resource, self._times.of_state(state.name, state.resource, 0, 0))

    # -- what all states have in common

    def _enter(self, state: State) -> Steps:
        """A transition: Step Functions takes so many a second, and slows down who asks for more."""
        self._use("transitions", 1)
        pause = 1 / self._facts.limits["transitions_a_second"].limit
        self._free_at = max(self._free_at, self._env.now) + pause
        self._note("transitions_a_second", 1)
        yield self._env.timeout(self._times.transition + max(0.0, self._free_at - self._env.now - pause))

    def _task(self, state: State, resource: str, seconds: float, files: int = 0) -> Steps:
        if ":" in resource:  # a service, which takes none of the account's concurrency
            yield self._env.timeout(seconds)
            self._longest(state, resource, seconds)
            return
        if self._account.count >= self._account.capacity:
            self._outcome.throttled += 1
        with self._account.request() as place:
            yield place
            self._outcome.peak = max(self._outcome.peak, self._account.count)
            began = self._env.now
            yield self._env.timeout(seconds)
        self._longest(state, resource, seconds)
        self._use("lambda_calls", 1)
        memory = self._facts.times.get(MEMORY.get(resource, "reconcile"), {}).get("memory_gb", 0.5)
        self._use("lambda_gb_seconds", seconds * memory)
        if files:
            file = self._facts.counts["file"]
            self._spread("ledger_writes_a_second", files * STAGE_WRITES, began)
            if resource == "Upload":
                self._spread("key_writes_a_second", files * OF_ALL_FEEDS, began)
            self._spread("bucket_writes_a_second", files * file["s3_writes"] / 3, began)

    def _longest(self, state: State, resource: str, seconds: float) -> None:
        self._outcome.longest[resource] = max(seconds, self._outcome.longest.get(resource, 0))
        if state.timeout and seconds > state.timeout:
            self._outcome.timed_out.add(state.name)

    def _map(self, at_once: int, items: Iterator[Steps]) -> Steps:
        """As many at once as the Map takes, each of the others as one of them ends."""
        self._maps += 1
        self._outcome.peak_maps = max(self._outcome.peak_maps, self._maps)
        waiting = deque(items)

        def worker() -> Steps:
            while waiting:
                yield from waiting.popleft()

        yield self._env.all_of([self._env.process(worker()) for _ in range(min(at_once, len(waiting)))])
        self._maps -= 1

    def _count(self, what: str, times: float = 1) -> None:
        """What `prices.yaml` counts for it; transitions and calls are counted where they happen."""
        for name, each in self._facts.counts[what].items():
            if isinstance(each, (int, float)) and name not in ("transitions", "lambda_calls"):
                self._use(name, each * times)

    def _use(self, name: str, quantity: float) -> None:
        self._outcome.usage.add(name, quantity)

    def _spread(self, name: str, quantity: float, began: float) -> None:
        """What a call did from then until now, over its seconds."""
        seconds = range(int(began), int(self._env.now) + 1)
        counted = self._seconds[name]
        for second in seconds:
            counted[second] += quantity / len(seconds)

    def _note(self, name: str, quantity: float) -> None:
        self._seconds[name][int(self._env.now)] += quantity
