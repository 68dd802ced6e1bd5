"""The ledger as a table people ask with SQL: one line of JSON for each file of a run, as the run left it.

A file that several runs had is there once for each, so that its history stays; the newest line has the greatest
`updated_at`.
"""

import json
from collections.abc import Iterable

from lakeferry.ledger import Entry

TABLE = "ledger"
PREFIX = "ledger/"
PARTITION_KEY = "day"
COLUMNS = (
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
    ("updated_at", "string"),
)
"""Name and Hive type; maps and lists of the ledger are JSON text."""


def to_lines(entries: Iterable[Entry]) -> bytes:
    """JSON Lines, UTF-8, in the order given."""
    return "".join(json.dumps(_row(entry), ensure_ascii=False) + "\n" for entry in entries).encode()


def key_of(day: str, run_id: str) -> str:
    """The object a run is exported to.

    Args:
        day: UTC day the run began, `YYYY-MM-DD`.
    """
    return f"{PREFIX}{PARTITION_KEY}={day}/{run_id}.json"


def _row(entry: Entry) -> dict[str, object]:
    row = {}
    for name, _ in COLUMNS:
        value = entry.get(name)
        if value is not None:
            row[name] = json.dumps(value, ensure_ascii=False) if isinstance(value, (dict, list)) else value
    return row
