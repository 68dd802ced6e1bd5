"""Reference tables as Spark has them."""

import threading
from collections.abc import Callable

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from casts import quoted
from columns import column_names
from lakeferry.errors import FeedInvalidError
from lakeferry.feeds import EnrichSpec, Feed
from lakefiles import Lake
from references import ReferenceUnusableError, chosen_version, reference_prefix


class References:
    """The reference tables of one job run; each is looked at once."""

    def __init__(self, session: Callable[[], SparkSession], lake: Lake) -> None:
        self._session, self._lake = session, lake
        self._lock = threading.Lock()
        self._tables: dict[tuple[str, str | None], DataFrame] = {}
        self._versions: dict[tuple[str, str | None], str] = {}
        self._checked: set[tuple[str, str | None, str]] = set()

    def of(self, feed: Feed) -> dict[str, DataFrame]:
        """The tables a feed's `enrich` names.

        Raises:
            ReferenceUnusableError: one is not there, or has a key more than once.
        """
        # one thread at a time: partitions of one feed ask for the same tables
        with self._lock:
            return {enrich.reference: self._table(feed, enrich) for enrich in feed.transform.enrich}

    def versions(self, feed: Feed) -> dict[str, str]:
        """Parameters that tell which version of each table `of` gave."""
        found = {item.reference: (reference_prefix(feed, item), item.version) for item in feed.transform.enrich}
        return {f"lakeferry.reference.{name}": self._versions[at] for name, at in found.items()}

    def _table(self, feed: Feed, enrich: EnrichSpec) -> DataFrame:
        prefix = reference_prefix(feed, enrich)
        at = (prefix, enrich.version)
        if at not in self._tables:
            self._tables[at] = self._read(prefix, enrich.version)
        table, key = self._tables[at], enrich.key or enrich.on
        if (*at, key) not in self._checked:
            if key not in table.columns:
                raise FeedInvalidError(f"{self._lake.uri(prefix)} has no column {key!r}: {', '.join(table.columns)}.")
            # a key that is there twice would make one row two
            repeated = table.groupBy(quoted(key)).count().where(F.col("count") > 1).head()
            if repeated is not None:
                raise ReferenceUnusableError(
                    f"{self._lake.uri(prefix)}: {key} {repeated[0]!r} is there {repeated[1]} times; keys must be "
                    "distinct. Put a corrected version beside it."
                )
            self._checked.add((*at, key))
        return table

    def _read(self, prefix: str, wanted: str | None) -> DataFrame:
        version, keys = chosen_version(self._lake, prefix, wanted)
        self._versions[prefix, wanted] = version
        paths = [self._lake.spark_path(key) for key in keys]
        if all(key.endswith(".parquet") for key in keys):
            table = self._session().read.parquet(*paths)
        else:
            table = self._session().read.options(header=True, escape='"').csv(paths)
        return table.toDF(*column_names(table.columns))
