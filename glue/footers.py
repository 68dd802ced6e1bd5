"""What the footers of written Parquet files tell: rows, and nulls, least and greatest value of each column.

It costs no pass over the rows: the writer has put these figures there. Read with Spark's own Parquet library, so
that it works wherever Spark can read a path.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pyspark.sql import SparkSession

from profiles import SHOWN, ColumnProfile, float64_text


@dataclass(frozen=True, slots=True)
class Footers:
    """Of all files of a generation together."""

    rows: int
    profiles: tuple[ColumnProfile, ...]


def read_footers(spark: SparkSession, paths: Iterable[str], columns: Sequence[str]) -> Footers:
    """Reads the footers of Parquet files with flat columns.

    Args:
        paths: As Spark takes them.
    """
    jvm, configuration = spark._jvm, spark._jsc.hadoopConfiguration()
    rows, statistics = 0, dict[str, Any]()
    for path in paths:
        file = jvm.org.apache.parquet.hadoop.util.HadoopInputFile.fromPath(
            jvm.org.apache.hadoop.fs.Path(path), configuration
        )
        reader = jvm.org.apache.parquet.hadoop.ParquetFileReader.open(file)
        try:
            for block in _each(reader.getFooter().getBlocks()):
                rows += block.getRowCount()
                for chunk in _each(block.getColumns()):
                    name = chunk.getPath().toDotString()
                    if name in statistics:
                        statistics[name].mergeStatistics(chunk.getStatistics())
                    else:
                        statistics[name] = chunk.getStatistics()
        finally:
            reader.close()
    return Footers(rows, tuple(_profile(name, statistics.get(name)) for name in columns))


def _each(items: Any) -> Iterator[Any]:  # noqa: ANN401  (a list of Java's)
    """By number: the end of Java's iterators is an error to Py4J, about which PySpark asks Java forty questions."""
    return (items.get(at) for at in range(items.size()))


def _profile(name: str, statistics: Any) -> ColumnProfile:  # noqa: ANN401  (a Java object)
    if statistics is None:
        return ColumnProfile(name, 0, None, None)
    valued = statistics.hasNonNullValue()
    return ColumnProfile(
        name,
        statistics.getNumNulls() if statistics.isNumNullsSet() else None,
        _text(statistics.genericGetMin(), statistics.minAsString) if valued else None,
        _text(statistics.genericGetMax(), statistics.maxAsString) if valued else None,
    )


def _text(value: Any, as_string: Callable[[], str]) -> str:  # noqa: ANN401  (Java's, of any type)
    # Java 17 writes some float64 with more digits than they have
    return (float64_text(value) if isinstance(value, float) else as_string())[:SHOWN]
