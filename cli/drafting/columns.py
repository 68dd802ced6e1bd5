"""The columns of a sample as it would land: their names, and the texts in them."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lakeferry.feeds import Feed
from lakeferry.formats import raw_form

MOST_ROWS = 200_000
"""Rows whose texts are looked at; all are checked afterwards."""


def texts_of(feed: Feed, paths: list[Path]) -> dict[str, list[str]]:
    """Column → its texts, of raw CSV or JSON Lines; columns with values that are no scalars are left out."""
    found: dict[str, list[str]] = {}
    nested: set[str] = set()
    for path in paths:
        records = _of_csv(feed, path) if raw_form(feed.format).kind == "csv" else _of_json(path)
        for count, record in enumerate(records):
            if count >= MOST_ROWS:
                break
            for name, value in record.items():
                if isinstance(value, dict | list):
                    nested.add(name)
                elif value is not None:
                    found.setdefault(name, []).append(value if isinstance(value, str) else json.dumps(value))
                else:
                    found.setdefault(name, [])
    return {name: texts for name, texts in found.items() if name not in nested}


def _of_csv(feed: Feed, path: Path) -> Iterator[dict[str, Any]]:
    form = raw_form(feed.format)
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.reader(file, delimiter=form.delimiter, quotechar=form.quote)
        names = next(reader, []) if form.header else [column.name for column in feed.checks.columns]
        for row in reader:
            yield dict(zip(names, row, strict=False))


def _of_json(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            # a number's own text: as a float it might lose digits
            record = json.loads(line, parse_float=str, parse_int=str)
            yield {name: value if not isinstance(value, bool) else str(value).lower() for name, value in record.items()}


def of_parquet(path: Path) -> list[dict[str, Any]]:
    """Columns of a Parquet file, with the types that it has itself."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    found = []
    for each in pq.read_schema(path):
        kind = each.type
        if pa.types.is_integer(kind):
            name = "int64"
        elif pa.types.is_floating(kind):
            name = "float64"
        elif pa.types.is_boolean(kind):
            name = "bool"
        elif pa.types.is_date(kind):
            name = "date"
        elif pa.types.is_timestamp(kind):
            name = "timestamp"
        elif pa.types.is_decimal(kind) and kind.precision <= 38 and kind.scale >= 0:
            name = f"decimal({kind.precision},{kind.scale})"
        elif pa.types.is_string(kind) or pa.types.is_large_string(kind):
            name = "string"
        else:
            continue
        found.append({"name": each.name, "type": name})
    return found
