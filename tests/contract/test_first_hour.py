"""The commands of docs/first-hour.md exist, with each of their options."""

import re
import shlex
from typing import Any

import pytest
import typer.main

from cli.app import app
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "first-hour.md").read_text("utf-8")
COMMANDS = sorted(set(re.findall(r"^(?:\d+\. .*`|.*: `)?(lakeferry [a-z][^`\n]*)`?", PAGE, re.MULTILINE)))


def test_the_page_has_commands() -> None:
    assert len(COMMANDS) >= 8


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_of_the_page_exists_with_its_options(line: str) -> None:
    found: Any = typer.main.get_command(app)
    words = shlex.split(line.rstrip(".,"))[1:]
    while words and words[0] in getattr(found, "commands", {}):
        found = found.commands[words.pop(0)]
    assert not hasattr(found, "commands") or found.invoke_without_command, line
    known = {option for parameter in found.params for option in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= known, line
