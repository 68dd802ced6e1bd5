"""Formats besides CSV from the partner's folder to the raw zone, through the stages."""

import gzip
import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lakeferry.errors import FileRejectedError
from tests.unit.pipeline import Pipeline, files

COLUMNS = {"columns": [{"name": "id", "type": "int64", "required": True}], "bad_rows": {"max_ratio": 0.5}}


def test_json_lines_land_as_such_and_the_bad_line_is_kept(pipeline: Pipeline) -> None:
    pipeline.configure(format={"type": "jsonl"}, files=files(pattern="*.json.gz"), checks=COLUMNS)
    pipeline.put("a.json.gz", gzip.compress(b'{"id": 1, "b": 0.10}\n{"id": "x"}\n'))
    (item,) = pipeline.poll()
    key = pipeline.all(item)

    assert key.endswith(".jsonl")
    assert pipeline.raw() == {key: b'{"id": 1, "b": 0.10}\n'}
    entry = pipeline.ledger.owned(item)
    assert (entry["rows_read"], entry["rows_landed"], entry["rows_rejected"]) == (2, 1, 1)
    assert entry["columns"] == ["id", "b"]
    fallout = pipeline.s3.list_objects_v2(Bucket="lake", Prefix="fallout/")["Contents"]
    bodies = [pipeline.s3.get_object(Bucket="lake", Key=found["Key"])["Body"].read() for found in fallout]
    assert any(b'"raw": "{\\"id\\": \\"x\\"}"' in body for body in bodies)


def test_parquet_lands_to_the_byte(pipeline: Pipeline) -> None:
    pipeline.configure(format={"type": "parquet"}, files=files(pattern="*.parquet"), checks=COLUMNS)
    sink = io.BytesIO()
    pq.write_table(pa.table({"id": [1, 2]}), sink)
    pipeline.put("a.parquet", sink.getvalue())
    (item,) = pipeline.poll()
    key = pipeline.all(item)

    assert key.endswith(".parquet")
    assert pipeline.raw() == {key: sink.getvalue()}


def test_a_page_in_place_of_a_workbook_is_rejected_with_a_report(pipeline: Pipeline) -> None:
    pipeline.configure(format={"type": "xlsx"}, files=files(pattern="*.xlsx"), checks=COLUMNS)
    pipeline.put("a.xlsx", b"<html>Session expired</html>")
    (item,) = pipeline.poll()
    pipeline.fetch(item)
    with pytest.raises(FileRejectedError, match=r"a\.xlsx: it is no XLSX workbook but HTML"):
        pipeline.validate(item)

    assert pipeline.raw() == {}
    assert pipeline.open_uploads() == []
    reports = pipeline.s3.list_objects_v2(Bucket="lake", Prefix="fallout/")["Contents"]
    texts = [pipeline.s3.get_object(Bucket="lake", Key=found["Key"])["Body"].read() for found in reports]
    assert texts
    assert all(b"It may be an error page of the partner's server" in text for text in texts)
