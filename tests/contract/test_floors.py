"""Who may import whom: handlers → stages' cores → lakeferry's rooms → errors. pyproject.toml has the contracts."""

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from graphlib import TopologicalSorter
from pathlib import Path

from tests.conftest import ROOT

LINTER = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
GLUE = {path.stem: path for path in (ROOT / "glue").glob("*.py")}


def lint(root: Path, *options: str) -> subprocess.CompletedProcess[str]:
    linter = str(Path(sys.executable).with_name("lint-imports"))
    command = [linter, "--no-cache", "--no-logo", *options, str(ROOT / "pyproject.toml")]
    path = os.pathsep.join([str(root / "functions"), str(root)])
    wide = {"COLUMNS": "500"}  # no line is broken
    return subprocess.run(
        command, cwd=root, env={**os.environ, **wide, "PYTHONPATH": path}, capture_output=True, text=True, check=False
    )


def test_the_house_keeps_its_floors() -> None:
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_function_has_its_place() -> None:
    stages = {path.parent.name for path in (ROOT / "functions").glob("*/handler.py")}
    (floors,) = [found for found in LINTER["contracts"] if found["id"] == "floors"]
    assert {name for layer in floors["layers"] for name in layer.split(" | ")} == {*LINTER["root_packages"]}
    assert {*LINTER["root_packages"]} == {*stages, "lakeferry", "cli", "local", "benchmarks"}


def test_the_picture_of_the_floors_is_what_is_held() -> None:
    picture = (ROOT / "ARCHITECTURE.md").read_text("utf-8").partition("```mermaid")[2].partition("```")[0]
    rooms = next(found for found in LINTER["contracts"] if found["id"] == "rooms")["layers"]
    drawn = [re.split(r", ", label) for label in re.findall(r'f\d+\["([^"]+)"\]', picture)]
    assert drawn == [layer.split(" | ") for layer in rooms]
    assert {*LINTER["root_packages"]} <= {*re.findall(r"\w+", picture)}


WRONG = [
    ("floors", "functions/lakeferry/lake.py", "poll.core"),
    ("floors", "functions/upload/core.py", "validate.core"),
    ("floors", "functions/lakeferry/clients.py", "local.session"),
    ("handlers", "functions/poll/core.py", "poll.handler"),
    ("rooms", "functions/lakeferry/models.py", "lakeferry.lake"),
    ("rooms", "functions/lakeferry/decode/chain.py", "lakeferry.sla.table"),
    ("rooms", "functions/lakeferry/servers/walk.py", "lakeferry.feeds"),
    ("cards", "functions/lakeferry/formats/cards.py", "lakeferry.ledger"),
    ("circles", "functions/lakeferry/feeds/names.py", "lakeferry.feeds.sla"),
]
"""Imports that are not allowed: by which contract, where, what. None of them hides another from the linter."""


def test_each_wrong_import_is_found(tmp_path: Path) -> None:
    """All in one house: the linter starts once for them."""
    _copy(tmp_path)
    for _, module, imported in WRONG:
        _add(tmp_path / module, f"import {imported}")
    told = _told(tmp_path, {contract for contract, *_ in WRONG})
    for contract, module, imported in WRONG:
        name = module.removeprefix("functions/").removesuffix(".py").replace("/", ".")
        if contract == "circles":  # told by what stands beside each other
            (package, one), (_, other) = name.rsplit(".", 1), imported.rsplit(".", 1)
            circle = told[contract].partition(f"No cycles are allowed in {package}.\n")[2].partition("\nNo cycles")[0]
            assert f"- .{one} -> .{other} (" in circle or f"- .{other} -> .{one} (" in circle, told[contract]
        else:
            assert re.search(rf"^- +{re.escape(name)} -> {re.escape(imported)} \(l\.", told[contract], re.MULTILINE), (
                name
            )


def test_a_room_on_no_floor_is_found(tmp_path: Path) -> None:
    _copy(tmp_path)
    _add(tmp_path / "functions/lakeferry/attic/__init__.py", "import json")
    assert "attic" in _told(tmp_path, {"rooms"})["rooms"]


def _copy(to: Path) -> None:
    for name in ("functions", "local", "cli", "benchmarks"):
        shutil.copytree(ROOT / name, to / name, ignore=shutil.ignore_patterns("__pycache__"))


def _add(module: Path, line: str) -> None:
    module.parent.mkdir(exist_ok=True)
    with module.open("a", encoding="utf-8") as file:
        file.write(f"\n{line}\n")


def _told(root: Path, contracts: set[str]) -> dict[str, str]:
    """What the linter says of each of some contracts, all of which are broken."""
    done = lint(root, *(option for name in contracts for option in ("--contract", name)))
    assert done.returncode == 1
    assert f"0 kept, {len(contracts)} broken" in done.stdout
    broken = done.stdout.partition("Broken contracts\n")[2]
    titles = {found["id"]: found["name"] for found in LINTER["contracts"] if found["id"] in contracts}
    places = sorted((broken.index(f"{title}\n---"), name) for name, title in titles.items())
    ends = [place for place, _ in places[1:]] + [len(broken)]
    return {name: broken[place:end] for (place, name), end in zip(places, ends, strict=True)}


def test_the_jobs_modules_have_no_circle_and_stand_on_lakeferry() -> None:
    """They are files beside each other, as Glue wants them, which import-linter does not read."""
    uses = {name: _imported(path) for name, path in GLUE.items()}
    list(TopologicalSorter({name: found & GLUE.keys() for name, found in uses.items()}).static_order())
    ours = {*LINTER["root_packages"], "tests", "tools"} - {"lakeferry"}
    assert not {(name, other) for name, found in uses.items() for other in found & ours}


def _imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(str(node.module).split(".")[0])
    return found
