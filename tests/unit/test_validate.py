"""What validate leaves behind: the ledger's counters, bad rows, reports; and what it knows before it reads."""

import gzip
import hashlib
import json
from typing import Any

import pytest

from lakeferry.errors import FeedInvalidError, FileRejectedError
from lakeferry.feeds import ControlFileSpec, parse_feed
from lakeferry.feeds.files import companion_of
from lakeferry.ledger import Entry
from lakeferry.ledger.feed_states import HISTORY, Landed, history_of
from lakeferry.models import FileItem
from tests.conftest import OTHER_RUN, feed_document
from tests.unit.pipeline import CSV, Pipeline, files, names
from validate import core
from validate.control_file import parse_control_file

COLUMNS = [
    {"name": "order_id", "type": "int64", "required": True},
    {"name": "amount", "type": "decimal(12,2)", "min": 0},
]
NAME = "sales_20261101.csv"


def taken(pipeline: Pipeline, name: str = NAME, content: bytes = CSV) -> FileItem:
    """The file, delivered and fetched."""
    pipeline.put(name, content)
    (item,) = [found for found in pipeline.poll() if found.remote.name == name]
    pipeline.fetch(item)
    return item


def landed(pipeline: Pipeline, name: str, content: bytes = CSV) -> Entry:
    item = taken(pipeline, name, content)
    pipeline.validate(item)
    pipeline.upload(item)
    return entry_of(pipeline, item)


def entry_of(pipeline: Pipeline, item: FileItem) -> Entry:
    entry = pipeline.ledger.get(item.feed_id, item.file_id)
    assert entry is not None
    return entry


def text_of(pipeline: Pipeline, key: str) -> str:
    return pipeline.s3.get_object(Bucket="lake", Key=key)["Body"].read().decode()


def rejected(pipeline: Pipeline, item: FileItem) -> str:
    with pytest.raises(FileRejectedError) as caught:
        pipeline.validate(item)
    assert pipeline.raw() == {}
    assert pipeline.open_uploads() == []
    reason, _, key = str(caught.value).partition(" Report: s3://lake/")
    assert key == entry_of(pipeline, item)["report_key"]
    assert reason in text_of(pipeline, key)
    return reason


# -- bad rows


def test_good_rows_land_and_bad_ones_are_kept_counted_and_reported(pipeline: Pipeline) -> None:
    pipeline.configure(checks={"columns": COLUMNS, "bad_rows": {"max_ratio": 0.5}})
    content = b"order_id,amount\n1,2.50\nx,1\n2,-1\n,y\n3,4\n5\n6,7\n8,9\n"
    entry = landed(pipeline, NAME, content)

    assert list(pipeline.raw().values()) == [b"order_id,amount\n1,2.50\n3,4\n6,7\n8,9\n"]
    assert (entry["rows_read"], entry["rows_landed"], entry["rows_rejected"]) == (8, 4, 4)
    expected = {"type:order_id": 1, "min:amount": 1, "required:order_id": 1, "type:amount": 1, "fields": 1}
    assert entry["bad_rows"] == expected
    rows = [json.loads(line) for line in text_of(pipeline, entry["bad_rows_key"]).splitlines()]
    assert [(row["line"], row["record"], row["column"], row["value"], row["rule"], row["raw"]) for row in rows] == [
        (3, 2, "order_id", "x", "type", "x,1"),
        (4, 3, "amount", "-1", "min", "2,-1"),
        (5, 4, "order_id", None, "required", ",y"),
        (7, 6, None, None, "fields", "5"),
    ]
    assert [(more["column"], more["rule"]) for more in rows[2]["more"]] == [("amount", "type")]
    report = text_of(pipeline, entry["report_key"])
    assert "is in the lake without 4 of its rows" in report
    assert "Bad rows: 4 of 8" in report
    assert "- line 3 (record 2), column order_id: 'x' is not an int64" in report
    assert entry["bad_rows_key"] in report


def test_a_file_without_bad_rows_has_no_fallout(pipeline: Pipeline) -> None:
    entry = landed(pipeline, NAME)

    assert "bad_rows" not in entry
    assert "report_key" not in entry
    assert "Contents" not in pipeline.s3.list_objects_v2(Bucket="lake", Prefix="fallout/")


def test_too_many_bad_rows_reject_the_file_and_are_all_kept(pipeline: Pipeline) -> None:
    item = taken(pipeline, content=b"order_id,amount\n" + b"1,2.50\n" * 97 + b"x,1\n" * 3)

    message = rejected(pipeline, item)

    assert "3 of 100 rows are bad (3 %; the feed takes 1 %): 3 by type:order_id" in message
    assert "The first: line 99 (record 98), column order_id: 'x' is not an int64" in message
    entry = entry_of(pipeline, item)
    assert entry["bad_rows"] == {"type:order_id": 3}
    assert text_of(pipeline, entry["bad_rows_key"]).count("\n") == 3
    report = text_of(pipeline, entry["report_key"])
    assert "was REJECTED" in report
    assert message in report


def test_a_reason_too_long_for_a_mail_is_whole_in_the_report(pipeline: Pipeline) -> None:
    pipeline.configure(
        checks={"columns": [{"name": f"c{number}" + "x" * 50, "type": "int64"} for number in range(100)]}
    )
    item = taken(pipeline, content=b"a\n1\n")
    with pytest.raises(FileRejectedError) as caught:
        pipeline.validate(item)
    reason, _, key = str(caught.value).partition(" Report: s3://lake/")
    assert (len(reason), reason[-3:]) == (1000, "...")
    assert "c99x" in text_of(pipeline, key)


class _OddFileError(FileRejectedError):
    """A cause of rejection with words of its own."""


def test_a_cause_of_rejection_keeps_its_name_with_its_report(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    def odd(*_: object, **__: object) -> None:
        raise _OddFileError("it is odd")

    item = taken(pipeline, content=b"order_id,amount\n1,2.50\n")
    monkeypatch.setattr(core, "inspect", odd)
    with pytest.raises(_OddFileError, match="it is odd Report: s3://lake/"):
        pipeline.validate(item)


def test_one_bad_row_in_a_hundred_is_taken_by_default_and_one_more_is_not(pipeline: Pipeline) -> None:
    assert landed(pipeline, NAME, b"order_id,amount\n" + b"1,2.50\n" * 99 + b"x,1\n")["rows_rejected"] == 1
    item = taken(pipeline, "sales_20261102.csv", b"order_id,amount\n" + b"1,2.50\n" * 98 + b"x,1\n")
    with pytest.raises(FileRejectedError, match="1 of 99 rows are bad"):
        pipeline.validate(item)


def test_a_feed_that_takes_no_bad_rows_rejects_the_file_at_the_first(pipeline: Pipeline) -> None:
    pipeline.configure(checks={"columns": COLUMNS, "bad_rows": {"action": "reject_file"}})
    item = taken(pipeline, content=b"order_id,amount\n" + b"1,2.50\n" * 1000 + b"2,-5\n")

    message = rejected(pipeline, item)

    assert "line 1002 (record 1001), column amount: '-5' is below 0. The feed takes no bad rows" in message
    assert "bad_rows_key" not in entry_of(pipeline, item)


def test_a_file_that_is_all_wrong_is_not_read_to_its_end(pipeline: Pipeline) -> None:
    pipeline.configure(checks={"columns": COLUMNS, "bad_rows": {"max_rows": 3, "max_ratio": 1}})
    # what follows would be told first if it were read: it cannot be unpacked
    content = gzip.compress(b"order_id,amount\n" + b"x,1\n" * 2_000_000, 1)
    item = taken(pipeline, NAME + ".gz", content[: len(content) - 100])

    assert "more than 3 rows are bad; the rest of it was not read. The first: line 2" in rejected(pipeline, item)


def test_a_pass_that_dies_leaves_no_part_of_the_quarantine(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    item = taken(pipeline, content=b"order_id,amount\n" + b"1,2.50\n" * 500 + b"x,1\n")
    monkeypatch.setattr("validate.core._check_bytes", lambda *_: (_ for _ in ()).throw(RuntimeError("dies")))
    with pytest.raises(RuntimeError):
        pipeline.validate(item)
    assert pipeline.open_uploads() == []
    monkeypatch.undo()
    pipeline.validate(item)
    assert entry_of(pipeline, item)["rows_rejected"] == 1


def test_every_counter_is_in_the_ledger(pipeline: Pipeline) -> None:
    content = gzip.compress(CSV)
    entry = landed(pipeline, NAME + ".gz", content)

    assert entry["size"] == entry["bytes_fetched"] == len(content)
    assert entry["bytes_raw"] == len(CSV)
    assert entry["sha256"] == hashlib.sha256(content).hexdigest()
    assert entry["outputs"][0]["sha256"] == hashlib.sha256(CSV).hexdigest()
    assert (entry["rows_read"], entry["rows_landed"], entry["rows_rejected"]) == (2, 2, 0)
    assert set(entry["seconds"]) == {"decode", "check", "write"}
    assert all(seconds >= 0 for seconds in entry["seconds"].values())


# -- what is known beforehand


def deviating(**rows: Any) -> dict[str, Any]:
    return {"rows": {"deviation": {"ratio": 0.5, **rows}}}


def test_a_file_far_from_the_usual_number_of_rows_is_rejected(pipeline: Pipeline) -> None:
    pipeline.configure(checks=deviating())
    for day, rows in enumerate([90, 100, 100, 110, 5000], 1):
        landed(pipeline, f"sales_202611{day:02d}.csv", b"order_id,amount\n" + b"1,2\n" * rows)
    few = taken(pipeline, "sales_20261110.csv", b"order_id,amount\n" + b"1,2\n" * 49)

    with pytest.raises(FileRejectedError, match="has 49 rows; the median of the feed's last 5 files is 100, and 50 %"):
        pipeline.validate(few)
    assert landed(pipeline, "sales_20261111.csv", b"order_id,amount\n" + b"1,2\n" * 50)["rows_read"] == 50
    many = taken(pipeline, "sales_20261112.csv", b"order_id,amount\n" + b"1,2\n" * 151)
    with pytest.raises(FileRejectedError, match="has 151 rows"):
        pipeline.validate(many)


def test_with_too_few_earlier_files_nothing_is_compared_and_that_is_told(pipeline: Pipeline) -> None:
    pipeline.configure(checks=deviating(min_files=2))

    entry = landed(pipeline, NAME)

    assert entry["notes"] == ["rows.deviation was not checked: the feed has 0 earlier files of 2"]


def test_the_number_of_rows_in_a_name_is_a_promise(pipeline: Pipeline) -> None:
    pipeline.configure(
        files={"directory": "/outgoing", "pattern": "sales_*.csv"},
        checks={"rows": {"in_name": r"_(?P<rows>[0-9]+)rows\."}},
    )
    two = b"order_id,amount\n1,2\n3,4\n"

    assert landed(pipeline, "sales_20261101_2rows.csv", two)["rows_read"] == 2
    with pytest.raises(FileRejectedError, match="has 2 rows and its name promises 3"):
        pipeline.validate(taken(pipeline, "sales_20261102_3rows.csv", two))
    with pytest.raises(FileRejectedError, match="its name promises no number of rows"):
        pipeline.validate(taken(pipeline, "sales_20261103.csv", two))


def test_the_history_of_a_feed_does_not_grow_without_end(pipeline: Pipeline) -> None:
    for number in range(2 * HISTORY + 5):
        item = FileItem("acme", "daily_sales", OTHER_RUN, f"/outgoing/{number}.csv", 1, 1)
        pipeline.ledger.feeds.note_landed(item.feed_id, [Landed(item.file_id, number, ["a"])])

    rows, columns = history_of(pipeline.ledger.feeds.get(item.feed_id), item.file_id)

    assert columns == ("a",)
    assert HISTORY - 1 <= len(rows) <= 2 * HISTORY
    assert rows[:2] == (2 * HISTORY + 3, 2 * HISTORY + 2)


@pytest.mark.parametrize(
    ("header", "drift"),
    [
        (b"order_id,amount", None),
        (b"order_id,amount,note,x", {"added": ["note", "x"]}),
        (b"amount,order_id", {"reordered": True}),
    ],
)
def test_columns_that_came_or_went_since_the_last_file_are_told(
    pipeline: Pipeline, header: bytes, drift: dict[str, Any] | None
) -> None:
    landed(pipeline, NAME)
    width = header.count(b",") + 1

    entry = landed(pipeline, "sales_20261102.csv", header + b"\n" + b",".join([b"1"] * width) + b"\n")

    assert entry.get("drift") == drift


def test_the_runs_mail_tells_of_bad_rows_and_changed_columns_and_links_the_report(pipeline: Pipeline) -> None:
    pipeline.configure(checks={"columns": COLUMNS, "bad_rows": {"max_ratio": 0.5}})
    for name, content in ((NAME, CSV), ("sales_20261102.csv", b"order_id,amount,shop\n1,2.50,north\nx,1,south\n")):
        item = taken(pipeline, name, content)
        pipeline.validate(item)
        pipeline.upload(item)
        entry = entry_of(pipeline, item)
        values = {"rows_curated": entry["rows_landed"], "rows_dropped": {}}
        pipeline.ledger.advance(item, status="CURATED", remove=("pending",), **values)
    message = pipeline.summary()["message"]
    second = "- acme/daily_sales /outgoing/sales_20261102.csv: "
    assert f"{second}1 bad row was left out: s3://lake/{entry['report_key']}" in message
    assert f"{second}columns added since the last file: shop" in message
    assert "sales_20261101" not in message


def test_a_feed_may_refuse_new_columns_and_lost_ones(pipeline: Pipeline) -> None:
    pipeline.configure(checks={"drift": {"added": "reject", "removed": "reject"}})
    landed(pipeline, NAME)
    for name, content, told in (
        ("sales_20261102.csv", b"order_id,amount,note\n1,2,3\n", "'note' is new"),
        ("sales_20261103.csv", b"order_id\n1\n", "'amount' is gone"),
    ):
        item = taken(pipeline, name, content)
        with pytest.raises(FileRejectedError, match=told):
            pipeline.validate(item)


# -- control files


def controlled(form: str = "rows,bytes,sha256", pattern: str = "{stem}.ctl") -> dict[str, Any]:
    return {"control_file": {"pattern": pattern, "format": form}}


def test_a_file_waits_for_its_control_file_and_is_compared_with_it(pipeline: Pipeline) -> None:
    content = gzip.compress(CSV)
    pipeline.configure(files=files(pattern="*.csv.gz"), checks=controlled())
    pipeline.put("sales_20261101.csv.gz", content)
    assert pipeline.poll() == []
    pipeline.put("sales_20261101.ctl", f"2,{len(content)},{hashlib.sha256(content).hexdigest()}\n".encode(), age=0)

    (item,) = pipeline.poll()

    assert names([item]) == ["sales_20261101.csv.gz"]
    pipeline.fetch(item)
    assert pipeline.validate(item) == {"rows": 2}


@pytest.mark.parametrize(
    ("form", "control", "told"),
    [
        ("rows", "3", "has 2 rows and sales_20261101.ctl promises 3"),
        ("rows,bytes", "2,31", f"has {len(CSV)} bytes and sales_20261101.ctl promises 31"),
        ("md5", "0" * 32, "md5 checksum"),
        ("sha256", "0" * 64, "sha256 checksum"),
        ("rows,bytes", "two", "does not have the form 'rows,bytes': 'two'"),
    ],
)
def test_a_file_that_is_not_as_promised_is_rejected(pipeline: Pipeline, form: str, control: str, told: str) -> None:
    pipeline.configure(files=files(pattern="*.csv"), checks=controlled(form))
    pipeline.put("sales_20261101.ctl", control.encode(), age=0)

    assert told in rejected(pipeline, taken(pipeline))


def test_a_control_file_the_feed_asks_for_only_since_the_fetch_is_told(pipeline: Pipeline) -> None:
    item = taken(pipeline)
    pipeline.configure(checks=controlled())

    assert "was not fetched with it" in rejected(pipeline, item)


def test_a_control_file_that_is_none_is_refused_before_memory_fills(pipeline: Pipeline) -> None:
    pipeline.configure(files=files(pattern="*.csv"), checks=controlled())
    pipeline.put("sales_20261101.ctl", b"x" * 100_000, age=0)
    pipeline.put(NAME, CSV)
    (item,) = pipeline.poll()

    with pytest.raises(FileRejectedError, match="larger than 65536 bytes"):
        pipeline.fetch(item)


@pytest.mark.parametrize(
    ("form", "text", "rows", "size"),
    [
        ("rows,bytes", "2,30", 2, 30),
        ("rows,bytes", "rows,bytes\r\n2,30\r\n", 2, 30),
        ("rows;skip;bytes", "2;20261101;30", 2, 30),
        ("rows={rows}", "file=a.csv\nrows=2\n", 2, None),
        ("ROWS: rows", "FILE: a.csv\nROWS:   2\n", 2, None),
        ("bytes skip rows", "  30\tx\t2 ", 2, 30),
        ("rows|bytes", "\ufeff2|30", 2, 30),
    ],
)
def test_control_files_of_many_forms_are_read(form: str, text: str, rows: int | None, size: int | None) -> None:
    spec = ControlFileSpec("{stem}.ctl", form)
    promise = parse_control_file(spec, "a.ctl", text.encode())
    assert (promise.rows, promise.bytes) == (rows, size)


def test_a_control_files_name_comes_from_the_files_stem_or_name() -> None:
    assert companion_of("{stem}.ctl", "sales_20261101.csv.gz.pgp") == "sales_20261101.ctl"
    assert companion_of("{name}.ctl", "a.csv") == "a.csv.ctl"
    assert companion_of("{stem}.ctl", "a.2026.11.csv") == "a.2026.11.ctl"


@pytest.mark.parametrize(
    ("checks", "told"),
    [
        ({"control_file": {"pattern": "x.ctl"}}, r"\$\.checks\.control_file\.pattern"),
        ({"control_file": {"pattern": "{stem}.ctl", "format": "rows,rows"}}, r"\$\.checks\.control_file\.format"),
        ({"expressions": [{"name": "a", "expression": "a = = b"}]}, r"\$\.checks\.expressions\[0\]\.expression"),
        ({"columns": [{"name": "a", "type": "string", "min": 1}]}, r"\$\.checks\.columns\[0\]\.min"),
        ({"columns": [{"name": "a", "type": "string", "pattern": "(?=x)"}]}, r"RE2 has no look-around"),
        ({"columns": [{"name": "a", "type": "string", "pattern": "("}]}, r"is not a regular expression"),
        ({"rows": {"in_name": "("}}, r"in_name: is not a regular expression"),
        ({"rows": {"in_name": "([0-9]+)"}}, r"in_name: has a group for the number"),
    ],
)
def test_settings_that_cannot_be_right_are_refused_when_the_feed_is_put(checks: dict[str, Any], told: str) -> None:
    with pytest.raises(FeedInvalidError, match=told):
        parse_feed(feed_document(checks=checks))
