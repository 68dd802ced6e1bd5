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

import pytest

from tests.conftest import ROOT

LINTER = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
GLUE = {path.stem: path for path in (ROOT / "glue").glob("*.py")}


def lint(root: Path, *options: str) -> subprocess.CompletedProcess[str]:
    linter = str(Path(sys.executable).with_name("lint-imports"))
    command = [linter, "--no-cache", "--no-logo", *options, str(ROOT / "pyproject.toml")]
    path = os.pathsep.join([str(root / "functions"), str(root)])
    return subprocess.run(
        command, cwd=root, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False
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


@pytest.mark.parametrize(
    ("contract", "module", "imported"),
    [
        ("floors", "functions/lakeferry/lake.py", "poll.core"),
        ("floors", "functions/upload/core.py", "validate.core"),
        ("floors", "functions/lakeferry/clients.py", "local.session"),
        ("handlers", "functions/poll/core.py", "poll.handler"),
        ("rooms", "functions/lakeferry/models.py", "lakeferry.lake"),
        ("rooms", "functions/lakeferry/decode/chain.py", "lakeferry.sla.table"),
        ("rooms", "functions/lakeferry/servers/walk.py", "lakeferry.feeds"),
        ("rooms", "functions/lakeferry/attic/__init__.py", "json"),  # a room on no floor
        ("cards", "functions/lakeferry/formats/cards.py", "lakeferry.ledger"),
        ("circles", "functions/lakeferry/feeds/names.py", "lakeferry.feeds.sla"),
    ],
)
def test_a_wrong_import_is_found(tmp_path: Path, contract: str, module: str, imported: str) -> None:
    for name in ("functions", "local", "cli", "benchmarks"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    changed = tmp_path / module
    changed.parent.mkdir(exist_ok=True)
    text = changed.read_text("utf-8") if changed.exists() else ""
    changed.write_text(f"{text}\nimport {imported}\n")
    done = lint(tmp_path, "--contract", contract)
    assert done.returncode == 1
    assert "0 kept, 1 broken" in done.stdout


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
