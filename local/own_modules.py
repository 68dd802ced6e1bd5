"""A job's own modules, kept from one job to the next and put back as they were before any.

A job is a program of its own, and imported all of its 150 modules anew: that took longer than the rest of a small job.
What it has set, or put into a list of theirs, is taken away again; of what a module's classes hold nothing is known.
Where a file was changed meanwhile, the next job imports all of them anew.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any


@dataclass(frozen=True)
class _Kept:
    """A module as it was.

    Attributes:
        names: What each of its names was.
        filled: Lists, dicts and sets among them, and what was in each.
        changed_at: When its file was last changed.
    """

    module: ModuleType
    names: dict[str, Any]
    filled: list[tuple[Any, Any]]
    changed_at: int

    @classmethod
    def of(cls, module: ModuleType, file: Path) -> "_Kept":
        names = dict(vars(module))
        values = [value for name, value in names.items() if not name.startswith("__")]
        filled = [(value, value.copy()) for value in values if type(value) in _PUT_BACK]
        return cls(module, names, filled, file.stat().st_mtime_ns)

    def put_back(self) -> None:
        there = vars(self.module)
        for name in there.keys() - self.names.keys():
            del there[name]
        there.update(self.names)
        for value, before in self.filled:
            _PUT_BACK[type(value)](value, before)


def _of_list(value: list[Any], before: list[Any]) -> None:
    value[:] = before


def _of_others(value: dict[Any, Any] | set[Any], before: Any) -> None:
    value.clear()
    value.update(before)


_PUT_BACK: dict[type, Callable[[Any, Any], None]] = {list: _of_list, dict: _of_others, set: _of_others}


class OwnModules:
    """The modules of some folders."""

    def __init__(self, folders: Sequence[str]) -> None:
        """
        Args:
            folders: Each with a separator at its end.
        """
        self._folders = tuple(folders)
        self._kept: dict[str, _Kept] = {}

    def keep(self) -> None:
        """Takes those that are imported for what the next jobs are to find."""
        self._kept = {name: _Kept.of(module, Path(file)) for name, module, file in self._imported()}

    def put_back(self) -> None:
        """Makes them what they were, and forgets those that have come since."""
        for name, module, _ in [*self._imported()]:
            kept = self._kept.get(name)
            if kept is None or kept.module is not module:
                del sys.modules[name]
        for name, kept in self._kept.items():
            sys.modules[name] = kept.module
            kept.put_back()

    def look(self) -> None:
        """Forgets them all where a file is not what it was."""
        if any(_changed_at(each.module) != each.changed_at for each in self._kept.values()):
            for name in self._kept:
                del sys.modules[name]
            self._kept = {}

    def _imported(self) -> Iterator[tuple[str, ModuleType, str]]:
        for name, module in list(sys.modules.items()):
            file = getattr(module, "__file__", None)
            if name != "__main__" and file and file.startswith(self._folders):
                yield name, module, file


def _changed_at(module: ModuleType) -> int:
    try:
        return Path(str(module.__file__)).stat().st_mtime_ns
    except FileNotFoundError:
        return 0
