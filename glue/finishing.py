"""The last steps of a row: personal data made unreadable, names of the curated table, and its place in the files."""

from collections.abc import Mapping, Sequence

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from casts import quoted
from columns import RESERVED, check_columns
from lakeferry.errors import FeedInvalidError


def protected(frame: DataFrame, protect: Mapping[str, str]) -> DataFrame:
    """Personal data made unreadable: `hash`, `mask` (all but the last four characters), or `drop`.

    Raises:
        FeedInvalidError: a column is not there; passing over it could let it through under another name.
    """
    check_columns("transform.protect", list(protect), frame.columns)
    for name, action in sorted(protect.items()):
        text = F.col(quoted(name)).cast("string")
        if action == "drop":
            frame = frame.drop(name)
        elif action == "hash":
            frame = frame.withColumn(name, F.sha2(text, 256))
        else:
            shown = F.when(F.length(text) > 4, F.expr(f"right(CAST({quoted(name)} AS STRING), 4)")).otherwise(F.lit(""))
            frame = frame.withColumn(name, F.concat(F.expr(f"repeat('*', {_starred(name)})"), shown))
    return frame


def _starred(name: str) -> str:
    length = f"length(CAST({quoted(name)} AS STRING))"
    return f"IF({length} > 4, {length} - 4, {length})"


def renamed(frame: DataFrame, names: Mapping[str, str]) -> DataFrame:
    """Gives columns the names they have in the curated table.

    Raises:
        FeedInvalidError: a column is not there, or two would have one name.
    """
    check_columns("transform.rename", list(names), frame.columns)
    after = [names.get(name, name) for name in frame.columns]
    twice = sorted({name for name in after if after.count(name) > 1} | (RESERVED & set(names.values())))
    if twice:
        raise FeedInvalidError(f"transform.rename: there would be two columns {twice[0]!r}.")
    return frame.toDF(*after)


def clustered(frame: DataFrame, columns: Sequence[str], files: int) -> DataFrame:
    """Spreads rows over files so that equal values are next to each other.

    Readers skip the parts of a file whose least and greatest values tell that there is nothing for them. By hash, since
    ranges would have Spark read and count everything once more to find them.

    Raises:
        FeedInvalidError: a column is not there.
    """
    check_columns("transform.partition_by", columns, frame.columns)
    if not columns:
        return frame.coalesce(files)
    names = [F.col(quoted(name)) for name in columns]
    spread = frame.repartition(files, *names) if files > 1 else frame.coalesce(1)
    return spread.sortWithinPartitions(*names)
