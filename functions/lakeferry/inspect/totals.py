"""Checks of a file as a whole: how many rows it has, what was promised, and which columns came and went."""

import hashlib
import statistics
from collections.abc import Mapping, Sequence

from lakeferry.counting import count_of
from lakeferry.decode import Readable
from lakeferry.errors import FileRejectedError
from lakeferry.feeds import Feed
from lakeferry.feeds.patterns import compile_pattern
from lakeferry.inspect.known import History, Promise


def rows_in_name(pattern: str, name: str) -> int:
    """The number of rows that a file's name promises.

    Args:
        pattern: `checks.rows.in_name`.

    Raises:
        FileRejectedError: the name does not have it.
    """
    match = compile_pattern(pattern).search(name)
    if match is None or not (match["rows"] or "").isdecimal():
        raise FileRejectedError(
            f"{name}: its name promises no number of rows, which checks.rows.in_name ({pattern!r}) looks for. "
            "Ask the partner for the agreed name, or correct the feed."
        )
    return int(match["rows"])


def check_rows(feed: Feed, name: str, rows: int, history: History) -> list[str]:
    """Compares the rows read with the feed's limits, the file's name and the feed's last files.

    Returns:
        What was not checked, and why.

    Raises:
        FileRejectedError: too few, too many, not what the name promises, or too far from what is usual.
    """
    limits, has = feed.checks.rows, f"{name} has {count_of(rows, 'row')}"
    if limits.in_name is not None and rows != (promised := rows_in_name(limits.in_name, name)):
        raise FileRejectedError(
            f"{has} and its name promises {promised}. Ask the partner to deliver it again, or correct "
            "checks.rows.in_name."
        )
    if rows < limits.min:
        raise FileRejectedError(
            f"{has}; the feed asks for at least {limits.min}. "
            "Ask the partner whether the file is complete, or lower checks.rows.min."
        )
    if limits.max is not None and rows > limits.max:
        raise FileRejectedError(
            f"{has}; the feed takes at most {limits.max}. Ask the partner, or raise checks.rows.max."
        )
    deviation = limits.deviation
    if deviation is None:
        return []
    last = history.rows[: deviation.files]
    if len(last) < deviation.min_files:
        earlier = count_of(len(last), "earlier file")
        return [f"rows.deviation was not checked: the feed has {earlier} of {deviation.min_files}"]
    median = statistics.median(last)
    if abs(rows - median) > deviation.ratio * median:
        raise FileRejectedError(
            f"{has}; the median of the feed's last {count_of(len(last), 'file')} is {median:g}, and "
            f"{100 * deviation.ratio:g} % more or less is taken. Ask the partner whether the file is complete; if it "
            "is, raise checks.rows.deviation.ratio and reprocess it."
        )
    return []


class Hashed:
    """The delivered bytes with the checksums that a control file promises."""

    def __init__(self, source: Readable, promise: Promise | None) -> None:
        self._source = source
        self._hashes = {
            name: hashlib.new(name, usedforsecurity=False) for name in (promise.checksums if promise else ())
        }

    def read(self, size: int) -> bytes:
        """The next bytes, at most `size`; empty at the end."""
        data = self._source.read(size)
        for each in self._hashes.values():
            each.update(data)
        return data

    def checksum(self, algorithm: str) -> str:
        """Of what was read so far, hexadecimal."""
        return self._hashes[algorithm].hexdigest()


def check_promise(name: str, promise: Promise | None, rows: int, size: int, hashed: Hashed) -> None:
    """Compares with the control file.

    Args:
        rows: Data records that were read.
        size: Bytes that were delivered.

    Raises:
        FileRejectedError: something is not as promised.
    """
    if promise is None:
        return
    remedy = "Ask the partner to deliver both again."
    if promise.bytes is not None and promise.bytes != size:
        raise FileRejectedError(
            f"{name} has {count_of(size, 'byte')} and {promise.source} promises {promise.bytes}. {remedy}"
        )
    for algorithm, expected in promise.checksums.items():
        if (found := hashed.checksum(algorithm)) != expected:
            raise FileRejectedError(
                f"{name} has the {algorithm} checksum {found} and {promise.source} promises {expected}. {remedy}"
            )
    if promise.rows is not None and promise.rows != rows:
        raise FileRejectedError(
            f"{name} has {count_of(rows, 'row')} and {promise.source} promises {promise.rows}. {remedy}"
        )


_KEPT_NAMES = 100
_KEPT_LETTERS = 100
"""So much is kept of columns that came or went: with the file's columns they are one item of the ledger."""


def drift_of(columns: Sequence[str], last: Sequence[str] | None) -> dict[str, list[str] | int | bool]:
    """How columns differ from those of the feed's last file; upper and lower case are the same.

    Returns:
        `added` and `removed`, the first names of them; `added_count` and `removed_count` where there are more of
        them; `reordered`.
    """
    if last is None or tuple(columns) == tuple(last):
        return {}
    now, before = {name.lower(): name for name in columns}, {name.lower(): name for name in last}
    drift: dict[str, list[str] | int | bool] = {}
    added = [name for low, name in now.items() if low not in before]
    removed = [name for low, name in before.items() if low not in now]
    for what, names in (("added", added), ("removed", removed)):
        if names:
            drift[what] = [name[:_KEPT_LETTERS] for name in names[:_KEPT_NAMES]]
        if len(names) > _KEPT_NAMES:
            drift[f"{what}_count"] = len(names)
    if [low for low in now if low in before] != [low for low in before if low in now]:
        drift["reordered"] = True
    return drift


def check_drift(feed: Feed, name: str, drift: Mapping[str, object]) -> None:
    """Compares with the feed's policy.

    Raises:
        FileRejectedError: columns came or went and the feed does not take that.
    """
    for what, policy in (("added", feed.checks.drift.added), ("removed", feed.checks.drift.removed)):
        names = drift.get(what)
        if policy == "reject" and isinstance(names, list):
            raise FileRejectedError(
                f"{name}: against the feed's last file, {', '.join(map(repr, names[:20]))} "
                f"{'is' if len(names) == 1 else 'are'} {'new' if what == 'added' else 'gone'}. "
                f"Ask the partner; if it is right, set checks.drift.{what} to accept and reprocess it."
            )
