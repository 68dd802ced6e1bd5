"""Modules that one job after another uses: each finds them as they were before any."""

import importlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.own_modules import OwnModules

CODE = {
    "__init__.py": "",
    "values.py": "number, names, sizes, seen = 1, ['a'], {'a': 1}, {'a'}\nalias = names\n",
    "late.py": "came = []\n",
}


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OwnModules]:
    """Those of a package that is not there but for this test, imported and kept."""
    package = tmp_path / "jobs_own"
    package.mkdir()
    for name, text in CODE.items():
        (package / name).write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    importlib.import_module("jobs_own.values")
    found = OwnModules([f"{package}{os.sep}"])
    found.keep()
    yield found
    for name in [name for name in sys.modules if name.partition(".")[0] == "jobs_own"]:
        del sys.modules[name]


def values() -> Any:
    return importlib.import_module("jobs_own.values")


def test_what_a_job_set_added_and_took_away_is_put_back_in_the_same_module(own: OwnModules) -> None:
    module = values()
    module.number, module.left = 2, "left"
    module.names.append("b")
    module.sizes |= {"a": 2, "b": 3}
    module.seen.clear()
    module.names = ["another"]
    own.put_back()
    assert values() is module
    assert (module.number, module.names, module.sizes, module.seen) == (1, ["a"], {"a": 1}, {"a"})
    assert module.alias is module.names
    assert not hasattr(module, "left")


def test_a_module_that_a_job_imported_first_is_imported_anew_by_the_next(own: OwnModules) -> None:
    late = importlib.import_module("jobs_own.late")
    late.came.append("a job")
    own.put_back()
    assert not hasattr(sys.modules["jobs_own"], "late")
    again = importlib.import_module("jobs_own.late")
    assert (again is late, again.came) == (False, [])


def test_a_module_that_a_job_took_away_or_put_another_in_place_of_is_there_again(own: OwnModules) -> None:
    module = values()
    del sys.modules["jobs_own.values"]
    assert values() is not module
    own.put_back()
    assert values() is module


@pytest.mark.parametrize("what", ["changed", "deleted"])
def test_after_a_file_changed_all_are_imported_anew(own: OwnModules, what: str) -> None:
    module = values()
    own.look()
    assert values() is module
    file = Path(str(sys.modules["jobs_own"].__file__)).parent / "values.py"
    if what == "changed":
        file.write_text("number = 12\n")
        os.utime(file, (1, 1))
    else:
        file.unlink()
    own.look()
    assert not [name for name in sys.modules if name.partition(".")[0] == "jobs_own"]
    if what == "changed":
        importlib.invalidate_caches()
        assert values().number == 12
        own.put_back()  # nothing is kept of it: each job imports its own from now on
        assert "jobs_own.values" not in sys.modules


def test_others_modules_are_left_alone(own: OwnModules, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "left_by_a_job", 1, raising=False)
    own.put_back()
    assert os.left_by_a_job == 1  # type: ignore[attr-defined]
