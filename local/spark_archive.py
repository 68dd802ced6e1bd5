"""Java's classes of a Spark session, parsed once and mapped from a file: a session starts in about half the time.

A class-data archive (JEP 350, "Dynamic CDS Archives"; Java 13 and later). One made by another Java or for other
jars is left alone. It lies beside the packages it is made of, and goes with them.
"""

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
    return with_java_option(arguments, f"-XX:SharedArchiveFile={ARCHIVE} -Xlog:cds=off -Xlog:class+path=off")


def with_java_option(arguments: Sequence[str], option: str) -> list[str]:
    at = list(arguments).index(_OPTIONS) + 1
    return [*arguments[:at], f"{arguments[at]} {option}", *arguments[at + 1 :]]
