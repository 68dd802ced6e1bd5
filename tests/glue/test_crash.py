"""Spark ends in the middle of the job: with the real one, whose JVM is killed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

pytestmark = [pytest.mark.spark, pytest.mark.timeout(600)]


def test_a_partition_that_ends_spark_twice_is_set_aside_and_the_others_are_curated(tmp_path: Path) -> None:
    environment = dict(os.environ) | {
        "PYTHONPATH": os.pathsep.join(map(str, (ROOT / "functions", ROOT / "glue", ROOT)))
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.glue.crashing", str(tmp_path)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4_000:]
    report, found = (json.loads(line) for line in done.stdout.splitlines()[-2:])
    assert found["killed"] == 2, "a new JVM each time"
    assert found["status"] == {"acme/heavy": "UPLOADED", "acme/light": "CURATED", "globex/light": "CURATED"}
    assert found["rows"] == [2, 2]
    ((feed_id, error, cause),) = found["asides"]
    assert (feed_id, error) == ("acme/heavy", "PartitionTooHeavyError")
    assert "dt=2026-01-05: PartitionTooHeavyError: acme/heavy dt=2026-01-05: Spark ended" in cause
    assert found["notes"] == ["acme/heavy/2026-01-05"], "it is built by itself, last, when it is taken up again"
    assert "acme/heavy dt=2026-01-05" in report["alone"]
