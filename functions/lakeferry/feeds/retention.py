"""`retention`: for how many days what a feed has brought is kept."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class RetentionSpec:
    """Days that a business date's data is kept, by zone; None keeps it for ever.

    They count from the business date, or from when the last file of it landed, whichever is later.
    """

    raw_days: int | None = None
    curated_days: int | None = None
    fallout_days: int | None = None

    def zones(self, least: int) -> dict[str, int]:
        """Days by zone, of those that do not keep theirs for ever.

        Args:
            least: Fewer are not kept, whatever the feed says: what the law, or the operator, asks for.
        """
        found = {"raw": self.raw_days, "curated": self.curated_days, "fallout": self.fallout_days}
        return {zone: max(days, least) for zone, days in found.items() if days is not None}


def retention_problems(document: Mapping[str, Any]) -> Iterator[str]:
    """What the schema cannot say of `retention`."""
    is_iceberg = document.get("transform", {}).get("table_format") == "iceberg"
    if is_iceberg and "curated_days" in document.get("retention", {}):
        yield (
            "$.retention.curated_days: rows of an Iceberg table are deleted by an engine, not by Lakeferry: take it "
            "out and run DELETE and VACUUM in Athena on a schedule of yours"
        )
