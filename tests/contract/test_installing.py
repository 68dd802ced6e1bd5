"""`uv tool install .`: what is installed is the clone in a folder, and pyproject.toml names what it needs."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from lakeferry.version import VERSION

ROOT = Path(__file__).parent.parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
NOT_OF_THE_TOOL = {"uv", "rpgp-py", "pyzipper", "openpyxl"}
"""Of requirements/dev.in before its tests: what only tests use."""


def _names(lines: list[str]) -> set[str]:
    return {
        re.split(r"[\[=<>~! ]", line)[0]
        for line in lines
        if line and not line.startswith(("#", "-r", "boto3-stubs", "types-"))
    }


def _read(name: str) -> list[str]:
    return (ROOT / "requirements" / f"{name}.in").read_text("utf-8").splitlines()


def test_the_functions_packages_and_the_command_lines_are_named() -> None:
    functions = {
        name for part in ("core", "transfer", "validate", "sla", "report") for name in _names(_read(f"lambda-{part}"))
    }
    assert _names(PROJECT["dependencies"]) == functions | {"pyyaml", "typer", "rich"}


def test_a_laptops_packages_are_those_of_the_lock() -> None:
    dev = _read("dev")
    before_tests = _names(dev[: dev.index("# checks")]) | _names(_read("console"))
    extras = [one for extra in PROJECT["optional-dependencies"].values() for one in extra]
    assert _names(extras) == before_tests - _names(PROJECT["dependencies"]) - NOT_OF_THE_TOOL
    # moto's shims, and Spark's jars, are made for one version
    assert {one for one in extras if "==" in one} <= set(dev)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("installed")
    uv = Path(sys.executable).parent / "uv"
    subprocess.run(
        [uv, "pip", "install", "--quiet", "--python", sys.executable, "--no-deps", "--target", folder, ROOT],
        check=True,
        cwd=folder,
        env={key: value for key, value in os.environ.items() if key != "PYTHONPATH"},
    )
    return folder


def _lakeferry(installed: Path, *arguments: str) -> str:
    program = "import lakeferry_home; lakeferry_home.main()"
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=installed,
        env={**os.environ, "PYTHONPATH": str(installed)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_what_is_installed_runs_from_any_folder(installed: Path) -> None:
    assert _lakeferry(installed, "--version") == f"lakeferry {VERSION}\n"
    example = installed / "lakeferry_home" / "feeds" / "acme_daily_sales.yaml"
    answer = _lakeferry(installed, "feeds", "check", str(example), "--json").splitlines()[0]
    assert json.loads(answer)["feed"] == "acme/daily_sales"


def test_nothing_but_one_folder_lies_among_other_projects_packages(installed: Path) -> None:
    found = {path.name for path in installed.iterdir() if not path.name.endswith((".dist-info", ".lock"))}
    assert found == {"lakeferry_home", "bin"}
    home = installed / "lakeferry_home"
    for name in (
        "template.yaml",
        "lakeformation.yaml",
        "monitoring.yaml",
        "queries.yaml",
        "cli/cost/prices.yaml",
        "statemachine/ingest.asl.json",
        "functions/lakeferry/feed_schema.json",
        "glue/curate.py",
    ):
        assert (home / name).is_file(), name
