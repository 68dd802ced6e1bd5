"""A listing balances, as a file does: each of its entries ends in exactly one class."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields


@dataclass(slots=True)
class Balance:
    """How many entries of a listing ended how.

    Attributes:
        listed: All of them, but `.` and `..`.
        taken: By this run, or in the hands of another one.
        done_with: In the lake, failed or replaced: no poll takes them any more.
        waiting: For their marker or checksum file.
        settling: Seen unchanged for too short a time.
        carried_over: Over `max_files_per_run`.
        companions: Markers and checksum files.
        not_the_feeds: By name, date or size.
        not_regular: Folders, links, devices.
        gone: Before they could be looked at.
        repeated: Listed once more, with the same path, size and time.
        unread: Lines that could not be read, and what could not be asked about.
    """

    listed: int = 0
    taken: int = 0
    done_with: int = 0
    waiting: int = 0
    settling: int = 0
    carried_over: int = 0
    companions: int = 0
    not_the_feeds: int = 0
    not_regular: int = 0
    gone: int = 0
    repeated: int = 0
    unread: int = 0

    @property
    def of_the_feed(self) -> int:
        """Entries that are files of the feed, or may be."""
        return self.taken + self.done_with + self.waiting + self.settling + self.carried_over + self.unread

    @property
    def unaccounted(self) -> int:
        """Entries that ended in no class, or (below 0) in two: an error of this program, never of a server."""
        counts = asdict(self)
        return int(counts.pop("listed") - sum(counts.values()))

    def to_json(self) -> dict[str, int]:
        """All that is not 0, and how many were listed."""
        found = {name: count for name, count in asdict(self).items() if count or name == "listed"}
        return found | ({"unaccounted": self.unaccounted} if self.unaccounted else {})


CLASSES = (*(field.name for field in fields(Balance)), "unaccounted")
"""What metrics are made of."""


def metrics_of(entries: Mapping[str, int]) -> dict[str, int]:
    """Every class by the name of its metric, such as `EntriesDoneWith`, those that are 0 as well."""
    return {f"Entries{name.title().replace('_', '')}": entries.get(name, 0) for name in CLASSES}
