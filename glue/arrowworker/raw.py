"""What Arrow reads raw objects with: one reader for each form there is in the raw zone, and the types it gives."""

import mmap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from types import TracebackType
from typing import Any, Protocol, Self, cast

from arrowworker.equal import NotEqualError
from lakeferry.checks.arrow import Column
from lakeferry.expressions import Type
from lakeferry.feeds import Feed
from lakeferry.feeds.columns import column_names
from lakeferry.formats import RawKind, raw_form
from lakefiles import Lake
from worklist import LandedFile


@dataclass(frozen=True, slots=True)
class Delivered:
    """Some rows as they were delivered.

    Attributes:
        columns: By their names in tables: text, null for no value; of Parquet typed ones.
        unshown: Columns with values that Spark writes in other letters, where it shows a row as it was delivered.
    """

    columns: Mapping[str, Column]
    unshown: frozenset[str] = frozenset()


class RawFile(Protocol):
    """One raw object; a context."""

    def __init__(self, lake: Lake, key: str, feed: Feed, landed: LandedFile) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None: ...

    def types(self) -> Mapping[str, Type]:
        """The columns it has, by their names in tables, as they are where the feed declares no type."""

    def batches(self) -> Iterator[Delivered]:
        """The rows, some at a time.

        Raises:
            NotEqualError: Spark might read something else.
            Exception: the file is not what it should be; what of that is told, Spark says.
        """


READERS: Mapping[RawKind, str] = {
    "csv": "arrowworker.reading:RawCsvFile",
    "jsonl": "arrowworker.rawjson:RawJson",
    "parquet": "arrowworker.rawparquet:RawParquet",
}
"""What the raw zone has → what reads it, imported when a partition needs it: not every place has what all need."""


def open_raw(lake: Lake, key: str, feed: Feed, landed: LandedFile) -> RawFile:
    """A raw object of a feed."""
    module, name = READERS[raw_form(feed.format).kind].split(":")
    return cast("RawFile", getattr(import_module(module), name)(lake, key, feed, landed))


def types_of(lake: Lake, feed: Feed, files: tuple[LandedFile, ...]) -> Mapping[str, Type]:
    """The columns of a partition's files, in Spark's order.

    Raises:
        NotEqualError: two files have a column in different types.
    """
    found: dict[str, Type] = {}
    declared = set(column_names([column.name for column in feed.checks.columns]))
    for landed in files:
        for key in landed.raw_keys if raw_form(feed.format).kind == "parquet" else landed.raw_keys[:1]:
            # groups of files with equal headers, each followed by what the next ones have more
            with open_raw(lake, key, feed, landed) as raw:
                types = raw.types()
            for name, of in types.items():
                if found.setdefault(name, of) != of and name not in declared:
                    raise NotEqualError(f"column {name}: files have it in different types")
    return found


class Content:
    """A raw object's bytes, mapped where they are a file.

    Attributes:
        data: None when it is closed.
    """

    def __init__(self, lake: Lake, key: str) -> None:
        self._map: mmap.mmap | None = None
        path = None if lake.folder is None else lake.folder / key
        if path is not None and path.stat().st_size:
            with path.open("rb") as file:
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self.data: Any = self._map if self._map is not None else (lake.read(key) if path is None else b"")

    def close(self) -> None:
        """Lets go of it; what Arrow has of it is let go with its last batch."""
        self.data = self._map = None
