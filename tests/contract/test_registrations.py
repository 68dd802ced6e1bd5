"""What is registered once is named once: where a protocol, channel or format is known by its name, and nowhere else."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from lakeferry.channels.cards import CHANNELS
from lakeferry.errors import CAUSES, LakeferryError
from lakeferry.formats import CARDS
from lakeferry.servers import PROTOCOLS
from tests.conftest import ROOT

ROOM = "functions/lakeferry"
FORMATS = set(CARDS) - {"csv", "json", "jsonl", "parquet", "xml"}
"""The others are words for much else: what lands, output of commands, a library's module."""
PLACES = {
    # a module of its protocol asks which kind of it the feed means; a draft has to begin with some protocol
    "protocols": (PROTOCOLS, {f"{ROOM}/servers/protocols.py", f"{ROOM}/servers/ftp_", f"{ROOM}/servers/sftp_"}
                  | {"cli/drafting/draft.py", "cli/drafting/login.py", "cli/drafting/contract.py"}),
    "channels": (CHANNELS, {f"{ROOM}/channels/cards.py"}),
    # and a draft knows some by how a sample begins
    "formats": (FORMATS, {f"{ROOM}/formats/cards.py", "cli/drafting/content.py"}),
}  # fmt: skip


def texts_in(path: Path) -> Iterator[str]:
    """The texts of a module that are values: no docstrings."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


@pytest.mark.parametrize("kind", PLACES)
def test_its_name_stands_with_its_registration_and_nowhere_else(kind: str) -> None:
    names, places = PLACES[kind]
    modules = [path for folder in ("functions", "glue", "cli") for path in (ROOT / folder).rglob("*.py")]
    found = {
        path.relative_to(ROOT).as_posix() for path in modules if not set(names).isdisjoint(texts_in(path))
    }  # fmt: skip
    assert {one for one in found if not one.startswith(tuple(places))} == set()
    assert found, "the names that are looked for are not those of the cards any more"


def drawn() -> dict[str, tuple[str, str]]:
    """Of the tree that `errors.py` begins with: name → name of the base, and what it says of it at the end."""
    found, above = {}, [LakeferryError.__name__]
    doc = ast.get_docstring(ast.parse((ROOT / ROOM / "errors.py").read_text("utf-8"))) or ""
    for line in doc.splitlines():
        branch, _, rest = line.partition("\u2500\u2500 ")
        if rest:
            depth, name = (len(branch) - 5) // 4, rest.split()[0]
            found[name] = above[depth], rest.split("  ")[-1].strip()
            above[depth + 1 :] = [name]
    return found


def errors(base: type[LakeferryError] = LakeferryError) -> Iterator[type[LakeferryError]]:
    for kind in base.__subclasses__():
        if kind.__module__ == LakeferryError.__module__:
            yield kind
            yield from errors(kind)


def test_the_tree_of_errors_is_what_is_drawn() -> None:
    bases = {kind.__name__: kind.__mro__[1].__name__ for kind in errors()}
    assert {name: base for name, (base, _) in drawn().items()} == bases


@pytest.mark.parametrize("kind", [*errors()], ids=lambda kind: kind.__name__)
def test_what_is_drawn_of_an_error_says_whether_the_state_machine_tries_again(kind: type[LakeferryError]) -> None:
    says = drawn()[kind.__name__][1]
    assert CAUSES[kind.__name__].retryable is kind.retryable
    assert not kind.retryable or says in {"retried", "Lambda calls deliver again"}
    assert kind.retryable or says != "retried"
