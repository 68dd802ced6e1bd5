"""What landed in the raw zone, as rows of text: one reader for each form there is."""

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lakeferry.feeds import Feed
from lakeferry.formats import RawForm, RawKind, raw_form

Row = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Landed:
    """The first rows of a raw object.

    Attributes:
        columns: As the file has them.
        count: All its rows.
    """

    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    count: int


def landed_rows(feed: Feed, path: Path, columns: Sequence[str], limit: int) -> Landed:
    """The first rows of a raw object of the feed.

    Args:
        columns: Those of the whole file, where it was read to its end; else what the first rows have.
    """
    form = raw_form(feed.format)
    return _READERS[form.kind](form, path, columns, limit)


def _csv(form: RawForm, path: Path, columns: Sequence[str], limit: int) -> Landed:
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.reader(file, delimiter=form.delimiter, quotechar=form.quote)
        names = next(reader, []) if form.header else columns
        rows, count = list[Row](), 0
        for row in reader:
            count += 1
            if len(rows) < limit:
                rows.append(tuple(row))
    return Landed(tuple(names), tuple(rows), count)


def _jsonl(form: RawForm, path: Path, columns: Sequence[str], limit: int) -> Landed:
    records, count = list[dict[str, Any]](), 0
    with path.open("rb") as file:
        for line in file:
            if not line.strip():
                continue
            count += 1
            if len(records) < limit:
                records.append(json.loads(line, parse_float=str))
    names = columns or list(dict.fromkeys(name for record in records for name in record))
    return Landed(tuple(names), tuple(tuple(_text(one.get(name)) for name in names) for one in records), count)


def _parquet(form: RawForm, path: Path, columns: Sequence[str], limit: int) -> Landed:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        names = tuple(file.schema_arrow.names)
        records = next(file.iter_batches(batch_size=limit)).to_pylist() if file.metadata.num_rows else []
        return Landed(
            names, tuple(tuple(_text(one[name]) for name in names) for one in records), file.metadata.num_rows
        )


def _text(value: Any) -> str:  # noqa: ANN401  (whatever a record has)
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, default=str)
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


_READERS: Mapping[RawKind, Callable[[RawForm, Path, Sequence[str], int], Landed]] = {
    "csv": _csv,
    "jsonl": _jsonl,
    "parquet": _parquet,
}
