"""What the entries of a listing were, by number: each is one thing."""

from dataclasses import dataclass


@dataclass(slots=True)
class Listed:
    """Of all listings of one connection. What is in none of the classes was handed on, or known to the caller.

    Attributes:
        entries: All but `.` and `..`.
        unwanted: Files whose names are not wanted.
        others: Folders, links and whatever else is no file.
        unread: Not understood, or in a folder that could not be listed to its end.
        gone: Asked about after the listing, and there no more.
    """

    entries: int = 0
    unwanted: int = 0
    others: int = 0
    unread: int = 0
    gone: int = 0
