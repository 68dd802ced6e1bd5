"""What a simulated hour comes to: dollars a day by service, and which limit is nearest."""

from dataclasses import dataclass

from benchmarks.scaling.load import Load
from benchmarks.scaling.machine import payload_of, ways
from benchmarks.scaling.simulation import Outcome
from cli.cost.bill import by_service
from cli.cost.prices import Limit, Prices
from cli.cost.work import Usage, Work, glue_dpu_hours, usage_of

HOURS = 24
FEED_WORD = "{files} {files} 0 0 0"
"""What a feed's execution hands back to the run."""
FUNCTION_STATES = {state.resource: state for way in (ways().run, ways().feed, ways().batch) for state in way}


@dataclass(frozen=True)
class Bound:
    """A limit and how much of it is used.

    Attributes:
        part: 1 is all of it; more than that breaks.
    """

    what: str
    used: float
    limit: float
    change: str

    @property
    def part(self) -> float:
        return self.used / self.limit


def bounds(outcome: Outcome, facts: Prices) -> list[Bound]:
    """Every limit, the nearest first."""
    load = outcome.load
    files = -(-load.files // load.feeds)
    used = {
        "lambda_concurrency": outcome.peak,
        "lambda_seconds": max(outcome.longest.get(name, 0) for name in ("Poll", "Fetch", "Validate", "Upload")),
        "open_map_runs": outcome.peak_maps,
        "map_concurrency": min(load.feeds, load.feeds_at_once),
        "payload": payload_of(FEED_WORD.format(files=files), load.feeds),
        "events": 54,  # of a run, as of any size (tests/contract/test_counts.py)
        "glue_dpus": facts.times["curate"]["workers"],
        **outcome.busiest,
    }
    found = [
        Bound(
            f"{name.replace('_', ' ')} ({facts.limits[name].unit})",
            value,
            facts.limits[name].limit,
            facts.limits[name].change,
        )
        for name, value in used.items()
    ]
    for name, seconds in outcome.longest.items():
        state = FUNCTION_STATES.get(name)
        if state is not None and state.timeout and ":" not in name:
            found.append(
                Bound(f"time-out of {state.name} (s)", seconds, state.timeout, "fewer feeds a run: shards, or stacks")
            )
    found.append(Bound("RunMinutes (s of the feeds)", outcome.feeds_seconds, load.minutes * 60, "raise MaxFeedsAtOnce"))
    found.append(Bound("the hour (s of the run)", outcome.seconds, 3600, "raise GlueMaxWorkers, then shards or stacks"))
    return sorted(found, key=lambda bound: -bound.part)


def _bound(limit: Limit, used: float) -> Bound:
    return Bound(f"{limit.name.replace('_', ' ')} ({limit.unit})", used, limit.limit, limit.change)


def day(outcome: Outcome, facts: Prices) -> Usage:
    """What 24 such hours use: the simulated run, and what the stack and the job use beside it."""
    load = outcome.load
    busy = outcome.landed > 0
    partitions = min(load.feeds, load.files)
    work = Work(
        hours=1,
        busy_hours=float(busy),
        runs=float(busy),
        files=outcome.landed,
        bytes=outcome.landed * load.size,
        partitions=partitions if busy else 0,
    )
    usage = Usage(outcome.usage)
    usage["log_gigabytes"] = usage.pop("log_kilobytes", 0) / 1e6
    usage["glue_dpu_hours"] = glue_dpu_hours(work, facts)
    usage.add_all(usage_of(Work(hours=1, busy_hours=work.busy_hours, partitions=work.partitions), facts))
    usage["mails"] = usage["messages"] = float(busy)
    whole = Usage()
    whole.add_all(usage, HOURS)
    return whole


def express(outcome: Outcome, usage: Usage) -> Usage:
    """The same day with Express batches, in place of Standard ones."""
    found = Usage(usage)
    found.add("transitions", -outcome.batches * len(ways().batch) * HOURS)
    found.add("express_requests", outcome.batches * HOURS)
    found.add("express_gb_seconds", outcome.batch_seconds * 0.0625 * HOURS)
    return found


def per_thousand(usage: Usage, outcome: Outcome, facts: Prices) -> float:
    """Dollars of 1,000 files."""
    landed = outcome.landed * HOURS
    return sum(by_service(usage, facts).values()) / landed * 1000 if landed else 0.0


def told(load: Load) -> str:
    """A load in a few words."""
    return f"{load.feeds:,} feeds, {load.files * HOURS:,} files a day"
