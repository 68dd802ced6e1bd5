"""A drafted feed passes `feeds check`, and reads its own sample with no row rejected."""

import csv
import gzip
import io
import json
import random
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cli.checking import check_text
from cli.drafting.draft import Draft, Named, draft_sample
from cli.drafting.names import groups, infer
from cli.drafting.types import guess
from cli.drafting.writing import to_yaml
from cli.testing.sample import Sample, check_sample
from lakeferry.feeds import FilesSpec, parse_feed
from local.demo_data import deliver
from poll.pattern import Pattern

NAMED = Named("acme", "daily_sales", "sales")


def drafted(name: str, data: bytes, names: tuple[str, ...] = (), **options: Any) -> Draft:
    return draft_sample(NAMED, name, io.BytesIO(data), names=names, **options)


def assert_holds(draft: Draft, name: str, data: bytes, rows: int, folder: Path) -> None:
    """The file that is written passes the check, and its feed reads the sample whole."""
    assert draft.problem == ""
    text = to_yaml(draft, "Drafted.")
    checked = check_text("draft.yaml", text)
    assert checked.findings == (), text
    assert checked.document == draft.document
    feed = parse_feed(checked.document)
    assert Pattern(feed.files).fits(name)
    sample = check_sample(feed, Sample(name, len(data), True), io.BytesIO(data), {}, None, folder)
    assert (sample.problem, sample.bad_row_count) == ("", 0), sample.bad_rows
    assert sample.report is not None
    assert sum(output.rows_landed for output in sample.report.outputs) == rows


def test_the_demos_files_are_drafted_as_its_feeds_are(tmp_path: Path) -> None:
    sftp, ftp = tmp_path / "sftp", tmp_path / "ftp"
    deliver(sftp, ftp, date(2026, 11, 29))
    names = tuple(path.name for path in (sftp / "outgoing").iterdir())
    data = (sftp / "outgoing" / "sales_20261128_morning.csv.gz").read_bytes()
    draft = drafted("sales_20261128_morning.csv.gz", data, names)
    assert draft.document["files"]["pattern"] == "sales_{date:%Y%m%d}_*.csv.gz"
    assert draft.document["decode"] == ["gzip"]
    assert draft.document["format"] == {"type": "csv", "delimiter": ",", "header": True}
    assert [(one["name"], one["type"].partition("(")[0]) for one in draft.document["checks"]["columns"]] == [
        ("order_id", "int64"), ("store", "string"), ("amount", "decimal"), ("sold_at", "timestamp"),
    ]  # fmt: skip
    (tmp_path / "a").mkdir()
    assert_holds(draft, "sales_20261128_morning.csv.gz", data, draft.rows, tmp_path / "a")
    data = (ftp / "export" / "stock-2026-11-28.csv").read_bytes()
    draft = drafted("stock-2026-11-28.csv", data)
    assert draft.document["files"]["pattern"] == "stock-{date:%Y-%m-%d}.csv"
    assert draft.document["format"]["delimiter"] == ";"
    assert draft.document["checks"]["columns"][3] == {"name": "counted_on", "type": "date", "format": "%d.%m.%Y"}
    (tmp_path / "b").mkdir()
    assert_holds(draft, "stock-2026-11-28.csv", data, draft.rows, tmp_path / "b")


_TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=8)
_MOMENTS = st.datetimes(datetime(1995, 1, 1), datetime(2035, 1, 1))
_COLUMNS = st.one_of(
    st.just(st.integers(-(10**12), 10**12).map(str)),
    st.just(st.decimals(-(10**6), 10**6, places=2, allow_nan=False).map(str)),
    st.just(st.floats(allow_nan=False, allow_infinity=False).map(repr)),
    st.just(st.booleans().map(lambda value: str(value).lower())),
    st.just(_MOMENTS.map(lambda moment: f"{moment:%Y-%m-%d}")),
    st.just(_MOMENTS.map(lambda moment: f"{moment:%d.%m.%Y}")),
    st.just(_MOMENTS.map(lambda moment: f"{moment:%d/%m/%Y %H:%M:%S}")),
    st.just(_MOMENTS.map(lambda moment: f"{moment:%Y-%m-%dT%H:%M:%S}Z")),
    st.just(_TEXTS),
    st.just(st.integers(0, 999).map(lambda value: f"{value:05}")),
    st.just(st.one_of(st.integers(0, 99).map(str), st.sampled_from(["NULL", "N/A", ""]))),
)


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[str], list[list[str]]]:
    columns = draw(st.lists(_COLUMNS, min_size=2, max_size=5))
    rows = draw(st.lists(st.tuples(*columns).map(list), min_size=2, max_size=12))
    return [f"name_{chr(97 + at)}" for at in range(len(columns))], rows


@settings(derandomize=True, max_examples=60)
@given(tables(), st.sampled_from(",;\t|"), st.sampled_from(["utf-8", "utf-16"]), st.booleans())
@example((["name_a", "name_b"], [["", ""], ["x", ""], ["", " "]]), "\t", "utf-8", False)
def test_a_drawn_table_is_read_by_its_own_draft(
    tmp_path_factory: pytest.TempPathFactory,
    table: tuple[list[str], list[list[str]]],
    delimiter: str,
    encoding: str,
    is_packed: bool,
) -> None:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator="\n").writerows([table[0], *table[1]])
    data, name = text.getvalue().encode(encoding), "orders_20261128_1.csv"
    if is_packed:
        data, name = gzip.compress(data), f"{name}.gz"
    draft = drafted(name, data)
    # a line of tabs is a blank one, to Spark as to us, though tabs may separate fields (docs/formats-and-checks.md)
    rows = sum(delimiter != "\t" or any(sign > " " for sign in "".join(row)) for row in table[1])
    assert_holds(draft, name, data, rows, tmp_path_factory.mktemp("read"))


@pytest.mark.parametrize(
    ("name", "data", "form"),
    [
        ("a_20261128.jsonl", b'{"id": 1, "n": 1.50, "t": {"a": 1}}\n{"id": 2, "n": null}\n', {"type": "jsonl"}),
        ("a_20261128.json", b'[{"id": 1, "ok": true}, {"id": 2, "ok": false}]', {"type": "json"}),
        ("a_20261128.json", b'{"data": [{"id": 1}, {"id": 2}]}', {"type": "json", "records": "data"}),
        (
            "a_20261128.xml",
            b"<?xml version='1.0'?><orders><order><id>1</id><n>x</n></order><order><id>2</id><n>y</n></order></orders>",
            {"type": "xml", "records": "/orders/order"},
        ),
        ("a_20261128.csv", b"1;2026-11-28;x\n2;2026-11-29;y\n", {"type": "csv", "delimiter": ";", "header": False}),
        (
            "a_20261128.csv",
            "id;Gr\xf6\xdfe\n1;1.234,50\n2;12,25\n".encode("cp1252"),
            {"type": "csv", "delimiter": ";", "header": True, "encoding": "cp1252", "decimal": ",", "thousands": "."},
        ),
    ],
)
def test_other_formats_are_told_apart(name: str, data: bytes, form: dict[str, Any], tmp_path: Path) -> None:
    draft = drafted(name, data)
    assert draft.document["format"] == form
    assert_holds(draft, name, data, 2, tmp_path)


def test_parquet_has_its_own_types(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table({"id": [1, 2], "name": ["a", "b"], "day": [date(2026, 1, 1)] * 2})
    pq.write_table(table, tmp_path / "a.parquet")
    data = (tmp_path / "a.parquet").read_bytes()
    draft = drafted("a_20261128.parquet", data)
    assert [one["type"] for one in draft.document["checks"]["columns"]] == ["int64", "string", "date"]
    (tmp_path / "read").mkdir()
    assert_holds(draft, "a_20261128.parquet", data, 2, tmp_path / "read")


@pytest.mark.parametrize(
    ("texts", "settings_", "doubt"),
    [
        (["1", "-2", ""], {"type": "int64"}, ""),
        (["007", "12"], {"type": "string"}, "zeros would be lost"),
        (["20261128", "20261129"], {"type": "date", "format": "%Y%m%d"}, "eight digits"),
        (["01/02/2026"], {"type": "date", "format": "%d/%m/%Y"}, "the other way round, %m/%d/%Y"),
        (["13/02/2026"], {"type": "date", "format": "%d/%m/%Y"}, ""),
        (["02/13/2026"], {"type": "date", "format": "%m/%d/%Y"}, ""),
        (["2026-11-28 10:00:00"], {"type": "timestamp", "format": "%Y-%m-%d %H:%M:%S"}, "which zone"),
        (["2026-11-28T10:00:00+01:00"], {"type": "timestamp", "format": "%Y-%m-%dT%H:%M:%S%z"}, ""),
        (["1e5", "2"], {"type": "float64"}, ""),
        (["true", "FALSE"], {"type": "bool"}, ""),
        (["yes", "no"], {"type": "string"}, ""),
        ([], {"type": "string"}, "no value"),
    ],
)
def test_a_type_is_guessed_and_the_guess_is_marked(texts: list[str], settings_: dict[str, Any], doubt: str) -> None:
    found = guess(texts)
    assert found.settings == settings_
    assert doubt in found.why
    assert bool(doubt) == bool(found.why)


@pytest.mark.parametrize(
    ("names", "pattern"),
    [
        (["sales_20261128_1.csv.gz"], "sales_{date:%Y%m%d}_*.csv.gz"),
        (["sales_20261128_1.csv.gz", "sales_20261129_12.csv.gz", "stock_20261129.csv"], "sales_{date:%Y%m%d}_*.csv.gz"),
        (["2026-11-28-orders.json"], "{date:%Y-%m-%d}-orders.json"),
        (["x.20261128T101500.xml"], "x.{date:%Y%m%dT%H%M%S}.xml"),
        (["28.11.2026 Bericht.csv", "29.11.2026 Bericht.csv"], "{date:%d.%m.%Y} Bericht.csv"),
        (["week_2026-W48.csv"], "week_{date:%G-W%V}.csv"),
        (["prices.csv"], "prices.csv"),
        (["dump[1].csv"], "dump[[]*].csv"),
        (["a_99999999.csv"], "a_*.csv"),
        (["yyyymmdd_1.csv"], "*.csv"),
    ],
)
def test_a_pattern_is_made_of_names(names: list[str], pattern: str) -> None:
    found = infer(names, names[0])
    assert found.pattern == pattern
    assert Pattern(FilesSpec("/", found.pattern)).fits(names[0])


def test_markers_and_checksums_beside_the_files_are_seen() -> None:
    names = [f"a_2026112{day}.csv{end}" for day in range(5) for end in ("", ".done", ".sha256")]
    found = infer(names, "a_20261121.csv")
    assert (found.marker, found.checksum_file) == ("{name}.done", "{name}.sha256")
    assert [(one.pattern, len(one.like)) for one in groups(names)][:1] == [("a_{date:%Y%m%d}.csv", 5)]


@settings(derandomize=True, max_examples=300)
@given(
    st.text("abXY_-.[]{}*?~ 1", min_size=0, max_size=6),
    st.sampled_from(["%Y%m%d", "%Y-%m-%d", "%d.%m.%Y", "%Y%m%d%H%M%S", "%Y-%m"]),
    st.text("abXY_-.[]{}*? 1", min_size=0, max_size=6),
    st.integers(1, 4),
)
def test_the_pattern_of_any_names_is_valid_and_fits_them(before: str, form: str, after: str, count: int) -> None:
    start = datetime(2026, 11, 28, 10, 15)
    names = [f"{before}{start + timedelta(days=32 * day):{form}}{after}.csv" for day in range(count)]
    found = infer(names, names[0])
    own = Pattern(FilesSpec("/", found.pattern, exclude=()))
    assert all(own.fits(name) and own.business_date(name, 0) for name in names)
    assert check_text("f", to_yaml(drafted(names[0], b"a,b\n1,2\n"), "x")).findings == ()


def test_a_sample_that_cannot_be_opened_is_drafted_with_what_is_known() -> None:
    draft = drafted("a_20261128.csv.gz", b"not gzip at all")
    assert "gzip" in draft.problem
    assert check_text("f", to_yaml(draft, "x")).findings == ()


def test_what_is_guessed_says_so_and_the_rest_does_not() -> None:
    rows = "\n".join(f"{number},{random.Random(number).randint(1, 9)}.50" for number in range(50))
    text = to_yaml(drafted("a_20261128.csv", f"id,price\n{rows}\n".encode()), "Drafted from a_20261128.csv.")
    lines = text.splitlines()
    assert lines[0] == "# Drafted from a_20261128.csv."
    assert "    - {name: id, type: int64}" in lines
    assert any('- {name: price, type: "decimal(12,2)"}  # guessed: as many digits' in line for line in lines)
    assert any(line.startswith('  pattern: "a_{date:%Y%m%d}.csv"  # guessed: of one name') for line in lines)
    assert yaml.safe_load(text)["format"] == {"type": "csv", "delimiter": ",", "header": True}
    assert json.dumps(yaml.safe_load(text))
