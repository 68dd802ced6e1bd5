"""Files as weapons: each of `benchmarks/bombs.py` is refused with its limit or lands, in half of Validate's memory."""

import sys
from pathlib import Path

import pytest

from benchmarks import bombs
from tests.conftest import ROOT


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("number", range(len(bombs.BOMBS)), ids=[bomb.name for bomb in bombs.BOMBS])
def test_a_bomb_is_refused_with_its_limit_or_lands_and_takes_half_the_memory_at_most(
    number: int, tmp_path: Path
) -> None:
    bomb = bombs.BOMBS[number]
    told, _, peak = bombs.measured(number, tmp_path / f"bomb.{bomb.form}", timeout=800)
    assert bomb.told in told
    assert bool(told) == bool(bomb.told), told
    assert peak < bombs.LIMIT_MB


def test_the_memory_is_that_of_the_function() -> None:
    template = (ROOT / "template.yaml").read_text("utf-8")
    function = template.partition("\n  ValidateFunction:\n")[2].partition("\n\n")[0]
    assert f"MemorySize: {bombs.FUNCTION_MB}" in function


@pytest.mark.slow
def test_a_table_tells_each_bomb(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["bombs.py", "--only", "xlsx: row"])
    assert bombs.main() == 0
    first, line = capsys.readouterr().out.splitlines()
    assert first == "limit 884 MB"
    assert line.startswith("xlsx: row 99,999,999,999 ")
    assert line.endswith("refused")


def test_a_bomb_that_lands_where_it_should_not_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["bombs.py", "--only", "xlsx: row"])
    monkeypatch.setattr(bombs, "measured", lambda number, path: (path.touch(), "", 0.1, 90.0)[1:])
    assert bombs.main() == 1
    assert "lands, NOT AS IT SHOULD" in capsys.readouterr().out
