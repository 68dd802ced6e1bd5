"""Sessions start from an archive of Java's classes where there is one."""

import shlex
import subprocess
from pathlib import Path

import pytest

from local import spark_archive
from local.java import spark_environment
from local.spark_archive import with_archive

ARGUMENTS = ["--master", "local[2]", "--driver-java-options", "-XX:+UseSerialGC", "pyspark-shell"]


def test_without_an_archive_nothing_is_asked_of_java(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spark_archive, "ARCHIVE", tmp_path / "spark.jsa")
    assert with_archive(ARGUMENTS) == ARGUMENTS


def test_an_archive_that_does_not_fit_is_left_alone_in_silence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = tmp_path / "spark.jsa"
    archive.write_bytes(b"of another Java")
    monkeypatch.setattr(spark_archive, "ARCHIVE", archive)
    options = with_archive(ARGUMENTS)[3]
    assert options.startswith("-XX:+UseSerialGC ")
    assert f"-XX:SharedArchiveFile={archive}" in options
    environment = spark_environment()
    assert str(archive) in environment["PYSPARK_SUBMIT_ARGS"]
    java = Path(environment["JAVA_HOME"]) / "bin" / "java"
    done = subprocess.run([java, *shlex.split(options), "-version"], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "another" not in done.stdout + done.stderr
    assert "warning" not in (done.stdout + done.stderr).lower()
