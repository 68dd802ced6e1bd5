"""docs/cli.md is what the commands say of themselves, and each command that documents name is one that there is."""

import re
import shlex
from pathlib import Path

import pytest
import typer

from cli.app import app
from tools.cli_docs import PAGE, commands, page

ROOT = Path(__file__).parent.parent.parent
COMMANDS = dict(commands(typer.main.get_command(app)))
GROUPS = {words[0] for words in COMMANDS if len(words) > 1}


def test_the_page_is_what_the_commands_say() -> None:
    assert PAGE.read_text("utf-8") == page(), "make it anew: python -m tools.cli_docs"


def test_exit_codes_are_those_of_the_code() -> None:
    from cli import problems

    codes = (problems.DONE, problems.FAILED, problems.WRONG_USE, problems.NOTHING_MATCHED)
    assert "{} done, {} failed, {} wrong use, {} nothing matched".format(*codes) in page()


def _named() -> list[tuple[str, str]]:
    pages = [*(ROOT / "docs").glob("*.md"), ROOT / "README.md"]
    found = []
    for path in pages:
        if path == PAGE or path.name == "decisions.md":
            continue
        for line in path.read_text("utf-8").splitlines():
            found += [(path.name, call) for call in re.findall(r"\./lakeferry ([a-z][^`\n#|]*)", line)]
    return found


@pytest.mark.parametrize(("name", "call"), _named())
def test_commands_that_documents_name_are_there_with_their_options(name: str, call: str) -> None:
    words = shlex.split(call.rstrip(" .,:)").replace("'", "").replace("...", "x"))
    key = tuple(words[:2]) if words[0] in GROUPS and tuple(words[:2]) in COMMANDS else (words[0],)
    if key == (words[0],) and words[0] in GROUPS and key not in COMMANDS:
        assert len(words) == 1, f"{name}: {call}"  # a group as such
        return
    options = {option for parameter in COMMANDS[key].params for option in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= options, f"{name}: {call}"
