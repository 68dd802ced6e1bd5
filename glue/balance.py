"""What has to add up before a partition is published, whichever engine has built it."""

from collections.abc import Sequence

from lakeferry.errors import BalanceError, LakeferryError
from lakeferry.feeds import Feed
from lakeferry.feeds.fingerprint import checked_as
from plan import FAIL_PREFIX, Plan, broken_rules
from worklist import FileCounts, Partition


class RuleViolatedError(LakeferryError):
    """Rows break a rule whose action is `fail`."""


def imbalances(partition: Partition, counts: Sequence[FileCounts]) -> list[str]:
    """What does not add up, a sentence a file."""
    return [
        f"{partition}: {item.file.path}: {item.file.rows_landed} rows landed, Spark read {item.read} "
        f"({item.curated} curated, {item.read - item.curated} dropped). Nothing was published; reprocess the file."
        for item in counts
        if item.read != item.file.rows_landed
    ]


def lost_rows(feed: Feed, partition: Partition, counts: Sequence[FileCounts]) -> list[str]:
    """Rows that passed these very checks and are dropped as broken all the same, a sentence a file.

    Where the checks are others than the file has passed, such as a type that was declared since, the row is dropped by
    name.
    """
    checked, rules = checked_as(feed), broken_rules(feed.checks.columns)
    found = []
    for item in counts:
        lost = {rule: rows for rule, rows in item.dropped.items() if rule in rules}
        if lost and item.file.checked_as == checked:
            named = ", ".join(f"{rows} {rule}" for rule, rows in lost.items())
            found.append(
                f"{partition}: {item.file.path}: rows that passed the checks were dropped by the Glue job ({named}). "
                "Nothing was published. The checks and the job do not read these values alike, which is a bug: report "
                "it. Until it is fixed, declare the column as a string."
            )
    return found


def check_rules(partition: Partition, counts: Sequence[FileCounts]) -> None:
    """Raises RuleViolatedError where rows break a rule whose action is `fail`."""
    for item in counts:
        for rule, rows in item.dropped.items():
            if rule.startswith(FAIL_PREFIX):
                raise RuleViolatedError(
                    f"{partition}: {item.file.path}: {rows} rows break the rule {rule.removeprefix(FAIL_PREFIX)!r}, "
                    "whose action is fail. Nothing was published."
                )


def check_written(partition: Partition, place: str, rows: int, counts: Sequence[FileCounts]) -> None:
    """Sees that the Parquet has as many rows as were counted on the way to it.

    Args:
        place: Where it is.
        rows: By its footers.

    Raises:
        BalanceError: it has not.
    """
    expected = sum(item.curated for item in counts)
    if rows != expected:
        raise BalanceError(
            f"{partition}: {place} has {rows} rows where {expected} were counted. Nothing "
            "was published; the next run builds the partition again."
        )


def fallout_rows(plan: Plan, counts: Sequence[FileCounts]) -> int:
    """Rows that are to be kept beside the table."""
    return sum(item.dropped.get(reason, 0) for item in counts for reason in plan.fallout)
