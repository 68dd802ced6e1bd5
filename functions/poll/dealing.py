"""Which files travel together."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from lakeferry.models import FileItem

FEW, FEW_BYTES = 10, 4 * 1024 * 1024
"""Files that are not dealt further: to log in costs about as much as to fetch some small ones."""
PATH_BYTES = 60_000
"""Of a batch's paths, since its files are in a state's payload, which ends at 262,144 bytes."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a batch may be, a single file may be larger; and how many of a feed's may be at work together."""

    files: int
    bytes: int
    at_once: int = 40


def deal(files: Sequence[FileItem], limits: Limits, connections: int) -> list[list[FileItem]]:
    """Batches of files, in their order; a file larger than a batch may be is alone.

    Versions of one path stay together and in order: the last is what is to be in the lake.

    Args:
        connections: So many batches at a time can be at work; a backlog is dealt so that all of them are.
    """
    if not files:
        return []
    most = min(limits.files, max(FEW, -(-len(files) // connections)))
    most_bytes = min(limits.bytes, max(FEW_BYTES, -(-sum(file.size for file in files) // connections)))
    batches: list[list[FileItem]] = []
    size = paths = 0
    for group in _by_path(files):
        group_size, group_paths = sum(file.size for file in group), sum(len(file.path.encode()) for file in group)
        fits = batches and (
            len(batches[-1]) + len(group) <= most
            and size + group_size <= most_bytes
            and paths + group_paths <= PATH_BYTES
        )
        if not fits:
            batches.append([])
            size = paths = 0
        batches[-1] += group
        size, paths = size + group_size, paths + group_paths
    return batches


def _by_path(files: Sequence[FileItem]) -> Iterable[list[FileItem]]:
    """Each path's versions where the first of them stands."""
    first: dict[str, int] = {}
    for at, file in enumerate(files):
        first.setdefault(file.path, at)
    ordered = sorted(files, key=lambda file: first[file.path])
    return (list(group) for _, group in groupby(ordered, key=lambda file: file.path))
