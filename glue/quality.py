"""The `quality` table: what each rebuild of a partition found, as rows people can query and plot.

One line of JSON a fact: rows of the partition (`kind` `rows`), rows by rule (`rule`), and nulls, least and greatest
value by column (`column`). History is kept: of several rebuilds of a partition the last has the greatest `curated_at`.
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from profiles import ColumnProfile
from worklist import FileCounts, Partition


def facts(
    partition: Partition,
    dataset: str,
    run_id: str,
    curated_at: str,
    counts: Sequence[FileCounts],
    profiles: Sequence[ColumnProfile],
) -> Iterator[dict[str, Any]]:
    """The table's rows for one rebuild."""
    about = {**dict(zip(("tenant", "feed", "dt"), partition.values, strict=True)), "dataset": dataset}
    about |= {"run_id": run_id, "curated_at": curated_at}
    kept = sum(item.curated for item in counts)
    landed = sum(item.file.rows_landed for item in counts)
    for name, rows in (("landed", landed), ("curated", kept), ("dropped", landed - kept)):
        yield about | {"kind": "rows", "name": name, "rows": rows}
    rules: Counter[str] = Counter()
    for item in counts:
        rules.update(item.dropped)
    for name, rows in sorted(rules.items()):
        yield about | {"kind": "rule", "name": name, "rows": rows}
    for column in profiles:
        yield about | {
            "kind": "column",
            "name": column.name,
            "rows": kept,
            "nulls": column.nulls,
            "null_ratio": round(column.nulls / kept, 6) if kept and column.nulls is not None else None,
            "least": column.least,
            "greatest": column.greatest,
        }


def to_lines(rows: Sequence[dict[str, Any]]) -> bytes:
    """JSON Lines, UTF-8."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
