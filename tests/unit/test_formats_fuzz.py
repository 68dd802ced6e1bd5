"""Any bytes through any format and codec: a file lands, or is refused by one of our errors, in bounded memory.

What is drawn is a good file of the format, or of another, that was cut, doubled, changed and put together anew: bytes
at random would not get past the first check of most formats.
"""

import bz2
import gzip
import io
import lzma
import resource
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from backports import zstd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lakeferry.checks import BadRows
from lakeferry.errors import LakeferryError
from lakeferry.feeds import ChecksSpec, ColumnSpec, FormatSpec, TrailerSpec
from lakeferry.formats import CARDS
from lakeferry.inspect import inspect
from tests.unit.inspecting import Pieces, feed_of
from tests.unit.test_xlsx_parts import ONE, book, zipped

COLUMNS = (ColumnSpec("id", "int64"), ColumnSpec("day", "string"))
PLACES = (ColumnSpec("id", "int64", start=1, length=4), ColumnSpec("day", "string", start=5, length=6))
TEXT = b'id,day\n1,2026-01-05\n2,"a\nb"\n3,1e999999999\n'
MORE_BYTES = 300_000_000
"""How much more the process may take than before."""


def _parquet() -> bytes:
    sink = io.BytesIO()
    table = pa.table({"id": [1, 2, None], "day": ["a", "b", "a"], "more": [[1], [], [2, 3]]})
    pq.write_table(table, sink, compression="zstd", write_page_checksum=False)
    return sink.getvalue()


def _tar() -> bytes:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w") as archive:
        member = tarfile.TarInfo("a.csv")
        member.size = len(TEXT)
        archive.addfile(member, io.BytesIO(TEXT))
    return sink.getvalue()


def _zip() -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", TEXT)
    return sink.getvalue()


GOOD: Mapping[str, bytes] = {
    "csv": TEXT,
    "jsonl": b'{"id":1,"day":"2026-01-05"}\n{"id":1e999999999,"day":1.5e-999999999}\n{"id":{"a":[1,2]}}\n',
    "json": b'[{"id":1,"day":"x"},\n {"id":2e400,"day":null}]\n',
    "xml": b'<?xml version="1.0"?><r><x id="1"><day>2026</day><day/></x><x><id>2</id></x></r>',
    "fixed_width": b"   1 2026\n   2 2027\n",
    "xlsx": zipped(book(ONE)),
    "parquet": _parquet(),
}
PACKED: Mapping[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": zstd.compress,
    "zip": lambda _: _zip(),
    "tar": lambda _: _tar(),
}
SETTINGS: Mapping[str, list[dict[str, Any]]] = {
    "csv": [
        {},
        {"escape": "\\", "null_values": ("\\N",), "trailer": TrailerSpec("3", 2), "comment": "#", "skip_lines": 1},
        {"encoding": "utf-16", "delimiter": ";"},
        {"header": False, "thousands": ".", "decimal": ",", "negative": "parentheses"},
        {"skip_initial_space": True, "trailing_delimiter": "allow"},
        {"skip_initial_space": True, "trailing_delimiter": "allow", "escape": "\\", "trailer": TrailerSpec("3", 2)},
    ],
    "xml": [{"records": "/r/x"}, {"records": "/*/x", "encoding": "cp1252"}],
    "fixed_width": [
        {},
        {"record_length": 10, "line_ends": False, "encoding": "cp037"},
        {"positions": "bytes", "encoding": "shift_jis"},
        {"positions": "bytes", "record_length": 10, "line_ends": False, "encoding": "cp037"},
        {"positions": "bytes", "record_length": 9, "stored": True, "negative": "trailing", "thousands": ","},
        {"positions": "bytes", "record_length": 9, "stored": True, "line_ends": False, "encoding": "cp1141"},
    ],
}
SNIPPETS = st.sampled_from([
    *(b"\0", b"\n", b'"', b",", b"9" * 5000, b"[" * 90, b"\xff\xfe", b"\xed\xa0\x80", b"<a>" * 70, b"&#0;", b"{" * 70),
    *(b', "', b",\n", b",,", b'\n  "', b'\\, "', b"\\"),
    *(b"1e999999999", b'"' + b"x" * 140_000 + b'"', b"<!DOCTYPE r>", b"PAR1", b"PK\x03\x04", b"\x1f\x8b", b"-0e-99"),
])  # fmt: skip


@st.composite
def broken(draw: st.DrawFn, whole: bytes) -> bytes:
    """A file that was good."""
    content = bytearray(whole)
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(content)))
        how = draw(st.sampled_from(["cut", "put in", "change", "double", "take out"]))
        if how == "cut":
            del content[at:]
        elif how == "put in":
            content[at:at] = draw(SNIPPETS)
        elif how == "change" and at < len(content):
            content[at] = draw(st.integers(0, 255))
        elif how == "double":
            content[at:at] = content[max(0, at - draw(st.integers(1, 200))) : at]
        elif how == "take out":
            del content[at : at + draw(st.integers(1, 40))]
    return bytes(content)


def passes(content: bytes, form: str, name: str, setting: dict[str, Any], size: int) -> None:
    """Lands, or is refused by name, and takes no more memory than it may."""
    columns = PLACES if CARDS[form].has_places else COLUMNS
    if setting.get("stored"):
        setting = {name: value for name, value in setting.items() if name != "stored"}
        columns = (replace(columns[0], stored="packed"), columns[1])
    feed = feed_of(form, checks=ChecksSpec(columns=columns), **setting)
    bad_rows = BadRows(name, feed.checks.bad_rows, lambda _: None)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    with suppress(LakeferryError):
        inspect(feed, name, Pieces(content, (size,)), lambda _: io.BytesIO(), bad_rows=bad_rows, read_bytes=size)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before < MORE_BYTES


@pytest.mark.parametrize("form", CARDS)
@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_file_lands_or_is_refused_by_name(form: str, data: st.DataObject) -> None:
    whole = data.draw(st.sampled_from([GOOD[form]] * 4 + list(GOOD.values())))
    setting = data.draw(st.sampled_from(SETTINGS.get(form, [{}])))
    size = data.draw(st.sampled_from([7, 1000, 1 << 20]))
    passes(data.draw(broken(whole)), form, f"a.{CARDS[form].suffixes[0]}", setting, size)


@pytest.mark.parametrize("codec", PACKED)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_packed_file_lands_or_is_refused_by_name(codec: str, data: st.DataObject) -> None:
    content = data.draw(broken(PACKED[codec](data.draw(broken(TEXT)))))
    suffix = {"gzip": "gz", "bzip2": "bz2", "zstd": "zst"}.get(codec, codec)
    passes(content, "csv", f"a.csv.{suffix}", {}, data.draw(st.sampled_from([7, 1 << 20])))


def test_each_format_and_setting_is_drawn() -> None:
    assert set(GOOD) == set(CARDS)
    for form, found in SETTINGS.items():
        for setting in found:
            of_format = {name: value for name, value in setting.items() if name != "stored"}  # a column's
            assert set(of_format) <= CARDS[form].settings
            FormatSpec(form, **of_format)


@pytest.mark.parametrize(
    ("form", "content", "setting"),
    [
        ("csv", b"id," + b"x" * 200_000 + b"\n1,2\n", {}),
        ("csv", b'id,day\n1,2\n3,"' + b"x" * 200_000 + b'"\n', {"trailer": TrailerSpec("3", 2)}),
        ("csv", b"id,day\n1,2\n3" + b"," * 1_100_000 + b"\n", {"trailer": TrailerSpec("3", 2)}),
        ("csv", b",".join(b"c%d" % number for number in range(40_000)) + b"\n", {}),
        ("jsonl", b'{"id":1e999999999999999999}\n', {}),
        ("jsonl", b'{"id":1,"day":-1.7e-99999999}\n', {}),
        ("json", b'[{"id":1e99999999999999999999}]', {}),
        ("jsonl", b"{" + b",".join(b'"k%d":1' % number for number in range(3000)) + b"}\n", {}),
    ],
)
def test_what_is_over_a_limit_of_python_is_a_bad_row_or_refused(
    form: str, content: bytes, setting: dict[str, Any]
) -> None:
    passes(content, form, f"a.{form}", setting, 1 << 20)
