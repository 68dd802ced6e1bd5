"""Calls that wait for AWS, made together."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

THREADS = 16
"""Calls at the same time, as many as each client has connections."""

_Given = TypeVar("_Given")
_Found = TypeVar("_Found")


def side_by_side(call: Callable[[_Given], _Found], given: Sequence[_Given]) -> list[_Found]:
    """The answers in order. The first error is raised when all have ended."""
    if len(given) < 2:
        return [call(each) for each in given]
    with ThreadPoolExecutor(max_workers=THREADS) as pool:
        return list(pool.map(call, given))
