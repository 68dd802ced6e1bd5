"""What was compiled is taken again as long as nothing it was made of has changed."""

import json
import os
import shutil
from pathlib import Path

import pytest

from local import compiled
from local.template import translate

STACK = Path(__file__).parent / "stack"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(compiled, "FOLDER", tmp_path / "compiled")
    return tmp_path / "compiled"


class Maker:
    """Makes something else each time."""

    def __init__(self) -> None:
        self.made = 0

    def __call__(self) -> bytes:
        self.made += 1
        return str(self.made).encode()


def test_the_same_is_made_once_and_anything_else_anew() -> None:
    make = Maker()
    assert [compiled.kept("a", [b"x"], ["moto"], make) for _ in range(3)] == [b"1"] * 3
    assert compiled.kept("a", [b"y"], ["moto"], make) == b"2"
    assert compiled.kept("b", [b"x"], ["moto"], make) == b"3"
    assert compiled.kept("a", [b"x", b""], ["moto"], make) == b"4"
    assert compiled.kept("a", [b"xy", b"z"], ["moto"], make) == b"5"
    assert compiled.kept("a", [b"x", b"yz"], ["moto"], make) == b"6"


def test_another_version_of_a_tool_makes_it_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    make = Maker()
    compiled.kept("a", [], ["moto"], make)
    monkeypatch.setattr(compiled, "version", lambda tool: f"another {tool}")
    assert compiled.kept("a", [], ["moto"], make) == b"2"


def test_the_oldest_of_a_kind_go(folder: Path) -> None:
    make = Maker()
    compiled.kept("other", [], [], make)
    for number in range(compiled.KEPT + 3):
        compiled.kept("a", [bytes([number])], [], make)
        for age, path in enumerate(sorted(folder.glob("a-*"), key=lambda found: -int(found.read_bytes()))):
            os.utime(path, (1e9 - age, 1e9 - age))
    assert sorted(int(path.read_bytes()) for path in folder.glob("a-*")) == list(range(5, compiled.KEPT + 5))
    assert len(list(folder.iterdir())) == compiled.KEPT + 1


def test_what_is_used_stays(folder: Path) -> None:
    make = Maker()
    for number in range(compiled.KEPT):
        compiled.kept("a", [bytes([number])], [], make)
    for path in folder.iterdir():
        os.utime(path, (1e9, 1e9))
    compiled.kept("a", [bytes([0])], [], make)
    for number in range(compiled.KEPT - 1):
        compiled.kept("a", [b"new", bytes([number])], [], make)
    assert compiled.kept("a", [bytes([0])], [], make) == b"1"


def test_of_what_is_small_more_stays(folder: Path) -> None:
    for number in range(compiled.KEPT + 2):
        compiled.keep(compiled.path_of("small", [bytes([number])]), b"", compiled.KEPT + 1)
    assert len(list(folder.iterdir())) == compiled.KEPT + 1


def test_a_folder_that_cannot_be_written_costs_time_only(folder: Path) -> None:
    folder.write_text("a file")
    make = Maker()
    assert [compiled.kept("a", [], [], make) for _ in range(2)] == [b"1", b"2"]


def _small(folder: Path) -> Path:
    shutil.copytree(STACK, folder / "stack")
    return folder / "stack" / "template.yaml"


def test_a_template_is_translated_once_and_anew_when_it_or_its_machine_changes(tmp_path: Path, folder: Path) -> None:
    template = _small(tmp_path)
    first = translate(template, {})
    assert translate(template, {}) == first
    assert len(list(folder.glob("template-*"))) == 1
    assert first[1]["EchoFunction"] == template.parent / "code"

    machine = template.parent / "machine.asl.json"
    machine.write_text(machine.read_text().replace('"StartAt"', '"Comment": "changed", "StartAt"', 1))
    assert "changed" in json.dumps(translate(template, {})[0])
    template.write_text(template.read_text() + "\nDescription: changed too\n")
    assert translate(template, {})[0]["Description"] == "changed too"
    assert len(list(folder.glob("template-*"))) == 3


def test_a_template_elsewhere_has_its_own_code_folder(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first, second = _small(tmp_path / "a"), _small(tmp_path / "b")
    assert translate(first, {})[1]["EchoFunction"] == first.parent / "code"
    assert translate(second, {})[1]["EchoFunction"] == second.parent / "code"
