"""The benchmarks measure what they say: every contender finds the same bad records, every format lands its rows."""

import multiprocessing
import sys

import pytest

from benchmarks import formats, jsonl
from lakeferry.formats import CARDS


@pytest.fixture(autouse=True)
def forked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each step's process comes from one that has loaded all: dozens that each do so take a minute."""
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["benchmarks.formats", "benchmarks.jsonl"])
    monkeypatch.setattr("multiprocessing.get_context", lambda kind: processes)


@pytest.mark.slow
def test_the_contenders_agree(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["jsonl.py", "--size", "2000"])
    monkeypatch.setattr(jsonl, "ROUNDS", 1)
    assert jsonl.main() == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("2,000 records, 0.4 MB")
    found = {line[:24].strip(): line.rsplit("  ", 1)[1] for line in lines[1:] if " not on this machine" not in line}
    reading = {name: "0 bad" for name in ("DuckDB, read and written", "Polars, read and written") if name in found}
    assert len(reading) + sum("not on this machine" in line for line in lines) == 2
    assert found == reading | {
        "jsonschema": "2 bad",
        "lakeferry": "2 bad",
        "lakeferry, typed columns": "2 bad",
        "jsonschema-rs": "2 bad",
        "json.loads alone": "0 bad",
        "SHA-256 alone": "0 bad",
    }


def test_the_sample_on_top_has_the_lines_that_are_printed() -> None:
    assert jsonl.__doc__ is not None
    assert all(f"    {name} " in jsonl.__doc__ for name in jsonl.CONTENDERS)


@pytest.mark.slow(seconds=15)
def test_each_format_is_measured_and_lands_all_rows(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["formats.py", "--size", "50", "--rounds", "1"])
    assert formats.main() == 0
    lines = capsys.readouterr().out.splitlines()[1:]
    beside = {line.partition("  rows")[0][:34].strip() for line in lines if line.startswith(" ")}
    assert beside == {f"{form}, {name}" for form, peers in formats.PEERS.items() for name in peers}
    measured = [line.split()[0] for line in lines if not line.startswith(" ")]
    assert set(measured) == set(CARDS) - {"csv"}
    assert formats.__doc__ is not None
    assert all(f"    {name} " in formats.__doc__ for name in measured)
