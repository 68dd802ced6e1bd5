"""What two of ledger, lake and catalog say differently, and what becomes of it."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference.

    Attributes:
        kind: A name for scripts; docs/operations.md lists them.
        what: The object, file or folder.
        told: What differs.
        do: What to do, or what happens by itself.
        needs_person: Whether nothing happens by itself.
        rebuild: Source of a backfill that makes the day whole: `raw`, `inbox` or `server`; empty where none does.
    """

    kind: str
    feed: str
    dt: str
    what: str
    told: str
    do: str
    needs_person: bool = False
    rebuild: str = ""

    def to_json(self) -> dict[str, Any]:
        """As `--json` has it."""
        return asdict(self)
