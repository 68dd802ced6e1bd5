"""Java's classes of a Spark session, parsed once and mapped from a file: a session starts in about half the time.

A class-data archive (JEP 350, "Dynamic CDS Archives"; Java 13 and later). One made by another Java or for other
jars is left alone. It lies beside the packages it is made of, and goes with them.

    python -m local.spark_archive      makes it; about as long as two starts of Spark, once
"""

import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ARCHIVE = Path(sys.prefix) / "spark.jsa"
_OPTIONS = "--driver-java-options"


def with_archive(arguments: Sequence[str]) -> list[str]:
    """Spark's arguments with the archive, if there is one."""
    if not ARCHIVE.exists():
        return [*arguments]
    # that it does not fit is nothing anybody has to know
    return _with_java_option(arguments, f"-XX:SharedArchiveFile={ARCHIVE} -Xlog:cds=off -Xlog:class+path=off")


def _with_java_option(arguments: Sequence[str], option: str) -> list[str]:
    at = list(arguments).index(_OPTIONS) + 1
    return [*arguments[:at], f"{arguments[at]} {option}", *arguments[at + 1 :]]


def make() -> None:
    """Starts a session that does a small job, and has Java write the archive as it ends.

    Raises:
        subprocess.CalledProcessError: the session did not start; there is no archive then.
    """
    from local.glue_job import SPARK_ARGUMENTS, spark_environment

    made = ARCHIVE.with_suffix(f".{os.getpid()}")
    ARCHIVE.unlink(missing_ok=True)
    arguments = _with_java_option(SPARK_ARGUMENTS, f"-XX:ArchiveClassesAtExit={made} -Xlog:cds=off")
    environment = {**os.environ, **spark_environment(), "PYSPARK_SUBMIT_ARGS": shlex.join(arguments)}
    try:
        subprocess.run([sys.executable, "-m", __spec__.name, "work"], env=environment, check=True)
        made.rename(ARCHIVE)
    finally:
        made.unlink(missing_ok=True)


def _work() -> None:
    """A session, a small job, and the end of Java, which is when it writes."""
    from pyspark import SparkContext

    from local.job_process import start, warm_up

    spark = start()
    warm_up(spark)
    spark.stop()
    java = SparkContext._gateway.proc
    SparkContext._gateway.shutdown()
    java.stdin.close()  # by which it knows
    java.wait(timeout=120)


if __name__ == "__main__":
    _work() if sys.argv[1:] == ["work"] else make()
