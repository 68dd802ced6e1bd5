"""Makes the archive of `spark_archive`: about as long as two starts of Spark, once.

python -m local.make_spark_archive
"""

import os
import shlex
import subprocess
import sys

from local.java import SPARK_ARGUMENTS, spark_environment
from local.spark_archive import ARCHIVE, with_java_option


def make() -> None:
    """Starts a session that does a small job, and has Java write the archive as it ends.

    Raises:
        subprocess.CalledProcessError: the session did not start; there is no archive then.
    """
    made = ARCHIVE.with_suffix(f".{os.getpid()}")
    ARCHIVE.unlink(missing_ok=True)
    arguments = with_java_option(SPARK_ARGUMENTS, f"-XX:ArchiveClassesAtExit={made} -Xlog:cds=off")
    environment = {**os.environ, **spark_environment(), "PYSPARK_SUBMIT_ARGS": shlex.join(arguments)}
    try:
        subprocess.run([sys.executable, "-m", __spec__.name, "work"], env=environment, check=True)
        made.rename(ARCHIVE)
    finally:
        made.unlink(missing_ok=True)


def _work() -> None:
    """A session, a small job, and the end of Java, which is when it writes."""
    from local.job_process import end_java, start, warm_up

    warm_up(start())
    end_java()


if __name__ == "__main__":
    _work() if sys.argv[1:] == ["work"] else make()
