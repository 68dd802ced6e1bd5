"""The Spark session of the job, and a new one where it has ended."""

import contextlib

from pyspark import SparkContext
from pyspark.sql import SparkSession

from javanames import remember_names

SPARK_SETTINGS = {
    # texts without an offset are UTC, wherever the driver is ("Configuration", runtime SQL settings)
    "spark.sql.session.timeZone": "UTC",
    # as Glue's Spark 3.5 has it: a cast that fails is null and names its row's reason; with it, it would end the job
    # ("ANSI Compliance"). Expressions do without either (`try_add`, `try_cast`), so Spark 4's default changes no value
    "spark.sql.ansi.enabled": "false",
    # malformed rows are found only where all columns are parsed
    "spark.sql.csv.parser.columnPruning.enabled": "false",
    # dates by Java 8's patterns alone: by default a text that Java 7's would have read otherwise fails its partition
    # (Spark SQL migration guide, 2.4 to 3.0)
    "spark.sql.legacy.timeParserPolicy": "CORRECTED",
    # INT96, the default, is deprecated in Parquet, and has no statistics by which readers skip ("Parquet Files")
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    # HotSpot compiles no method of more than 8,000 bytes, and a row of ten typed columns is one: it would be
    # interpreted, row by row. Beyond that Spark cuts it into many ("Runtime SQL Configuration"; docs/decisions.md)
    "spark.sql.codegen.hugeMethodLimit": "8000",
    # partitions are built side by side: each gets its share
    "spark.scheduler.mode": "FAIR",
    # a task that does not end when it is cancelled would keep its place: after a minute its executor goes
    "spark.task.reaper.enabled": "true",
    "spark.task.reaper.killTimeout": "60s",
    # readers list the prefix; an empty marker object would be one more file to open
    "spark.hadoop.mapreduce.fileoutputcommitter.marksuccessfuljobs": "false",
    # "${env:NAME}" in an expression stays text
    "spark.sql.variable.substitute": "false",
    # days before 1582 and times before 1900 are written and read as they stand, in the one calendar that Athena and
    # DuckDB know (Spark SQL migration guide, "Parquet"); by default one such value fails its whole partition
    "spark.sql.parquet.datetimeRebaseModeInWrite": "CORRECTED",
    "spark.sql.parquet.datetimeRebaseModeInRead": "CORRECTED",
    "spark.sql.parquet.int96RebaseModeInWrite": "CORRECTED",
    "spark.sql.parquet.int96RebaseModeInRead": "CORRECTED",
    # expressions of a feed read the rows they are given, not files by path
    "spark.sql.runSQLOnFiles": "false",
}

FORBIDDEN_FUNCTIONS = (
    *("reflect", "java_method"),  # run any code
    *("rand", "random", "randn", "uuid", "shuffle", "monotonically_increasing_id"),  # differ from rebuild to rebuild
    *("spark_partition_id", "input_file_name", "input_file_block_start", "input_file_block_length"),
)
"""Not to be had in a feed's expressions."""


def spark_session() -> SparkSession:
    """The session, in which a feed's expressions can do nothing but compute a value from a row."""
    builder = SparkSession.builder.appName("lakeferry-curate")
    for name, value in SPARK_SETTINGS.items():
        builder = builder.config(name, value)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    remember_names(spark._jvm)
    registry = spark._jsparkSession.sessionState().functionRegistry()
    identifier = spark._jvm.org.apache.spark.sql.catalyst.FunctionIdentifier
    for name in FORBIDDEN_FUNCTIONS:
        registry.dropFunction(identifier(name))
    return spark


def is_alive(spark: SparkSession) -> bool:
    """Whether a session's context, and the JVM it is in, are still there."""
    try:
        return not spark.sparkContext._jsc.sc().isStopped()
    except Exception:  # Py4J has several for a JVM that is gone, and a context that was stopped has no `_jsc`
        return False


def started_anew() -> SparkSession:
    """A new session where the last one's context has ended, in a new JVM where that is gone, too.

    Raises:
        Exception: PySpark's, where no JVM can be started; in AWS the script lives no longer than the JVM anyway.
    """
    answers, context = _jvm_answers(), SparkContext._active_spark_context
    if context is not None:
        if not answers:
            context._jsc = None  # nobody to be told
        context.stop()
    if not answers:
        with contextlib.suppress(Exception):
            SparkContext._gateway.shutdown()
        # PySpark keeps one for as long as the process lives, and has no other way to start the next
        SparkContext._gateway = SparkContext._jvm = None
    SparkSession._instantiatedSession = None
    return spark_session()


def _jvm_answers() -> bool:
    try:
        SparkContext._jvm.java.lang.System.nanoTime()
    except Exception:  # see is_alive
        return False
    return True
