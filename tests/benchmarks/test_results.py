"""Hours of measuring are not lost: what is kept goes on where it ended, and says its day, commit and load."""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from benchmarks import whole
from benchmarks.measuring import circumstances, whole_results
from benchmarks.measuring.whole_results import Found, Kept, Result, Took, verdicts
from benchmarks.reporting import documents, kept
from benchmarks.reporting.kept import Outcome
from benchmarks.reporting.page import page

HERE = {"date": "2026-11-30 12:00", "commit": "abc1234", "machine": "2 × a core", "load": [0.5, 1.5]}
SHAPE = whole.Shape(6, 2, 2)


@pytest.fixture(autouse=True)
def the_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(circumstances, "commit", lambda: "abc1234")


class Contenders:
    """Take a second more each time; one may be ended by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.called: list[str] = []
        self.ends = ""
        monkeypatch.setattr(whole, "CONTENDERS", {"functions": self._as("functions"), "dlt": self._as("dlt")})
        monkeypatch.setattr(whole, "_scene", self._scene)

    def _as(self, name: str) -> Any:
        def take(scene: whole.Scene, folder: Path) -> Took:
            if name == self.ends:
                raise KeyboardInterrupt
            self.called.append(name)
            return Took(len(self.called), 1.0, 10**6, scene.shape.files, {})

        return take

    @contextlib.contextmanager
    def _scene(self, shape: whole.Shape, milliseconds: int) -> Iterator[whole.Scene]:
        yield whole.Scene(None, shape, "")  # type: ignore[arg-type]


def measured(path: Path, rounds: int, wanted: str = "functions,dlt") -> Found:
    """As `whole.py` goes through its shapes."""
    file = Kept(path)
    found = file.of("many", 0, str(SHAPE)) or Found("many", 0, str(SHAPE), circumstances.begun())
    whole.contest(found, SHAPE, rounds, wanted.split(","), file.keep)
    return found


def test_a_run_that_was_ended_goes_on_with_its_round(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path, contenders = tmp_path / "found.json", Contenders(monkeypatch)
    measured(path, 1)
    contenders.ends = "dlt"
    with pytest.raises(KeyboardInterrupt):
        measured(path, 3)
    assert [len(one.seconds) for one in whole_results.read(path)[0].results] == [1, 1], "no half round"
    contenders.ends, contenders.called = "", []
    found = measured(path, 3)
    assert contenders.called == ["dlt", "functions", "functions", "dlt"], "the second and third round"
    assert [len(one.seconds) for one in found.results] == [3, 3]
    contenders.called = []
    assert measured(path, 3) == found
    assert contenders.called == []


def test_another_commit_is_measured_anew(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path, contenders = tmp_path / "found.json", Contenders(monkeypatch)
    measured(path, 2)
    monkeypatch.setattr(circumstances, "commit", lambda: "def5678")
    contenders.called = []
    measured(path, 1)
    assert contenders.called == ["functions", "dlt"]
    assert [one.circumstances["commit"] for one in whole_results.read(path)] == ["def5678"]
    for commit in ("def5678-changed", circumstances.UNKNOWN):  # nobody knows whether that is the same
        monkeypatch.setattr(circumstances, "commit", lambda commit=commit: commit)
        measured(path, 1)
        measured(path, 1)
    assert contenders.called == ["functions", "dlt"] * 5


def test_one_contender_more_joins_those_that_are_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path, contenders = tmp_path / "found.json", Contenders(monkeypatch)
    measured(path, 1, "functions")
    found = measured(path, 2)
    assert contenders.called == ["functions", "dlt", "dlt", "functions"], "the first round is not had twice"
    assert [(one.contender, len(one.seconds)) for one in found.results] == [("functions", 2), ("dlt", 2)]
    measured(path, 2, "dlt")
    assert whole_results.read(path)[0].of("functions"), "what is not asked for stays"


def of(contender: str, *seconds: float, **parts: float) -> Result:
    return Result(contender, list(seconds), list(seconds), 10**6, [parts] * len(seconds) if parts else [])


def test_each_target_is_met_or_missed() -> None:
    steps = {"Fetch files": 4.0, "Validate files": 10.0, "Upload files": 1.0}
    shapes = [
        Found("many", 30, "", HERE, [of("functions", 5, 5), of("monolith", 9, 12), of("dlt", 4, 5)]),
        Found("many", 0, "", HERE, [of("functions", 5), of("monolith", 1)]),
        Found("one", 0, "", HERE, [of("functions", 12.9, **steps)]),
        Found("one", 30, "", HERE, [of("functions", 13.1, **steps), of("dlt", 0.5)]),
        Found("nothing", 0, "", HERE, [of("monolith", 1)]),
    ]
    assert [[(round(one.ratio, 2), one.is_met) for one in verdicts(found)] for found in shapes] == [
        [(0.49, True), (1.12, False)],
        [],
        [(1.29, True)],
        [(26.2, False), (1.31, False)],
        [],
    ]
    assert 'over "Validate files" alone: 1.29 of at most 1.3, met' in str(verdicts(shapes[2])[0])


def test_what_ran_on_this_commit_is_kept_and_what_failed_is_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for code, options, is_kept in ((0, ["--x"], True), (1, ["--x"], True), (2, ["--x"], False), (0, [], False)):
        kept.keep(tmp_path, Outcome("poll", code, "a line\n", None, HERE), ["--x"])
        assert kept.is_done(tmp_path, "poll", options) is is_kept, (code, options)
    kept.keep(tmp_path, Outcome("poll", 0, "a line\n", None, HERE | {"commit": "older"}), [])
    assert not kept.is_done(tmp_path, "poll", [])
    assert not kept.is_done(tmp_path, "scale", [])


def test_the_page_is_made_of_several_days_and_commits(tmp_path: Path) -> None:
    found = [
        Found("many", 30, "so many files", HERE, [of("functions", 5), of("monolith", 20), of("dlt", 7.5)]),
        Found("one", 0, "one file", HERE | {"commit": "old1234", "load": [3, 9]}, [of("functions", 5)]),
    ]
    data = json.dumps([asdict(one) for one in found])
    kept.data_file(tmp_path, "whole").write_text(data)  # of a run by hand, or one that was ended
    kept.keep(tmp_path, Outcome("poll", 0, "a line\n", None, HERE | {"date": "2026-11-29 08:00"}), [])
    outcomes = kept.outcomes(tmp_path)
    text = page(outcomes, [])
    for told in (
        "| many | 30 ms | the functions' time over the monolith's | 0.25 | 0.5 | met |",
        "- many, 30 ms: so many files; 2026-11-30 12:00 UTC, commit abc1234, load 0.5 to 1.5",
        "- one, 0 ms: one file; 2026-11-30 12:00 UTC, commit old1234, load 3 to 9",
        "### poll.py\n\n2026-11-29 08:00 UTC, commit abc1234, load 0.5 to 1.5\n\n```\na line\n```",
        "2 × a core\n",
    ):
        assert told in text, text
    assert "### whole.py" not in text
    assert documents.made(outcomes)[documents.README] == (
        "**Measured** ([all of it](docs/speed.md#the-whole-way)): so many files, 30 ms away, take\n"
        "5.0 s by Lakeferry's functions on 2 cores (load 0.5 to 1.5), 20.0 s by one program that takes one feed after "
        "another (4.0 times as long), 7.5 s by dlt (1.5 times as long).\n"
    )
    with pytest.raises(ValueError, match="has no <!-- made"):
        documents.between("a page", "a text")
    assert "| one, 0 ms | 5.0, 5.0, 1 |  |  |" in documents.made(outcomes)[documents.SPEED]


def test_what_measuring_writes_is_no_change_of_what_is_measured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.undo()
    asked: list[tuple[str, ...]] = []

    def git(*given: str) -> str:
        asked.append(given)
        return "abc"

    monkeypatch.setattr(circumstances, "_git", git)
    assert circumstances.commit() == "abc-changed"
    assert ":(exclude)benchmarks/results" in asked[1]
