"""Raw files as one DataFrame, each row with where it came from: columns of text, of Parquet typed ones.

Spark's readers have traps, met here.

- CSV: a schema is laid over a file by position, so files are read by groups of equal headers, and
  `enforceSchema=false` makes it compare them; `escape` must be the quote for RFC 4180's doubled quotes; counts are
  wrong with column pruning when rows are malformed.
- JSON: a number that is read as text passes through a double, `12345678.50` is `1.23456785E7` then. So decimals are
  parsed as such, beside the text.
- Parquet: files whose types differ cannot be read at once, so they are read by groups of equal schemas. A cast of what
  does not fit is null, or rounded, without a word: so what a cast does not give back as it was is a broken value.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import (
    BooleanType,
    DataType,
    DateType,
    DecimalType,
    NumericType,
    StringType,
    StructField,
    StructType,
    TimestampNTZType,
    TimestampType,
)

from casts import cast_sql, literal, quoted, spark_type
from columns import FILE_NUMBER, MALFORMED, MISTYPED, column_names
from lakeferry.feeds import ColumnSpec, Feed
from lakeferry.formats import RawKind, raw_form
from lakefiles import Lake
from worklist import LandedFile

_FILE_NAME = "_file_name"
_PATH = "_metadata.file_name"
_MOST_PLAIN = 6
"""Digits after the point up to which no decimal is written with an exponent (Java's `BigDecimal.toString`)."""


def read_files(
    spark: SparkSession, lake: Lake, feed: Feed, files: Sequence[LandedFile], run_id: str, *, multiline: bool
) -> DataFrame:
    """Reads the files of one partition.

    Args:
        multiline: Values may contain line breaks; Spark then cannot split a file, so it is asked for only where needed.

    Returns:
        Columns named by `column_names`, null where a file lacks one; `_source_file`, `_ingested_at`,
        `_run_id`; `_file_number`, an index into `files`; and `_malformed`, the line of a row with too few or too
        many values.
    """
    form = raw_form(feed.format)
    groups = _by_header(lake, files, multiline=multiline) if form.is_text else _by_schema(spark, lake, files)
    if sum(len(file.raw_keys) for file in files) == 1:
        groups = [replace(group, is_alone=True) for group in groups]
    frames = [READERS[form.kind](spark, feed, group) for group in groups]
    frame = reduce(lambda one, other: one.unionByName(other, allowMissingColumns=True), frames)
    return _with_sources(spark, frame, files).drop(_FILE_NAME).withColumn("_run_id", F.lit(run_id))


@dataclass(frozen=True, slots=True)
class _Group:
    """Files that Spark can read at once.

    Attributes:
        columns: Of text, by position or key.
        multiline: Whether text is to be read with line breaks in its values.
        is_alone: It is the partition's only object, so nobody asks which one a row is of.
    """

    paths: list[str] = field(default_factory=list)
    columns: tuple[str, ...] = ()
    multiline: bool = False
    is_alone: bool = False

    @property
    def file_name(self) -> list[Column]:
        """The name of a row's object. Whoever names one field of `_metadata` gets all six copied into each row."""
        return [F.col(_PATH).alias(name) for name in self.named]

    @property
    def named(self) -> list[str]:
        """The column that it becomes, if any."""
        return [] if self.is_alone else [_FILE_NAME]


def _by_header(lake: Lake, files: Sequence[LandedFile], *, multiline: bool) -> Iterable[_Group]:
    groups: dict[tuple[str, ...], _Group] = {}
    for file in files:
        group = groups.setdefault(file.columns, _Group(columns=file.columns, multiline=multiline))
        group.paths.extend(lake.spark_path(key) for key in file.raw_keys)
    return groups.values()


def _by_schema(spark: SparkSession, lake: Lake, files: Sequence[LandedFile]) -> Iterable[_Group]:
    groups: dict[str, _Group] = {}
    for path in (lake.spark_path(key) for file in files for key in file.raw_keys):
        groups.setdefault(spark.read.parquet(path).schema.json(), _Group()).paths.append(path)
    return groups.values()


def _read_csv(spark: SparkSession, feed: Feed, group: _Group) -> DataFrame:
    form, names = raw_form(feed.format), column_names(group.columns)
    # names of the file's own header where there is one, so that Spark can compare them
    titles = group.columns if form.header else names
    schema = StructType([StructField(title, StringType()) for title in (*titles, MALFORMED)])
    frame = (
        spark.read.schema(schema)
        .options(
            header=form.header,
            enforceSchema=False,
            sep=form.delimiter,
            quote=form.quote,
            escape=form.quote,
            encoding="UTF-8",
            mode="PERMISSIVE",
            columnNameOfCorruptRecord=MALFORMED,
            multiLine=group.multiline,
        )
        .csv(group.paths)
    )
    return frame.select("*", *group.file_name).toDF(*names, MALFORMED, *group.named)


def _read_jsonl(spark: SparkSession, feed: Feed, group: _Group) -> DataFrame:
    keys, names = group.columns, column_names(group.columns)
    texts = StructType([StructField(key, StringType()) for key in (*keys, MALFORMED)])
    declared = {column.name.lower(): column.type for column in feed.checks.columns}
    decimals = [key for key in keys if declared.get(key.lower(), "").startswith("decimal")]
    exact = StructType([StructField(key, DecimalType(*_digits(declared[key.lower()]))) for key in decimals])
    options = {"mode": "PERMISSIVE", "columnNameOfCorruptRecord": MALFORMED}
    lines = spark.read.text(group.paths, lineSep="\n").select(
        F.from_json("value", texts, options).alias("text"),
        *([F.from_json("value", exact, {"mode": "PERMISSIVE"}).alias("exact")] if decimals else []),
        *group.file_name,
    )

    def value(key: str) -> Column:
        text = F.col("text").getField(key)
        if key in decimals:
            return F.coalesce(_plain(F.col("exact").getField(key), exact[key].dataType), text)
        if declared.get(key.lower()) == "int64":
            # 1.0 and 1.0E7 are whole numbers in JSON; the checks took none with more digits than a double has
            return F.when(text.rlike("[.E]"), text.cast("double").cast("decimal(38,0)").cast("string")).otherwise(text)
        return text

    return lines.select(
        *[value(key).alias(name) for key, name in zip(keys, names, strict=True)],
        F.col("text").getField(MALFORMED).alias(MALFORMED),
        *group.named,
    )


def _plain(decimal: Column, of: DataType) -> Column:
    """A decimal as text. Spark writes small ones, and a zero of many digits, with an exponent, which no cast takes."""
    text = decimal.cast("string")
    if not isinstance(of, DecimalType) or of.scale <= _MOST_PLAIN:
        return text
    return F.when(text.contains("E"), F.translate(F.format_number(decimal, of.scale), ",", "")).otherwise(text)


def _digits(declared: str) -> tuple[int, int]:
    precision, scale = declared.removeprefix("decimal(").removesuffix(")").split(",")
    return int(precision), int(scale)


def _read_parquet(spark: SparkSession, feed: Feed, group: _Group) -> DataFrame:
    frame = spark.read.parquet(*group.paths)
    names = column_names(frame.columns)
    declared = {column.name.lower(): column for column in feed.checks.columns}
    columns = [(each, name, declared.get(each.name.lower())) for each, name in zip(frame.schema, names, strict=True)]
    broken = [F.when(lost, F.lit(column.name)) for each, _, column in columns if column for lost in _lost(each, column)]
    return frame.select(
        *[_typed(each, column).alias(name) for each, name, column in columns],
        F.lit(None).cast("string").alias(MALFORMED),
        F.coalesce(F.lit(None).cast("string"), *broken).alias(MISTYPED),
        *group.file_name,
    )


READERS: Mapping[RawKind, Callable[[SparkSession, Feed, _Group], DataFrame]] = {
    "csv": _read_csv,
    "jsonl": _read_jsonl,
    "parquet": _read_parquet,
}
"""What the raw zone has → what reads it. Which of them a feed's files become, the card of its format says."""


def _typed(each: StructField, column: ColumnSpec | None) -> Column:
    """A Parquet column in its declared type; null where it is `_lost`, or something near it."""
    value, kind = F.col(quoted(each.name)), each.dataType
    if column is None:
        return value
    if isinstance(kind, StringType):
        return F.expr(cast_sql(quoted(each.name), column))
    if not _is_akin(kind, column):
        return F.lit(None).cast(spark_type(column.type))
    if column.type == "timestamp" and isinstance(kind, TimestampNTZType | DateType) and column.timezone != "UTC":
        return F.to_utc_timestamp(value.cast("timestamp"), column.timezone)
    return value.cast(spark_type(column.type))


def _lost(each: StructField, column: ColumnSpec) -> Iterable[Column]:
    """Where a Parquet column has a value that is none of the declared type; nothing where it cannot have one.

    The checks let no such file pass. But a type may be declared anew when files have landed, and casts say nothing.
    """
    value, kind = F.col(quoted(each.name)), each.dataType
    if column.type == "string" or kind.simpleString() == spark_type(column.type):
        return
    if not _is_akin(kind, column):
        yield value.isNotNull()
        return
    there = _typed(each, column)
    if isinstance(kind, StringType):
        yield there.isNull() & (F.trim(value) != "")
    elif column.type != "timestamp":
        yield value.isNotNull() & ~there.cast(kind).eqNullSafe(value)


def _is_akin(kind: DataType, column: ColumnSpec) -> bool:
    """Whether a value may be one of the declared type; Spark makes numbers of dates, and nulls."""
    if column.type == "string" or isinstance(kind, StringType):
        return True
    if column.type in {"date", "timestamp"}:
        return isinstance(kind, DateType | TimestampType | TimestampNTZType)
    return isinstance(kind, NumericType | BooleanType)


def _with_sources(spark: SparkSession, frame: DataFrame, files: Sequence[LandedFile]) -> DataFrame:
    """Adds lineage by the name of the raw object. All of a partition are in one folder, so the name is enough."""
    names = ("_source_file", "_ingested_at", FILE_NUMBER)
    raw = {
        key: (literal(key), f"TIMESTAMP {literal(file.uploaded_at)}", str(number))
        for number, file in enumerate(files)
        for key in file.raw_keys
    }
    if len(raw) == 1:
        # a day's only object, as most days of small feeds have it: a join is a job of Spark's, with code to compile
        ((source, moment, number),) = raw.values()
        values = zip(names, (source, _looked_up(moment), number), strict=True)
        return frame.withColumns({name: F.expr(value) for name, value in values})
    rows = ", ".join(f"({', '.join((literal(key.rsplit('/', 1)[-1]), *row))})" for key, row in raw.items())
    sources = spark.sql(f"SELECT * FROM VALUES {rows} AS sources({_FILE_NAME}, {', '.join(names)})")
    return frame.join(F.broadcast(sources), _FILE_NAME)


def _looked_up(moment: str) -> str:
    """SQL expression: the moment, in code that is the same whatever the moment is.

    Spark writes a moment into the code that it generates, and compiles that anew for each day; a list it hands over
    beside the code. It must not know before it sees a row which entry is wanted, nor that the value may be null.
    """
    return f"coalesce(array({moment}, {moment})[IF({MALFORMED} IS NULL, 0, 1)], TIMESTAMP '1970-01-01 00:00:00')"
