"""`LAKEFERRY_ENGINE`: which engine builds what on this machine."""

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from local.engines import ENGINE, SMALL_BYTES, forced, small_bytes
from tests.engines import IN_A_PROCESS, WITHOUT_JOB, differs, without_engines

TESTS = Path(__file__).parent.parent


@pytest.mark.parametrize(
    ("asked", "small"), [(None, SMALL_BYTES), ("small", SMALL_BYTES), ("", SMALL_BYTES), ("spark", 0)]
)
def test_small_partitions_are_arrows_unless_spark_is_asked_for(
    asked: str | None, small: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(ENGINE, raising=False)
    if asked is not None:
        monkeypatch.setenv(ENGINE, asked)
    assert (forced(), small_bytes()) == (asked or "", small)


def test_an_engine_that_there_is_not_is_refused_with_those_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENGINE, "duckdb")
    with pytest.raises(ValueError, match="LAKEFERRY_ENGINE=duckdb: it is spark or small, or not set"):
        forced()


@pytest.mark.parametrize("asked", [None, "spark"])
def test_a_module_that_is_said_to_run_no_job_can_run_none(asked: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ENGINE, raising=False)
    if asked is not None:
        monkeypatch.setenv(ENGINE, asked)
    with without_engines("local", "test_sql.py"), pytest.raises(ValueError, match="listed as one that starts no job"):
        small_bytes()
    assert os.environ.get(ENGINE) == asked
    with without_engines("e2e", "test_crawls.py"):
        assert forced() == (asked or "")


def test_what_is_listed_is_there() -> None:
    listed = {(room, name) for room, names in {**WITHOUT_JOB, "glue": IN_A_PROCESS}.items() for name in names}
    assert [place for place in listed if not TESTS.joinpath(*place).is_file()] == []


def item(fixtures: tuple[str, ...] = (), name: str = "test_x", **module: Any) -> Any:
    """A test as pytest has it."""
    return SimpleNamespace(fixturenames=fixtures, originalname=name, module=SimpleNamespace(**module))


@pytest.mark.parametrize(
    ("room", "name", "test", "engines"),
    [
        ("local", "test_sql.py", item(), set()),
        ("local", "test_events.py", item(), {"spark"}),
        ("e2e", "test_crawls.py", item(), {"spark"}),
        ("glue", "test_casts.py", item(("spark",)), set()),
        ("glue", "test_crash.py", item(), {"spark"}),
        ("glue", "test_local_run.py", item(("lake",)), {"spark", "small"}),
        ("glue", "test_owners.py", item(("lake",)), {"small"}),
        ("glue", "test_job.py", item(("lake",), BOTH_ENGINES=True), set()),
        ("glue", "test_set_aside.py", item(("lake",), SPARKS_ALONE={"test_x"}), set()),
    ],
)
def test_a_test_runs_with_an_engine_forced_where_it_differs_by_it(
    room: str, name: str, test: Any, engines: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = set()
    for engine in ("spark", "small"):
        monkeypatch.setenv(ENGINE, engine)
        found |= {engine} if differs(test, room, name) else set()
    assert found == engines
