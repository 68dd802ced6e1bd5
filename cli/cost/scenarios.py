"""The cases of docs/cost.md, and what others would be paid for the same."""

from dataclasses import dataclass, replace

from cli.cost.prices import Prices
from cli.cost.work import Work

GIGABYTE = 1e9
BATCH_FILES, BATCH_BYTES = 50, 67_108_864
"""The template's defaults (`BatchFiles`, `BatchBytes`)."""
ROW_BYTES = 123
"""Of the CSV that benchmarks/validate.py measures."""


@dataclass(frozen=True, slots=True)
class Case:
    """
    Attributes:
        rows: Of the files, for who is paid by the row.
    """

    name: str
    work: Work
    rows: float = 0


def idle(feeds: int, facts: Prices) -> Case:
    """A month of hourly polls that find nothing."""
    hours = facts.hours_in_month
    work = Work(hours=hours, feeds=feeds, idle_runs=hours, polls=hours * feeds)
    return Case(f"{feeds:,} feeds idle, a month", work)


def moved(files: float, size: float, name: str, *, runs: float, feeds: float) -> Case:
    """Files that come, beyond what an idle stack costs anyway.

    Args:
        size: Bytes of a file.
        runs: Over which they come.
        feeds: Of each run, that they are of.
    """
    in_batch = max(1.0, min(BATCH_FILES, BATCH_BYTES / size, files / runs / feeds))
    work = Work(
        busy_hours=runs,
        runs=runs,
        taking_polls=runs * feeds,
        batches=files / in_batch,
        files=files,
        bytes=files * size,
        partitions=runs * feeds,
    )
    # the stack's transitions of an idle run are paid for already
    return Case(name, replace(work, idle_runs=-runs), files * size / ROW_BYTES)


def cases(facts: Prices) -> list[Case]:
    """Those of the page, in its order."""
    return [
        *(idle(feeds, facts) for feeds in (10, 100, 1000)),
        moved(1000, 100_000, "1,000 files of 100 kB moved", runs=1, feeds=20),
        moved(20, 50_000_000, "1 GB moved, 20 files", runs=1, feeds=1),
        moved(5000, 200_000_000, "1 TB moved, 5,000 files", runs=24, feeds=10),
    ]


def others(case: Case, facts: Prices) -> dict[str, float]:
    """Dollars that others would be paid: for transfer and checks, by rows, for a box that always stands."""
    price, work = facts.others, case.work
    months = work.hours / facts.hours_in_month
    functions = facts.prices["lambda_gb_seconds"].of(
        work.files * facts.times["validate"]["per_file"] * 1.73
        + work.bytes / facts.times["validate"]["bytes_per_second"] * 1.73
    )
    calls = work.polls + work.taking_polls + work.files / 10  # a call lists 1,000 names, or fetches 10 files
    box = price["nifi_box_hours"].of(facts.hours_in_month) + price["nifi_disk_gigabyte_months"].of(200)
    return {
        "Transfer Family connector and Lambda": price["transfer_calls"].of(calls)
        + price["transfer_gigabytes"].of(work.bytes / GIGABYTE)
        + functions,
        "Airbyte Cloud, custom source by rows": price["airbyte_base_months"].of(months)
        + price["airbyte_million_rows"].of(case.rows / 1e6),
        "Apache NiFi, one m7g.xlarge with 200 GB": box * months,
    }
