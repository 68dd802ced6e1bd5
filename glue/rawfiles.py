"""Raw CSV files as one DataFrame of text columns, each row with where it came from.

Spark's CSV reader has traps, met here: a schema is laid over a file by position, so files are read by groups of
equal headers, and `enforceSchema=false` makes it compare them; `escape` must be the quote for RFC 4180's doubled
quotes; counts are wrong with column pruning when rows are malformed.
"""

from collections.abc import Sequence
from functools import reduce

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType

from casts import literal
from columns import FILE_NUMBER, MALFORMED, column_names
from lakeferry.feeds import Feed
from lakefiles import Lake
from worklist import LandedFile

_FILE_NAME = "_file_name"


def read_files(
    spark: SparkSession, lake: Lake, feed: Feed, files: Sequence[LandedFile], run_id: str, *, multiline: bool
) -> DataFrame:
    """Reads the files of one partition.

    Args:
        multiline: Values may contain line breaks; Spark then cannot split a file, so it is asked for only where needed.

    Returns:
        Text columns named by `column_names`, null where a file lacks one; `_source_file`, `_ingested_at`,
        `_run_id`; `_file_number`, an index into `files`; and `_malformed`, the line of a row with too few or too
        many values.
    """
    groups: dict[tuple[str, ...], list[str]] = {}
    for file in files:
        groups.setdefault(file.columns, []).extend(file.raw_keys)
    frames = [_read_group(spark, lake, feed, header, keys, multiline=multiline) for header, keys in groups.items()]
    frame = reduce(lambda one, other: one.unionByName(other, allowMissingColumns=True), frames)
    return (
        frame.join(F.broadcast(_sources(spark, files)), _FILE_NAME)
        .drop(_FILE_NAME)
        .withColumn("_run_id", F.lit(run_id))
    )


def _read_group(
    spark: SparkSession, lake: Lake, feed: Feed, header: tuple[str, ...], keys: Sequence[str], *, multiline: bool
) -> DataFrame:
    names = column_names(header)
    # names of the file's own header where there is one, so that Spark can compare them
    titles = header if feed.format.header else names
    schema = StructType([StructField(title, StringType()) for title in (*titles, MALFORMED)])
    frame = (
        spark.read.schema(schema)
        .options(
            header=feed.format.header,
            enforceSchema=False,
            sep=feed.format.delimiter,
            quote=feed.format.quote,
            escape=feed.format.quote,
            encoding="UTF-8",
            mode="PERMISSIVE",
            columnNameOfCorruptRecord=MALFORMED,
            multiLine=multiline,
        )
        .csv([lake.spark_path(key) for key in keys])
    )
    return frame.select("*", F.col("_metadata.file_name").alias(_FILE_NAME)).toDF(*names, MALFORMED, _FILE_NAME)


def _sources(spark: SparkSession, files: Sequence[LandedFile]) -> DataFrame:
    """Name of a raw object → lineage. All raw objects of a partition are in one folder, so the name is enough."""
    rows = ", ".join(
        f"({literal(key.rsplit('/', 1)[-1])}, {literal(key)}, TIMESTAMP {literal(file.uploaded_at)}, {number})"
        for number, file in enumerate(files)
        for key in file.raw_keys
    )
    return spark.sql(f"SELECT * FROM VALUES {rows} AS sources({_FILE_NAME}, _source_file, _ingested_at, {FILE_NUMBER})")
