"""What a stack did, in the things that are paid for: `Work` → `Usage`."""

from collections.abc import Mapping
from dataclasses import dataclass

from cli.cost.prices import Prices


class Usage(dict[str, float]):
    """How many of what `prices.yaml` has a price for; fractions, too."""

    def add(self, name: str, quantity: float) -> None:
        """Adds to one of them."""
        self[name] = self.get(name, 0.0) + quantity

    def add_all(self, other: Mapping[str, float], times: float = 1.0) -> None:
        """Adds all that another has, so often."""
        for name, quantity in other.items():
            self.add(name, quantity * times)


@dataclass(frozen=True, slots=True)
class Work:
    """What was done in some time.

    Attributes:
        hours: That the stack stood.
        busy_hours: Of those, in which files came.
        feeds: Polled in a run, on average.
        runs: In which something was curated; `idle_runs` are the others.
        polls: All of them; `taking_polls` those that took files.
        batches: Of files that travelled together.
        files, bytes: That landed; bytes as they came.
        partitions: Days of a feed that were curated.
        round_trip: Seconds to the partners' servers and back.
    """

    hours: float = 0
    busy_hours: float = 0
    feeds: float = 0
    runs: float = 0
    idle_runs: float = 0
    polls: float = 0
    taking_polls: float = 0
    batches: float = 0
    files: float = 0
    bytes: float = 0
    partitions: float = 0
    round_trip: float = 0.03


def usage_of(work: Work, facts: Prices) -> Usage:
    """The quantities of that work."""
    usage = Usage()
    _add(usage, facts, "run", work.runs)
    _add(usage, facts, "idle_run", work.idle_runs)
    _add(usage, facts, "poll", work.polls)
    _add(usage, facts, "batch", work.batches)
    _add(usage, facts, "file", work.files)
    _add(usage, facts, "partition", work.partitions)
    taking = facts.counts["taking_poll"]["transitions"] - facts.counts["poll"]["transitions"]
    usage.add("transitions", work.taking_polls * taking)
    usage.add("s3_writes", work.taking_polls * facts.counts["taking_poll"]["s3_writes"])
    _parts(usage, facts, work)
    _functions(usage, facts, work)
    _stack(usage, facts, work)
    usage.add("glue_dpu_hours", work.runs * glue_dpu_hours(work, facts))
    usage.add("mails", work.runs)
    usage.add("messages", work.runs)
    usage["log_gigabytes"] = usage.pop("log_kilobytes", 0) / 1e6
    return usage


def glue_dpu_hours(work: Work, facts: Prices) -> float:
    """Of one run of the job, with its part of the bytes."""
    if not work.runs:
        return 0.0
    times = facts.times["curate"]
    each, partitions = work.bytes / work.runs, work.partitions / work.runs
    alone = each / times["bytes_per_second_of_a_worker"] + partitions * times["per_partition"]
    workers = min(times["workers"], max(times["least_workers"], alone / times["least_seconds"]))
    seconds = max(times["least_seconds"], times["base"] + alone / workers)
    return workers * seconds / 3600


def seconds_of(facts: Prices, stage: str, files: float, bytes_: float, round_trip: float) -> float:
    """Of one call of a function, whatever it waits for included."""
    times = facts.times[stage]
    seconds = times["base"] + round_trip * times.get("round_trips", 0)
    seconds += files * (times.get("per_file", 0) + round_trip * times.get("round_trips_per_file", 0))
    return seconds + bytes_ / times["bytes_per_second"] if "bytes_per_second" in times else seconds


def _add(usage: Usage, facts: Prices, what: str, times: float) -> None:
    for name, each in facts.counts[what].items():
        if isinstance(each, (int, float)):
            usage.add(name, each * times)


def _parts(usage: Usage, facts: Prices, work: Work) -> None:
    """Of files that are larger than a part; a small file's requests are counted with it."""
    part = facts.counts["part"]
    parts = max(0.0, work.bytes / part["bytes"] - work.files)
    usage.add("s3_writes", parts * part["s3_writes"])
    usage.add("s3_reads", parts * part["s3_reads"])


def _functions(usage: Usage, facts: Prices, work: Work) -> None:
    times = facts.times
    runs = work.runs + work.idle_runs
    calls = {
        "list_feeds": (runs, times["list_feeds"]["base"] + work.feeds * times["list_feeds"]["per_feed"]),
        "poll": (work.polls, seconds_of(facts, "poll", 0, 0, work.round_trip)),
    }
    if work.batches:
        files, bytes_ = work.files / work.batches, work.bytes / work.batches
        for stage in ("fetch", "validate", "upload"):
            calls[stage] = (work.batches, seconds_of(facts, stage, files, bytes_, work.round_trip))
    if work.runs:
        for stage in ("plan_crawl", "reconcile"):
            calls[stage] = (work.runs, seconds_of(facts, stage, work.files / work.runs, 0, 0))
    for stage, (number, seconds) in calls.items():
        usage.add("lambda_gb_seconds", number * seconds * times[stage]["memory_gb"])
        if stage not in ("fetch", "validate", "upload"):  # counted with the batch
            usage.add("lambda_calls", number)


def _stack(usage: Usage, facts: Prices, work: Work) -> None:
    counts = facts.counts["stack"]
    quantities = {
        "metric_hours": work.hours * counts["metrics"] + work.busy_hours * (counts["busy_metrics"] - counts["metrics"]),
        "alarm_metric_hours": work.hours * counts["alarm_metrics"],
        "key_hours": work.hours * counts["keys"],
        "lambda_calls": work.hours * counts["lambda_calls"],
        "lambda_gb_seconds": work.hours * counts["lambda_calls"] * counts["seconds"] * 0.5,
        "dynamodb_reads": work.hours * counts["dynamodb_reads"],
        "key_requests": work.hours * counts["key_requests"],
        "traces": work.hours * counts["traces"],
    }
    for name, quantity in quantities.items():
        usage.add(name, quantity)
