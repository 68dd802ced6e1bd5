"""The first rows that `feeds test` shows: as they would be curated, whatever form they land in."""

import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cli.testing.preview import Preview, preview
from cli.testing.sample import Sample, check_sample
from lakeferry.feeds import parse_feed
from tests.conftest import feed_document

COLUMNS = [
    {"name": "order_id", "type": "int64"},
    {"name": "amount", "type": "decimal(12,2)"},
    {"name": "sold_on", "type": "date"},
]
TRANSFORM = {"filter": "amount > 0", "derive": {"big": "amount >= 100"}}
RECORDS = [
    {"order_id": 1, "amount": 12.5, "sold_on": "2026-11-28"},
    {"order_id": 2, "amount": -3, "sold_on": "2026-11-28"},
    {"order_id": 3, "amount": 250, "sold_on": None},
]


def as_parquet() -> bytes:
    out = io.BytesIO()
    frame = pa.table(
        {
            "order_id": pa.array([1, 2, 3], pa.int32()),
            "amount": pa.array([12.5, -3, 250]).cast(pa.decimal128(9, 2)),
            "sold_on": pa.array(["2026-11-28", "2026-11-28", None]).cast(pa.date32()),
        }
    )
    pq.write_table(frame, out)
    return out.getvalue()


FILES = {
    "csv": b"order_id,amount,sold_on\n1,12.50,2026-11-28\n2,-3,2026-11-28\n3,250,\n",
    "jsonl": "".join(json.dumps(record) + "\n" for record in RECORDS).encode(),
    "json": json.dumps(RECORDS).encode(),
    "xml": b"<r>"
    + b"".join(
        b"<o><order_id>%d</order_id><amount>%s</amount>%s</o>" % row
        for row in (
            (1, b"12.50", b"<sold_on>2026-11-28</sold_on>"),
            (2, b"-3", b"<sold_on>2026-11-28</sold_on>"),
            (3, b"250", b""),
        )
    )
    + b"</r>",
    "parquet": as_parquet(),
}


def shown(folder: Path, form: dict[str, Any], data: bytes, *, is_whole: bool = True, **changes: Any) -> Preview | None:
    feed = parse_feed(feed_document(format=form, checks={"columns": COLUMNS}, transform=TRANSFORM) | changes)
    sample = Sample("/outgoing/sales_20261128.csv", len(data), is_whole)
    check_sample(feed, sample, io.BytesIO(data), {}, None, folder)
    assert sample.problem == ""
    return preview(feed, sample, "2026-11-28", 5, folder)


def form_of(kind: str) -> dict[str, Any]:
    return {"type": kind, **({"records": "/r/o"} if kind == "xml" else {})}


@pytest.mark.parametrize("kind", FILES)
def test_rows_are_shown_as_they_would_be_curated(kind: str, tmp_path: Path) -> None:
    found = shown(tmp_path, form_of(kind), FILES[kind])
    assert found is not None
    assert found.curated, found.note
    assert found.columns == ("order_id", "amount", "sold_on", "big")
    assert found.rows == (("1", "12.50", "2026-11-28", "False"), ("3", "250.00", "", "True"))
    assert found.note == "1 row dropped by filter and rules"


@pytest.mark.parametrize("kind", FILES)
def test_what_only_spark_makes_is_shown_as_it_lands(kind: str, tmp_path: Path) -> None:
    doubled = {"deduplicate": {"keys": ["order_id"]}}
    found = shown(tmp_path, form_of(kind), FILES[kind], transform=doubled)
    assert found is not None
    assert not found.curated
    assert found.note.startswith("shown as it lands; the job: ")
    assert found.columns == ("order_id", "amount", "sold_on")
    assert [row[0] for row in found.rows] == ["1", "2", "3"]
    assert found.rows[2][2] == ""


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_of_a_file_that_was_read_in_part_the_rows_that_are_there_are_shown(kind: str, tmp_path: Path) -> None:
    first, _, rest = FILES[kind].partition(b"\n") if kind == "csv" else (b"", b"", FILES[kind])
    data = first + b"\n" + rest * (6_000_000 // len(rest))  # more than the blocks that are checked at a time
    found = shown(tmp_path, form_of(kind), data[:-5], is_whole=False)
    assert found is not None
    assert found.curated, found.note
    assert found.rows[0][:3] == ("1", "12.50", "2026-11-28")


def test_of_a_parquet_file_that_was_read_in_part_nothing_is_shown(tmp_path: Path) -> None:
    assert shown(tmp_path, form_of("parquet"), FILES["parquet"][:-5], is_whole=False) is None


def test_nested_values_are_shown_as_json(tmp_path: Path) -> None:
    data = b'{"order_id": 1, "lines": [{"sku": "\xc3\xa4"}], "paid": true}\n'
    found = shown(
        tmp_path,
        form_of("jsonl"),
        data,
        checks={"columns": [{"name": "order_id", "type": "int64"}, {"name": "lines", "type": "string"}]},
        transform={"derive": {"sku": "get_json_object(lines, '$[0].sku')"}},
    )
    assert found is not None
    assert (found.columns, found.rows) == (("order_id", "lines", "paid"), (("1", '[{"sku": "ä"}]', "true"),))
