"""What a warm function keeps for a short while."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

KEPT_SECONDS = 60
"""A document or secret that somebody changes counts after so long at the latest."""

_Value = TypeVar("_Value")


@dataclass(slots=True)
class Cache(Generic[_Value]):
    """Values by name."""

    clock: Callable[[], float] = time.monotonic
    _kept: dict[str, tuple[float, _Value]] = field(default_factory=dict)

    def get(self, name: str, load: Callable[[], _Value]) -> _Value:
        """The value that is kept, or what `load` returns; what it raises is not kept."""
        now = self.clock()
        self._kept = {one: pair for one, pair in self._kept.items() if now - pair[0] < KEPT_SECONDS}
        if name not in self._kept:
            self._kept[name] = (now, load())
        return self._kept[name][1]

    def forget(self, name: str) -> None:
        """The next `get` loads it."""
        self._kept.pop(name, None)
