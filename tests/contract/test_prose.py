"""What people read sounds as docs/style.md says."""

from pathlib import Path

import pytest

from tools import prose

ROOT = Path(__file__).parent.parent.parent
TABLE = prose.rules((ROOT / prose.STYLE).read_text("utf-8"))


def test_no_text_has_a_phrase_that_the_page_replaces(capsys: pytest.CaptureFixture[str]) -> None:
    assert prose.main([]) == 0, capsys.readouterr().out


@pytest.mark.parametrize("phrase", TABLE)
def test_a_phrase_is_found_on_one_line_and_across_lines(phrase: str) -> None:
    first, *rest = phrase.split()
    text = f"All is well.\n{first.capitalize()}\n    {' '.join(rest)} here"
    assert any(found.startswith("a.md:2:") for found in prose.findings("a.md", text, {phrase: "better"}))


def test_a_part_of_a_word_is_not_a_phrase() -> None:
    assert list(prose.findings("a.md", "He recommended the pyramid itself.", TABLE)) == []
