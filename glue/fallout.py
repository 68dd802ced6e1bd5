"""Rows that broke a rule, kept as they were delivered so that people can look at them.

Such rows are few, so they are read a second time, and only where counting has found some.
"""

from collections.abc import Sequence

from pyspark.sql import DataFrame, Observation
from pyspark.sql import functions as F

from columns import DROPPED_BY, LINEAGE, ROW
from lakeferry.errors import BalanceError
from lakeferry.feeds import Feed
from transforms import fallout_rules
from worklist import FileCounts, Partition

TABLE = "fallout"
COLUMNS = (
    ("dataset", "string"),
    ("rule", "string"),
    ("row", "string"),
    ("_source_file", "string"),
    ("_ingested_at", "timestamp"),
    ("_run_id", "string"),
)


def expected_rows(feed: Feed, counts: Sequence[FileCounts]) -> int:
    """Rows that are to be kept."""
    rules = fallout_rules(feed)
    return sum(item.dropped.get(rule, 0) for item in counts for rule in rules)


def write(frame: DataFrame, feed: Feed, partition: Partition, path: str, expected: int) -> None:
    """Writes the rows of a frame made with `with_text`.

    Raises:
        BalanceError: these are not as many as were counted.
    """
    written = Observation()
    (
        frame.where(F.col(DROPPED_BY).isin(fallout_rules(feed)))
        .select(
            F.lit(feed.dataset).alias("dataset"), F.col(DROPPED_BY).alias("rule"), F.col(ROW).alias("row"), *LINEAGE
        )
        .coalesce(1)
        .observe(written, F.count(F.lit(1)).alias("rows"))
        .write.mode("overwrite")
        .option("compression", "zstd")
        .parquet(path)
    )
    if written.get["rows"] != expected:
        raise BalanceError(
            f"{partition}: {expected} rows broke a rule, but {written.get['rows']} when they were read again for the "
            "fallout. A file was replaced meanwhile; the next run builds the partition again."
        )
