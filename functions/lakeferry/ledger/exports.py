"""The ledger and the promises of feeds as tables people ask with SQL: lines of JSON in the lake.

`ledger` has a line for each file of a run, as the run left it. A file that several runs had is there once for each, so
that its history stays; the newest line has the greatest `updated_at`. `sla` has a line for each due time of a feed, as
it stands.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

PARTITION_KEY = "day"
"""UTC day, `YYYY-MM-DD`: when the run began, or when files were due."""


@dataclass(frozen=True, slots=True)
class Export:
    """One exported table.

    Attributes:
        table: Its name, and the first folder of its keys.
        columns: Name and Hive type; maps and lists are JSON text.
    """

    table: str
    description: str
    columns: tuple[tuple[str, str], ...]

    @property
    def prefix(self) -> str:
        return f"{self.table}/"

    def key(self, day: str, name: str) -> str:
        """The object of a day with that name."""
        return f"{self.prefix}{PARTITION_KEY}={day}/{name}.json"

    @property
    def names(self) -> tuple[str, ...]:
        """Its columns' names."""
        return tuple(name for name, _ in self.columns)

    def line(self, row: Mapping[str, Any]) -> bytes:
        """A row as a line of JSON, UTF-8; what is no column is left out."""
        return f"{json.dumps(self._row(row), ensure_ascii=False)}\n".encode()

    def lines(self, rows: Iterable[Mapping[str, Any]]) -> bytes:
        """Rows in the order given."""
        return b"".join(map(self.line, rows))

    def _row(self, row: Mapping[str, Any]) -> dict[str, object]:
        found = {}
        for name, _ in self.columns:
            value = row.get(name)
            if value is not None:
                found[name] = json.dumps(value, ensure_ascii=False) if isinstance(value, (dict, list)) else value
        return found


LEDGER = Export(
    "ledger",
    "Each file of each run as the run left it, exported from the ledger when the run ended",
    (
        ("feed_id", "string"),
        ("file_id", "string"),
        ("path", "string"),
        ("size", "bigint"),
        ("mtime", "bigint"),
        ("dt", "string"),
        ("status", "string"),
        ("run", "string"),
        ("attempts", "bigint"),
        ("bytes_fetched", "bigint"),
        ("bytes_raw", "bigint"),
        ("sha256", "string"),
        ("schema_fingerprint", "string"),
        ("rows_read", "bigint"),
        ("rows_landed", "bigint"),
        ("rows_rejected", "bigint"),
        ("rows_curated", "bigint"),
        ("rows_dropped", "string"),
        ("raw_keys", "string"),
        ("curated_run", "string"),
        ("curated_by", "string"),
        ("superseded_by", "string"),
        ("stage", "string"),
        ("error", "string"),
        ("cause", "string"),
        ("claimed_at", "string"),
        ("fetched_at", "string"),
        ("validated_at", "string"),
        ("uploaded_at", "string"),
        ("curated_at", "string"),
        ("failed_at", "string"),
        ("raw_deleted_at", "string"),
        ("curated_deleted_at", "string"),
        ("updated_at", "string"),
    ),
)
SLA = Export(
    "sla",
    "Each due time of each feed and how it stands, exported from the SLA table every 15 minutes",
    (
        ("feed_id", "string"),
        ("business_date", "string"),
        ("due_date", "string"),
        ("expected_by", "string"),
        ("timezone", "string"),
        ("expected_at", "string"),
        ("deadline", "string"),
        ("status", "string"),
        ("completed_at", "string"),
        ("late_seconds", "bigint"),
        ("arrived", "bigint"),
        ("missing", "string"),
    ),
)
