"""The other versions of a file's path that its raw objects have to do with, and which of them gives way.

Two runs may have a version each in their hands. A version is VALIDATED before its upload reads the others, so of two
uploads at the same time at least one sees the other: the older one gives way to a newer one that has passed its
checks, and the newer one takes away what an older one has waiting before it shows anything itself. Whatever changes
between that look and the write makes the write fail, and the upload looks again.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from lakeferry.file_at_work import FileAtWork
from lakeferry.ledger import IN_WORK, LANDED, Entry
from lakeferry.ledger.versions import is_newer

_CHECKED = LANDED | {"VALIDATED"}


@dataclass(frozen=True, slots=True)
class Versions:
    """All other versions of one path, as one look found them.

    Attributes:
        found: All of them.
        landed: Those that are in the lake, one that is being taken once more too.
        rivals: Those that have, or may have any moment, an object at the raw key of this one.
    """

    found: Sequence[Entry]
    landed: Sequence[Entry]
    rivals: Sequence[Entry]

    @classmethod
    def of(cls, work: FileAtWork) -> "Versions":
        """Read consistently."""
        item = work.item
        found = [one for one in work.ledger.versions(item.feed_id, item.path) if one["file_id"] != item.file_id]
        landed = [one for one in found if one["status"] in LANDED or "landed" in one]
        rivals = [
            one for one in found if one["dt"] == work.dt and (one["status"] in _CHECKED or "landed" in one)
        ]  # of another day: another raw key
        return cls(found, landed, rivals)

    def newer_than(self, entry: Entry) -> Entry | None:
        """One to which this version gives way."""
        return next((one for one in self.rivals if is_newer(one, entry)), None)


def is_waiting(version: Entry) -> bool:
    """Whether it may yet become visible."""
    return version["status"] in IN_WORK
