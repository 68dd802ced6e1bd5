"""What the classes are called that a listing's entries end in (`functions/poll/balance.py`); each entry is in one."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EntryClass:
    """One class.

    Attributes:
        title: In a table's head and beside a bar.
        why: Of what stays on the server, why; empty for what is in hand.
        kind: How it is drawn: `good`, `wait`, `alien` (is none of the feed's), `bad`.
    """

    title: str
    why: str
    kind: str


CLASSES: Mapping[str, EntryClass] = {
    "taken": EntryClass("taken", "", "good"),
    "done_with": EntryClass("done with before", "", "good"),
    "waiting": EntryClass("waiting for a marker", "its marker or checksum file is not there yet", "wait"),
    "settling": EntryClass("settling", "it may still be uploading (files.settle_seconds)", "wait"),
    "carried_over": EntryClass("carried over", "more than files.max_files_per_run", "wait"),
    "companions": EntryClass("markers", "", "alien"),
    "not_the_feeds": EntryClass("not this feed's", "", "alien"),
    "not_regular": EntryClass("folders and links", "", "alien"),
    "gone": EntryClass("gone meanwhile", "", "alien"),
    "repeated": EntryClass("listed twice", "", "alien"),
    "unread": EntryClass("unreadable", "the line or folder could not be read", "bad"),
    "unaccounted": EntryClass("unaccounted for", "an error of Lakeferry: please report it", "bad"),
}
LEFT = tuple(name for name, one in CLASSES.items() if one.why)
"""Classes whose entries are, or may be, the feed's, and stay on the server."""
