"""A feed's file, checked as text, as YAML, by the schema and by the rules: every problem at once."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from cli.checking.finding import Finding
from cli.checking.syntax import in_words
from cli.checking.tree import Tree
from lakeferry.errors import FeedInvalidError
from lakeferry.feeds.bounds import Bounded, BoundsError
from lakeferry.feeds.problems import document_problems, path_of
from lakeferry.feeds.words import Problem, json_path

_INDENT_TABS = re.compile(r"^[ \t]*\t[ \t]*(?=\S)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Checked:
    """What a file is.

    Attributes:
        document: As it can be read; None where nothing can.
        findings: All that is wrong; none: it is a feed.
    """

    file: str
    document: dict[str, Any] | None
    findings: tuple[Finding, ...]

    @property
    def feed_id(self) -> str:
        document = self.document or {}
        return f"{document.get('tenant', '?')}/{document.get('feed', '?')}"


def check_file(path: Path | str) -> Checked:
    """Reads and checks a feed's file; whatever is wrong with it is a finding."""
    file = str(path)
    try:
        text = Path(path).read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        return Checked(file, None, (Finding(file, 1, 1, f"it is not UTF-8 text (byte {error.start + 1:,})"),))
    except OSError as error:
        return Checked(file, None, (Finding(file, 1, 1, f"it cannot be read: {error.strerror}"),))
    return check_text(file, text)


def load_document(path: Path | str) -> dict[str, Any]:
    """A feed's document, read for whoever writes it somewhere.

    Raises:
        FeedInvalidError: it has findings; all of them, a line each.
    """
    checked = check_file(path)
    if checked.findings or checked.document is None:
        raise FeedInvalidError("\n".join(f"{one.line}:{one.column}: {one.message}" for one in checked.findings))
    return checked.document


def check_text(file: str, text: str) -> Checked:
    """Checks the text of a file."""
    findings: list[Finding] = []
    root = _composed(file, text, findings)
    if root is None:
        if not findings:
            findings.append(Finding(file, 1, 1, "it is empty; see feeds/ for examples, or run `lakeferry feeds draft`"))
        return Checked(file, None, tuple(findings))
    tree = Tree(file, root)
    if not isinstance(tree.document, dict):
        findings += tree.findings
        findings.append(Finding(file, *tree.place_of(()), "a feed is settings, `name: value`; see feeds/ for examples"))
        return Checked(file, None, tuple(findings))
    findings += _of_document(file, tree, {one.path for one in tree.findings})
    findings += tree.findings
    return Checked(file, tree.document, tuple(sorted(set(findings))))


def _composed(file: str, text: str, findings: list[Finding]) -> yaml.Node | None:
    """The first document's nodes. Tabs are told, and read as blanks, so that they hide nothing else."""
    try:
        return _first(file, text, findings)
    except yaml.YAMLError as error:
        tabs = list(_INDENT_TABS.finditer(text))
        told = in_words(file, error)
        if not tabs or "tab" not in told.message:
            findings.append(told)
            return None
    for found in tabs:
        line = text.count("\n", 0, found.start()) + 1
        column = found[0].index("\t") + 1
        findings.append(Finding(file, line, column, "a tab stands where YAML takes blanks only: indent by blanks"))
    try:
        return _first(file, _INDENT_TABS.sub(lambda found: found[0].expandtabs(2), text), findings)
    except yaml.YAMLError:
        return None  # what else is wrong is seen once the tabs are gone


def _first(file: str, text: str, findings: list[Finding]) -> yaml.Node | None:
    """The root of the first document; that there is another one is a finding."""
    nodes = list(yaml.compose_all(text, Loader=yaml.SafeLoader))
    for node in nodes[1:2]:
        line = node.start_mark.line + 1
        while line > 1 and not text.split("\n")[line - 1].startswith("---"):
            line -= 1
        findings.append(
            Finding(file, line, 1, "a second document begins here: each feed has a file of its own", ""),
        )
    return nodes[0] if nodes else None


def _of_document(file: str, tree: Tree, known: set[str]) -> list[Finding]:
    try:
        document: Mapping[str, Any] = Bounded().copy(tree.document)
    except BoundsError as error:
        path, _, said = str(error).partition(": ")
        return [Finding(file, *tree.place_of(path_of(path)), said, path)]
    problems = document_problems(document)
    numbers = {json_path(one.path) for one in problems if "has to be a whole number" in one.text}
    tree.findings[:] = [_as_number(one) if one.path in numbers else one for one in tree.findings]
    # what YAML made of a value is the cause; that the schema has no such value follows from it
    return [_finding(file, tree, one) for one in problems if json_path(one.path) not in known or one.key is not None]


def _as_number(finding: Finding) -> Finding:
    """What YAML made of `1:30`, where a number is wanted: in quotes it would be no number either."""
    return replace(
        finding, message=re.sub(r"as the number (\d+): write .*", r"as \1: write the number", finding.message)
    )


def _finding(file: str, tree: Tree, problem: Problem) -> Finding:
    line, column = tree.place_of(problem.path, problem.key)
    text, switch = problem.text, tree.switch_at(problem.path)
    if switch is not None and "put it in quotes" in text:
        text = f'YAML reads {switch} without quotes as true or false: write "{switch}"'
    if not text.startswith(("`", "YAML")) and problem.path:
        text = f"`{json_path(problem.path)[2:]}`: {text}"
    return Finding(file, line, column, text, json_path(problem.path))
