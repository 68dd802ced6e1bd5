"""The benchmark of validate runs, and its contenders agree on the rows; its figures are another matter."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.validate import CONTENDERS
from tests.conftest import ROOT


@pytest.mark.slow
def test_the_benchmark_of_validate_measures_the_right_rows(tmp_path: Path) -> None:
    script = str(ROOT / "benchmarks" / "validate.py")
    done = subprocess.run(
        [sys.executable, script, "--size", "0.3", "--rounds", "1", "--sample", "50"],
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'functions'}{os.pathsep}{ROOT}", "BENCH_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert len(lines) == 1 + len(CONTENDERS)
    assert "wrong" not in done.stdout
    measured = [line for line in lines[1:] if "MB/s" in line]
    assert {line.split(",")[0].split()[0] for line in measured} >= {"Lakeferry", "gunzip", "DuckDB", "jsonschema"}
