"""The benchmark of decoding runs, and decodes what it says."""

import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tests.unit.decoding import needs


@pytest.mark.slow
@needs("gpg")
@needs("gzip")
def test_a_tiny_run_measures_every_case_it_is_asked_for() -> None:
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'functions'}:{ROOT}"}
    command = [sys.executable, str(ROOT / "benchmarks/decode.py"), "--size", "100000", "--only", "gzip"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    _, *lines = done.stdout.splitlines()
    assert [line[:22].strip() for line in lines] == ["gzip", "pgp+gzip", "pgp+gzip, pass"]
    assert {line[22:].split()[0] for line in lines} <= {"0.9", "1.0"}, "MB: a block of rows"
