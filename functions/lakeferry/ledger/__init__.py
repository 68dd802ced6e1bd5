"""The ledger: file versions, what is known of feeds, and leases of connections, in one table."""

from lakeferry.ledger.files import (
    ASIDE,
    CLAIMED_AT_ONCE,
    CONNECTIONS,
    DROPPED_AT,
    ENDED,
    FINISHED,
    IN_WORK,
    LANDED,
    LEFT_AT,
    LEFT_RUNS,
    PENDING,
    UNFINISHED,
    Entry,
    Ledger,
    is_held,
)

__all__ = [
    "ASIDE",
    "CLAIMED_AT_ONCE",
    "CONNECTIONS",
    "DROPPED_AT",
    "ENDED",
    "FINISHED",
    "IN_WORK",
    "LANDED",
    "LEFT_AT",
    "LEFT_RUNS",
    "PENDING",
    "UNFINISHED",
    "Entry",
    "Ledger",
    "is_held",
]
