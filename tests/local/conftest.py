"""One lake for all tests of the console: as runs leave it, read by many, copied by who changes it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from tests.local.console_lake import console, make


@pytest.fixture(scope="session")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nobody changes it."""
    return make(tmp_path_factory.mktemp("console") / "lake")


@pytest.fixture
def own_lake(lake: Path, tmp_path: Path) -> Path:
    """A copy, to change."""
    return Path(shutil.copytree(lake, tmp_path / "lake"))


@pytest.fixture(scope="module")
def browser(lake: Path) -> Iterator[TestClient]:
    """A browser that has been given the address. It ends with its module: moto is a process's own."""
    with console(lake) as client:
        yield client
