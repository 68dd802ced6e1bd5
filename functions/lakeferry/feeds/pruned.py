"""A document without what its schema refuses, so that the rules can look at the rest."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from lakeferry.feeds.words import Path, Problem

_STAND_INS = {
    "host": "files.example", "username": "user", "directory": "/", "pattern": "*", "expected_by": "00:00",
    "timezone": "UTC", "dataset": "data",
}  # fmt: skip
"""What no rule has anything against."""


class Pruned:
    """Unknown settings are called what they were meant to be, or left out; so are values that cannot be.

    Attributes:
        document: What is left.
    """

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.document: Any = json.loads(json.dumps(document))
        self._left: dict[Path, list[int]] = {}
        self._known: set[tuple[Path, str]] = set()

    def prune(self, problems: Iterable[Problem]) -> None:
        """Takes out what these problems of `document` are about."""
        problems = list(problems)
        for problem in problems:
            if problem.key is not None:
                self._known |= {(problem.path, name) for name in problem.about}
                self._rename(problem)
        others = [problem for problem in problems if problem.key is None]
        for problem in others:
            if problem.about:
                self._stand_in(problem)
        doomed = {_doomed(problem.path) for problem in others if not problem.about}
        # from the last of a list to the first, and what is within a value before the value
        for path in sorted(doomed - {()}, key=lambda path: [str(part).zfill(9) for part in path], reverse=True):
            self._leave_out(path)

    def is_new(self, problem: Problem) -> bool:
        """Whether a problem of what is left is one of the document: a setting of another name has a wrong value."""
        if problem.about or len(problem.path) < 2 or not isinstance(problem.path[-1], str):
            return False
        return (problem.path[:-1], problem.path[-1]) in self._known

    def original(self, path: Path) -> Path:
        """Where a value of what is left stands in the document."""
        found: Path = ()
        for part in path:
            left = self._left.get(found)
            is_known = left is not None and isinstance(part, int) and part < len(left)
            found += (left[int(part)] if left is not None and is_known else part,)
        return found

    def has_lost(self, path: Path, document: Mapping[str, Any]) -> bool:
        """Whether a rule misses what is there, and was left out."""
        return _at(self.document, path) is None and _at(document, self.original(path)) is not None

    def _rename(self, problem: Problem) -> None:
        section = _at(self.document, problem.path)
        if isinstance(section, dict) and problem.key is not None:
            value = section.pop(problem.key, None)
            for name in problem.about:
                section.setdefault(name, value)

    def _stand_in(self, problem: Problem) -> None:
        """Fills in what is missing, so that what is there can be looked at; else leaves out what it is missing from."""
        section = _at(self.document, problem.path)
        names = [name for name in sorted(problem.about) if name in _STAND_INS]
        if isinstance(section, dict) and names and not problem.about & set(section):
            section[names[0]] = _STAND_INS[names[0]]
        elif len(problem.path) > 1:
            self._leave_out(problem.path)

    def _leave_out(self, path: Path) -> None:
        section = _at(self.document, path[:-1])
        if isinstance(section, dict):
            section.pop(path[-1], None)
        elif isinstance(section, list) and isinstance(path[-1], int) and path[-1] < len(section):
            self._left.setdefault(self.original(path[:-1]), list(range(len(section)))).pop(path[-1])
            del section[path[-1]]


def _doomed(path: Path) -> Path:
    """What is left out for a wrong value: a column without its type is none."""
    if path[:2] == ("checks", "columns") and path[3:4] in {("name",), ("type",)}:
        return path[:3]
    return path


def _at(value: Any, path: Path) -> Any:  # noqa: ANN401  (any JSON value)
    for part in path:
        try:
            value = value[part]
        except (LookupError, TypeError):
            return None
    return value
