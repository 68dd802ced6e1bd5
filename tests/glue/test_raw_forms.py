"""What the checks land of each format, the job reads: to the digit, and counted the same."""

import datetime
import io
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lakeferry.checks import BadRows
from lakeferry.feeds import parse_feed
from lakeferry.formats import CARDS
from lakeferry.inspect import inspect
from tests.conftest import OTHER_RUN, feed_document
from tests.glue.conftest import SmallLake
from tests.unit.test_xlsx import workbook

pytestmark = pytest.mark.spark

COLUMNS: list[dict[str, Any]] = [
    {"name": "id", "type": "int64", "required": True},
    {"name": "amount", "type": "decimal(20,2)"},
    {"name": "rate", "type": "float64"},
    {"name": "ok", "type": "bool"},
    {"name": "day", "type": "date"},
    {"name": "sold_at", "type": "timestamp", "timezone": "Europe/Zurich"},
    {"name": "note", "type": "string"},
]
ROW: dict[str, Any] = {
    "id": 1,
    "amount": Decimal("12345678901234567.50"),
    "rate": 1.5e-7,
    "ok": True,
    "day": datetime.date(2026, 1, 5),
    "sold_at": datetime.datetime(2026, 1, 5, 5, 7, 8),
    "note": 'a "quoted", é',
}


def deliver(lake: SmallLake, name: str, content: bytes, *, form: dict[str, Any], **checks: Any) -> str:
    """Passes a file through the checks of a feed with that format, and lands what they wrote."""
    checks = {"columns": COLUMNS, "bad_rows": {"max_ratio": 1}, **checks}
    if not checks["columns"]:
        del checks["columns"]
    document = feed_document(format=form, checks=checks, transform={})
    lake.put_feed(format=form, checks=checks, transform={})
    raw, names = io.BytesIO(), []

    def open_output(output: str) -> io.BytesIO:
        names.append(output)
        return raw

    feed = parse_feed(document)
    bad_rows = BadRows(name, feed.checks.bad_rows, lambda _: None)
    report = inspect(feed, name, io.BytesIO(content), open_output, bad_rows=bad_rows)
    (called,) = names
    lake.land(called, "", rows=report.outputs[0].rows_landed, columns=list(report.columns))
    (lake.folder / f"raw/acme_daily_sales/dt=2026-01-05/{called}").write_bytes(raw.getvalue())
    return str(called)


def curated(
    lake: SmallLake, columns: str = "id, amount, rate, ok, day, sold_at AT TIME ZONE 'UTC', note"
) -> list[tuple[Any, ...]]:
    assert lake.job().run().failed == {}
    return lake.rows(columns)


JSON_ROW = (
    '{"id": 1, "amount": 12345678901234567.50, "rate": 1.5e-7, "ok": true, "day": "2026-01-05", '
    '"sold_at": "2026-01-05 06:07:08", "note": "a \\"quoted\\", é"}'
)
PARQUET_ROW = {
    "id": pa.array([1], pa.int32()),
    "amount": pa.array([ROW["amount"]], pa.decimal128(19, 2)),
    "rate": pa.array([1.5e-7]),
    "ok": pa.array([True]),
    "day": pa.array([ROW["day"]]),
    "sold_at": pa.array([datetime.datetime(2026, 1, 5, 6, 7, 8)], pa.timestamp("ns")),
    "note": pa.array([ROW["note"]]).dictionary_encode(),
}


def parquet(columns: dict[str, Any]) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


XML = (
    '<sales><sale id="1"><id>1</id><amount>12345678901234567.50</amount><rate>1.5e-7</rate><ok>true</ok>'
    '<day>2026-01-05</day><sold_at>2026-01-05 06:07:08</sold_at><note>a "quoted", é</note></sale></sales>'
)
OF_THEIR_OWN = {"csv", "xlsx"}
"""CSV is what all other tests of the job read; Excel has no number with 19 digits."""
WIDTHS = {"id": 3, "amount": 21, "rate": 8, "ok": 5, "day": 10, "sold_at": 19, "note": 15}


def fixed_width() -> tuple[bytes, list[dict[str, Any]]]:
    starts, at = {}, 1
    for name, width in WIDTHS.items():
        starts[name], at = at, at + width
    columns = [{**column, "start": starts[column["name"]], "length": WIDTHS[column["name"]]} for column in COLUMNS]
    texts = ["1", "12345678901234567.50", "1.5e-7", "true", "2026-01-05", "2026-01-05 06:07:08", ROW["note"]]
    line = "".join(f"{text:{width}}" for text, width in zip(texts, WIDTHS.values(), strict=True))
    return f"{line}\n".encode("cp1252"), columns


@pytest.mark.parametrize("form", [form for form in CARDS if form not in OF_THEIR_OWN])
def test_one_row_in_any_format_is_the_same_row_in_the_curated_table(lake: SmallLake, form: str) -> None:
    if form == "jsonl":
        name = deliver(lake, "a.jsonl", JSON_ROW.encode(), form={"type": "jsonl"})
    elif form == "json":
        content = f'{{"data": {{"items": [\n{JSON_ROW}\n]}}}}'.encode()
        name = deliver(lake, "a.json", content, form={"type": "json", "records": "data.items"})
    elif form == "xml":
        name = deliver(lake, "a.xml", XML.encode(), form={"type": "xml", "records": "/sales/sale"})
    elif form == "fixed_width":
        content, columns = fixed_width()
        name = deliver(lake, "a.txt", content, form={"type": form, "encoding": "cp1252"}, columns=columns)
    elif form == "parquet":
        name = deliver(lake, "a.parquet", parquet(PARQUET_ROW), form={"type": "parquet"})
    else:
        pytest.fail(f"{form} has a card, and no row here")
    assert curated(lake) == [tuple(ROW.values())]
    assert lake.entry(name)["rows_curated"] == 1


def test_a_workbook_is_read_too(lake: SmallLake) -> None:
    content = workbook(
        [column["name"] for column in COLUMNS],
        [1, 10000000.5, 1.5e-7, True, datetime.date(2026, 1, 5), datetime.datetime(2026, 1, 5, 6, 7, 8), ROW["note"]],
    )
    deliver(lake, "a.xlsx", content, form={"type": "xlsx"})
    assert curated(lake) == [(1, Decimal("10000000.50"), *list(ROW.values())[2:])]


@pytest.mark.parametrize("form", ["csv", "jsonl", "xml"])
def test_numbers_in_the_feeds_spelling_are_the_same_numbers_however_they_land(lake: SmallLake, form: str) -> None:
    setting: dict[str, Any] = {"type": form, "thousands": ",", "negative": "trailing"}
    if form == "csv":
        content, setting["delimiter"] = "id;amount;note\n1,234-;12,34,567.50-;5-\n7;−1.25;x", ";"
    elif form == "xml":
        content = "<r><o><id>1,234-</id><amount>12,34,567.50-</amount><note>5-</note></o>"
        content += "<o><id>7</id><amount>−1.25</amount><note>x</note></o></r>"
        setting["records"] = "/r/o"
    else:
        content = '{"id": "1,234-", "amount": "12,34,567.50-", "note": "5-"}\n{"id": 7, "amount": "−1.25", "note": "x"}'
    columns = [COLUMNS[0], COLUMNS[1], COLUMNS[6]]
    deliver(lake, f"a.{form}", content.encode(), form=setting, columns=columns)
    assert curated(lake, "id, amount, note") == [(-1234, Decimal("-1234567.50"), "5-"), (7, Decimal("-1.25"), "x")]


def test_numbers_keep_their_value_however_json_writes_them(lake: SmallLake) -> None:
    lines = [
        '{"id": 1, "amount": 12345678.50, "other": 7}',
        '{"id": 1.0E7, "amount": 1.0E7}',
        '{"id": 3.0, "amount": "12.50"}',
        '{"id": 9223372036854775807, "amount": ""}',
        '{"id": 5, "amount": null, "other": {"b": [1, "x"]}}',
    ]
    name = deliver(lake, "a.jsonl", "\n".join(lines).encode(), form={"type": "jsonl"})
    assert curated(lake, "id, amount, other") == [
        (1, Decimal("12345678.50"), "7"),
        (3, Decimal("12.50"), None),
        (5, None, '{"b":[1,"x"]}'),
        (10_000_000, Decimal("10000000.00"), None),
        (9223372036854775807, None, None),
    ]
    assert lake.entry(name)["rows_dropped"] == {}


def test_files_with_other_keys_and_with_none_are_read_together(lake: SmallLake) -> None:
    deliver(lake, "a.jsonl", b'{"b.c": "x", "ID": 1}\n', form={"type": "jsonl"})
    deliver(
        lake, "b.jsonl", b'{"id": 2, "d": 1}\n{}\n', form={"type": "jsonl"}, columns=[{"name": "id", "type": "int64"}]
    )
    deliver(lake, "c.jsonl", b"{}\n{}\n", form={"type": "jsonl"}, columns=[{"name": "id", "type": "int64"}])
    assert curated(lake, "id, b_c, d") == [(1, "x", None), (2, None, "1"), (None, None, None)] + 2 * [
        (None, None, None)
    ]


def test_a_feed_that_declares_nothing_takes_records_without_keys(lake: SmallLake) -> None:
    name = deliver(lake, "a.jsonl", b"{}\n{}\n", form={"type": "jsonl"}, columns=[])
    assert lake.job().run().failed == {}
    assert lake.entry(name)["rows_curated"] == 2


def test_parquet_files_whose_types_differ_are_read_together(lake: SmallLake) -> None:
    columns = [{"name": "id", "type": "int64"}]
    small = {"id": pa.array([1], pa.int8()), "more": pa.array([1.5], pa.float32())}
    big = {"id": pa.array([2**40]), "more": pa.array([2], pa.int64())}
    deliver(lake, "a.parquet", parquet(small), form={"type": "parquet"}, columns=columns)
    deliver(lake, "b.parquet", parquet(big), form={"type": "parquet"}, columns=columns)
    assert curated(lake, "id, more") == [(1, 1.5), (2**40, 2.0)]


def test_what_is_not_declared_keeps_its_parquet_type(lake: SmallLake) -> None:
    moment = datetime.datetime(2026, 1, 5, 6, 7, 8)
    content = parquet(
        {"id": pa.array([1]), "at": pa.array([moment], pa.timestamp("us", "UTC")), "tags": pa.array([["x"]])}
    )
    deliver(lake, "a.parquet", content, form={"type": "parquet"}, columns=[{"name": "id", "type": "int64"}])
    assert lake.job().run().failed == {}
    types = lake.table_columns()
    assert (types["id"], types["at"], types["tags"]) == ("bigint", "timestamp", "array<string>")


def test_bad_rows_never_reach_the_job_and_the_sums_fit(lake: SmallLake) -> None:
    content = {"id": pa.array([1, None, 3]), "note": pa.array(["a", "b", "c"])}
    name = deliver(lake, "a.parquet", parquet(content), form={"type": "parquet"}, columns=COLUMNS[:1])
    assert curated(lake, "id, note") == [(1, "a"), (3, "c")]
    assert lake.entry(name)["rows_landed"] == 2
    name = deliver(
        lake, "b.jsonl", b'{"id":1}\n{"id":"x"}\n{"id":\n{"id":2}\n', form={"type": "jsonl"}, columns=COLUMNS[:1]
    )
    assert lake.entry(name)["rows_landed"] == 2


def test_json_that_was_changed_after_it_landed_is_malformed(lake: SmallLake) -> None:
    name = deliver(lake, "a.jsonl", b'{"id":1}\n{"id":2}\n', form={"type": "jsonl"}, columns=COLUMNS[:1])
    (lake.folder / f"raw/acme_daily_sales/dt=2026-01-05/{name}").write_text('{"id":1}\n{"id":2\n')
    assert lake.job(OTHER_RUN).run().failed == {}
    assert lake.entry(name)["rows_dropped"] == {"malformed": 1}
    assert lake.rows("id") == [(1,)]


def test_columns_in_any_script_keep_their_values_whatever_their_order(lake: SmallLake) -> None:
    form, columns = {"type": "csv"}, [{"name": "数量", "type": "int64"}]
    deliver(lake, "a.csv", '商品,数量,"Preis\n(€)"\na,1,10\n'.encode(), form=form, columns=columns)
    deliver(lake, "b.csv", "Preis (€),Größe,数量,商品\n20,L,2,b\n".encode(), form=form, columns=columns)
    rows = curated(lake, '"商品", "数量", "preis", "größe"')
    assert sorted(rows) == [("a", 1, "10", None), ("b", 2, "20", "L")]


def test_untidy_csv_is_the_table_that_its_partner_means(lake: SmallLake) -> None:
    form = {"type": "csv", "skip_initial_space": True, "trailing_delimiter": "allow"}
    content = b'id, "note",,\n1, "a, ""b""",\n 2,"x"\n3,   ,,,\n'
    deliver(lake, "a.csv", content, form=form, columns=[{"name": "id", "type": "int64"}])
    assert sorted(curated(lake, "id, note")) == [(1, 'a, "b"'), (2, "x"), (3, None)]


def test_keys_in_any_script_keep_their_values(lake: SmallLake) -> None:
    form = {"type": "jsonl"}
    deliver(lake, "a.jsonl", '{"Товар": "a", "Цена": 1}\n'.encode(), form=form, columns=[])
    deliver(lake, "b.jsonl", '{"Артикул": "x", "Цена": 2, "Товар": "b"}\n'.encode(), form=form, columns=[])
    assert sorted(curated(lake, '"товар", "цена", "артикул"')) == [("a", "1", None), ("b", "2", "x")]


def test_a_local_time_that_clocks_skip_is_shifted_where_the_feed_says_so(lake: SmallLake) -> None:
    column = {"name": "moment", "type": "timestamp", "timezone": "Europe/Zurich", "nonexistent": "shift"}
    deliver(lake, "a.csv", b"moment\n2026-03-29 02:30:00\n", form={"type": "csv"}, columns=[column])
    assert curated(lake, "moment AT TIME ZONE 'UTC'") == [(datetime.datetime(2026, 3, 29, 1, 30),)]


@pytest.mark.parametrize(
    ("form", "name", "content"),
    [
        ({"type": "csv"}, "a.csv", '"id","a\nb","c\vd","e\u2028f","g\u0085h"\n1,2,3,4,5\n'),
        ({"type": "jsonl"}, "a.jsonl", '{"id": 1, "a\\nb": "2", "c\\u000bd": "3", "e\u2028f": "4", "g\u0085h": "5"}\n'),
        ({"type": "json"}, "a.json", '[{"id": 1, "a\\nb": "2", "c\\u000bd": "3", "e\u2028f": "4", "g\u0085h": "5"}]'),
    ],
    ids=["csv", "jsonl", "json"],
)
def test_names_with_line_breaks_of_any_kind_are_columns(
    lake: SmallLake, form: dict[str, Any], name: str, content: str
) -> None:
    deliver(lake, name, content.encode(), form=form, columns=[{"name": "id", "type": "int64"}])
    assert curated(lake, "id, a_b, c_d, e_f, g_h") == [(1, "2", "3", "4", "5")]


def test_kinds_of_parquet_that_spark_does_not_read_are_curated_as_what_they_are(lake: SmallLake) -> None:
    """What tests/unit/test_parquet_kinds.py shows of the raw zone, through the job."""
    uuid = pa.ExtensionArray.from_storage(pa.uuid(), pa.array([bytes(range(16))], pa.binary(16)))
    moment = datetime.datetime(2026, 1, 5, 6, 7, 8)
    columns = {
        "id": uuid,
        "by_key": pa.array([[("a", moment)]], pa.map_(pa.string(), pa.timestamp("ns"))),
        "pair": pa.array([[moment]], pa.list_(pa.timestamp("ns"), 1)),
        "text": pa.array(["x"], pa.string_view()),
    }
    deliver(lake, "a.parquet", parquet(columns), form={"type": "parquet"}, columns=[{"name": "id", "type": "string"}])
    shown = "id, by_key['a'], pair[1], text"
    assert [[str(each)[:36] for each in row] for row in curated(lake, shown)] == [
        ["00010203-0405-0607-0809-0a0b0c0d0e0f", "2026-01-05 06:07:08", "2026-01-05 06:07:08", "x"]
    ]


def test_all_years_of_int96_are_the_same_in_the_curated_table(lake: SmallLake) -> None:
    moments = [datetime.datetime(1, 1, 1), datetime.datetime(9999, 12, 31), datetime.datetime(2026, 1, 5)]
    sink = io.BytesIO()
    table = pa.table({"moment": pa.array(moments, pa.timestamp("us")), "n": [1, 2, 3]})
    pq.write_table(table, sink, use_deprecated_int96_timestamps=True)
    deliver(
        lake, "a.parquet", sink.getvalue(), form={"type": "parquet"}, columns=[{"name": "moment", "type": "timestamp"}]
    )
    assert sorted(curated(lake, "strftime(moment AT TIME ZONE 'UTC', '%Y-%m-%d'), n")) == [
        ("0001-01-01", 1), ("2026-01-05", 3), ("9999-12-31", 2)
    ]  # fmt: skip
