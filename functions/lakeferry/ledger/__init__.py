"""The ledger: file versions, what is known of feeds, and leases of connections, in one table."""

from lakeferry.ledger.files import (
    ASIDE,
    CONNECTIONS,
    ENDED,
    FINISHED,
    IN_WORK,
    LANDED,
    PENDING,
    UNFINISHED,
    Entry,
    Ledger,
)

__all__ = ["ASIDE", "CONNECTIONS", "ENDED", "FINISHED", "IN_WORK", "LANDED", "PENDING", "UNFINISHED", "Entry", "Ledger"]
