"""Fixed width whose places are counted in bytes, and its packed and zoned decimals."""

import csv
import io
import random
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakeferry.errors import FeedInvalidError
from lakeferry.feeds import ChecksSpec, ColumnSpec, Feed, parse_feed
from tests.conftest import feed_document
from tests.unit.inspecting import agree, feed_of, inspected, rejection

KEY = ColumnSpec("id", "string", start=1, length=3)
NAME = ColumnSpec("name", "string", start=4, length=6)
COUNT = ColumnSpec("n", "int64", start=10, length=4)


def by_bytes(*columns: ColumnSpec, **form: Any) -> Feed:
    return feed_of("fixed_width", checks=ChecksSpec(columns=columns or (KEY, NAME, COUNT)), positions="bytes", **form)


def stored(kind: str, how: str, length: int, start: int = 1) -> ColumnSpec:
    return ColumnSpec("v", kind, start=start, length=length, stored=how)


def as_packed(number: Decimal, scale: int, length: int, *, plus: str = "c") -> bytes:
    """The form as IBM describes it, digit by digit."""
    digits = f"{int(abs(number).scaleb(scale)):0{2 * length - 1}d}"
    return bytes.fromhex(digits + ("d" if number < 0 else plus))


def as_zoned(number: Decimal, scale: int, length: int, encoding: str) -> bytes:
    digits = f"{int(abs(number).scaleb(scale)):0{length}d}"
    if encoding == "cp037":
        zones = [0xF0] * (length - 1) + [0xD0 if number < 0 else 0xC0]
        return bytes(zone + int(digit) for zone, digit in zip(zones, digits, strict=True))
    signs = "}JKLMNOPQR" if number < 0 else "{ABCDEFGHI"
    return (digits[:-1] + signs[int(digits[-1])]).encode(encoding)


def table(raw: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(raw.decode(), newline=""), strict=True))


# -- text


TEXTS = {
    "utf-8": "aé€ñ商 ,",
    "shift_jis": "aﾊ商品ソ表 ,",
    "cp1252": "aé€ñ ,",
    "cp037": "aéñ ,",
    "cp1141": "aö€ ,",
    "gb18030": "a商€𠀀 ,",
}
ENDS = {True: [b"\x15", b"\x25", b"\r\x25"], False: [b"\n", b"\r\n", b"\r"]}


def fitting(draw: random.Random, encoding: str, length: int) -> tuple[str, bytes]:
    """A text, and its bytes in a field."""
    text = "".join(draw.choices(TEXTS[encoding], k=draw.randrange(length + 1)))
    while len(text.encode(encoding)) > length:
        text = text[:-1]
    data = text.encode(encoding)
    return text.strip(" "), data + " ".encode(encoding) * (length - len(data))


@pytest.mark.slow
@settings(max_examples=250, deadline=None, derandomize=True)
@given(
    st.integers(0, 2**32),
    st.sampled_from([*TEXTS]),
    st.sampled_from(["lines", "length", "unbroken"]),
    st.booleans(),
    st.lists(st.integers(1, 40), min_size=1, max_size=3).map(tuple),
    st.integers(1, 90),
)
def test_records_in_any_encoding_and_pieces_have_the_values_that_were_put_in(
    seed: int, encoding: str, way: str, has_numbers: bool, sizes: tuple[int, ...], block_bytes: int
) -> None:
    draw = random.Random(seed)
    ebcdic = encoding.startswith("cp0") or encoding == "cp1141"
    end = draw.choice(ENDS[ebcdic]) if way != "unbroken" else b""
    has_packed = has_numbers and way != "lines"
    columns = [ColumnSpec("a", "string", start=1, length=7), ColumnSpec("b", "string", start=9, length=4)]
    if has_numbers:
        columns.append(ColumnSpec("z", "decimal(5,2)", start=13, length=5, stored="zoned"))
    if has_packed:
        columns.append(ColumnSpec("p", "decimal(7,3)", start=18, length=4, stored="packed"))
    rows, records = [], []
    for _ in range(draw.randrange(1, 9)):
        (one, first), (other, second) = fitting(draw, encoding, 7), fitting(draw, encoding, 4)
        record, row = first + "x".encode(encoding) + second, [one, other]
        if has_numbers:
            number = Decimal(draw.randrange(-99999, 99999)).scaleb(-2)
            record += as_zoned(number, 2, 5, "cp037" if ebcdic else "ascii")
            row.append(f"{number}")
        if has_packed:
            number = Decimal(draw.randrange(-(10**7) + 1, 10**7)).scaleb(-3)
            record += as_packed(number, 3, 4, plus=draw.choice("cf"))
            row.append(f"{number}")
        rows.append(row)
        records.append(record)
    content = end.join(records) + end * draw.randrange(2)
    form: dict[str, Any] = {"encoding": encoding, "line_ends": way != "unbroken"}
    if way != "lines":
        form["record_length"] = len(records[0])

    result = agree(content, by_bytes(*columns, **form), sizes, block_bytes)

    assert result is not None
    assert result.bad == []
    assert table(result.raw)[1:] == rows


FIELDS = [("utf-8", "Zoé"), ("utf-8", "商品"), ("shift_jis", "商品ｱ"), ("gb18030", "商𠀀"), ("euc_kr", "가")]


@pytest.mark.parametrize(("encoding", "text"), FIELDS)
def test_a_field_is_as_many_bytes_as_it_says(encoding: str, text: str) -> None:
    content = b"001" + text.encode(encoding).ljust(6) + b"1234\n"
    result = inspected(content, by_bytes(encoding=encoding))
    assert table(result.raw)[1:] == [["001", text, "1234"]]


def test_with_characters_the_same_file_has_another_number() -> None:
    content = "001Zoé  1234\n".encode()
    assert inspected(content, by_bytes()).lines[1] == "001,Zoé,1234"
    feed = feed_of("fixed_width", checks=ChecksSpec(columns=(KEY, NAME, COUNT)))
    assert inspected(content, feed).lines[1] == "001,Zoé  1,234"


@pytest.mark.parametrize(
    ("encoding", "content", "columns"),
    [
        # é of two bytes, cut in the middle: neither half is text
        ("utf-8", b"001abcde\xc3\xa9 12", {"name", "n"}),
        ("utf-8", b"001abcde\xff1234", {"name"}),
        # a lead byte at the end of a field; what is left of the character looks like a letter
        ("shift_jis", b"001abcde\x8f\x5c123", {"name"}),
        # in a gap of no column, so that the field begins with that letter
        ("cp932", b"00\x8f\x5cbcdef1234", {"id"}),
        ("cp1252", b"001abcde\x811234", {"name"}),
    ],
)
def test_a_field_that_is_cut_through_a_character_is_a_bad_row_with_its_bytes(
    encoding: str, content: bytes, columns: set[str]
) -> None:
    feed = by_bytes(KEY, NAME, ColumnSpec("n", "string", start=10, length=4), encoding=encoding)
    good = b"002abcdef1234"
    result = inspected(content + b"\n" + good + b"\n", feed)
    assert result.lines[1:] == ["002,abcdef,1234"]
    (bad,) = result.bad
    assert {each["column"] for each in [bad, *bad.get("more", [])]} == columns
    assert bad["rule"] == "text"
    assert bad["value"].startswith("X'")
    assert "\ufffd" not in result.raw.decode() + str(result.bad)


def test_a_character_that_begins_before_its_field_is_no_other_character() -> None:
    feed = by_bytes(KEY, ColumnSpec("b", "string", start=5, length=3), encoding="shift_jis")
    result = inspected(b"001\x8f\x5cab\n002x\x5cab\n", feed)
    assert result.rows == (1, 1)
    assert (result.bad[0]["column"], result.bad[0]["rule"]) == ("b", "text")
    assert "begins within a character of shift_jis" in result.bad[0]["detail"]


def test_lines_are_too_short_or_too_long_by_their_bytes() -> None:
    result = inspected(b"001ab\n001abcdef1234x\n001abcdef12 \n\n \t\n003abcdef1234  \n", by_bytes())
    assert result.lines[1:] == ["001,abcdef,12", "003,abcdef,1234"]
    assert result.told == [(1, None, "fields"), (2, None, "fields")]
    assert result.bad[0]["detail"] == "is 5 bytes long, where the last field is from 10 to 13"
    exact = inspected("001é    1234\n001é   1234\n".encode(), by_bytes(record_length=12))
    assert [row["detail"] for row in exact.bad] == ["is 13 bytes long, where format.record_length is 12"]


def test_lines_before_the_first_record_are_skipped_and_blank_ones_dropped() -> None:
    assert inspected(b"HEADER\n001abcdef1234\n\n", by_bytes(skip_lines=1)).lines[1:] == ["001,abcdef,1234"]
    unbroken = by_bytes(skip_lines=1, record_length=13, line_ends=False)
    content = b"HEADER       " + b" " * 13 + b"001abcdef1234" + b" " * 13 + b"\r\n"
    assert inspected(content, unbroken).lines[1:] == ["001,abcdef,1234"]
    columns = (KEY, stored("int64", "packed", 2, 4))
    content = b"HEAD \r\n     \r\n001\x01\x2d\r\n     \r\n002\x01\x2c"
    packed = inspected(content, by_bytes(*columns, record_length=5, skip_lines=1), block_bytes=8)
    assert (packed.lines[1:], packed.bad) == (["001,-12", "002,12"], [])
    assert inspected(b"001abcdef1234", by_bytes(null_values=("abcdef",))).lines[1:] == ["001,,1234"]


@pytest.mark.parametrize("size", [1, 1000])
@pytest.mark.parametrize(
    ("content", "form", "message"),
    [
        (b"", {}, "it is empty"),
        (b"001abcdef1234\n002a", {}, "it is truncated: line 2, the last, is 4 bytes long"),
        (
            b"001abcdef1234002a",
            {"record_length": 13, "line_ends": False},
            "it is truncated: record 2, the last, is 4 bytes",
        ),
        (
            b"001abcdef1234002abc\nef1234",
            {"record_length": 13, "line_ends": False},
            "record 2 has a line end in column name",
        ),
        (b"<html><body>Error</body></html>\n", {}, "but an HTML page"),
        (b"%PDF-1.4 and more", {}, "but a PDF"),
    ],
)
def test_a_file_that_cannot_be_one_is_rejected(content: bytes, form: dict[str, Any], message: str, size: int) -> None:
    assert message in rejection(content, by_bytes(**form), sizes=(size,))


def test_a_nul_in_a_text_is_a_bad_row_that_says_what_it_may_be() -> None:
    result = inspected(b"001abc\0\x12\x5c1234\n002abcdef1234\n", by_bytes())
    assert result.rows == (1, 1)
    assert result.bad[0]["value"] == "X'61626300125C'"
    assert "stored: packed" in result.bad[0]["detail"]


def test_with_characters_packed_numbers_are_named_with_the_settings_that_read_them() -> None:
    feed = feed_of("fixed_width", checks=ChecksSpec(columns=(KEY, NAME, COUNT)), encoding="cp037")
    message = rejection("001".encode("cp037") + b"\x00\x12\x34\x5c" + "abcdef\n".encode("cp037"), feed)
    assert "line 1 has a NUL character" in message
    assert "set format.positions to bytes, and stored to packed" in message
    assert "set format.encoding" not in message


# -- packed and zoned


@pytest.mark.parametrize(
    ("field", "kind", "text"),
    [
        ("0012345c", "decimal(7,2)", "123.45"),
        ("0012345d", "decimal(7,2)", "-123.45"),
        ("0012345f", "decimal(7,2)", "123.45"),
        ("0000000d", "decimal(7,2)", "0.00"),
        ("0000005c", "decimal(7,2)", "0.05"),
        ("1234567d", "decimal(7,7)", "-0.1234567"),
        ("0012345d", "int64", "-12345"),
        ("0000000c", "int64", "0"),
        ("0a0d15 2c", "int64", None),
        ("0012345a", "int64", None),
        ("00123450", "int64", None),
        ("0012f45c", "int64", None),
        ("f0f0f1c1", "int64", None),
        # blanks are no value
        ("40404040", "int64", ""),
    ],
)
def test_packed_decimals(field: str, kind: str, text: str | None) -> None:
    data = bytes.fromhex(field)
    feed = by_bytes(stored(kind, "packed", 4), encoding="cp037", record_length=4, line_ends=False)
    good = "0000001c"
    result = inspected(bytes.fromhex(good + field + good), feed)
    assert len(result.lines) == (4 if text else 3)
    if text is None:
        (bad,) = result.bad
        assert (bad["column"], bad["rule"], bad["value"]) == ("v", "type", f"X'{data.hex().upper()}'")
        assert "is no packed decimal" in bad["detail"]
    elif text:
        assert result.lines[2] == text


@pytest.mark.parametrize(
    ("encoding", "field", "text"),
    [
        ("cp037", "f0f1f2c3", "1.23"),
        ("cp037", "f0f1f2d3", "-1.23"),
        ("cp037", "f0f1f2f3", "1.23"),
        ("cp037", "f0f1f2e3", None),
        ("cp037", "f0f140c3", None),
        ("cp037", "c0f1f2c3", None),
        ("utf-8", b"012C".hex(), "1.23"),
        ("utf-8", b"012L".hex(), "-1.23"),
        ("utf-8", b"012{".hex(), "1.20"),
        ("utf-8", b"012}".hex(), "-1.20"),
        ("utf-8", b"0123".hex(), "1.23"),
        ("utf-8", b"012s".hex(), "-1.23"),
        ("utf-8", b"012S".hex(), None),
        ("utf-8", b"-123".hex(), None),
        ("utf-8", b" 123".hex(), None),
    ],
)
def test_zoned_decimals(encoding: str, field: str, text: str | None) -> None:
    feed = by_bytes(stored("decimal(4,2)", "zoned", 4), encoding=encoding)
    end = "\n".encode(encoding)
    result = inspected(bytes.fromhex(field) + end, feed)
    assert result.lines[1:] == ([] if text is None else [text])
    if text is None:
        assert result.bad[0]["value"] == f"X'{field.upper()}'"
        assert "is no zoned decimal" in result.bad[0]["detail"]


def test_bytes_of_packed_numbers_that_look_like_line_ends_and_nuls_are_numbers() -> None:
    columns = (stored("int64", "packed", 3), ColumnSpec("note", "string", start=4, length=2))
    numbers = ["00000c", "01025c", "00015d", "02500c", "10130c", "00100c"]
    for end in (b"", b"\n", b"\r\n"):
        content = b"".join(bytes.fromhex(number) + b"ab" + end for number in numbers)
        feed = by_bytes(*columns, record_length=5, line_ends=bool(end))
        result = inspected(content, feed, sizes=(3, 7), block_bytes=11)
        assert table(result.raw)[1:] == [[each, "ab"] for each in ["0", "1025", "-15", "2500", "10130", "100"]]


def test_all_numbers_of_two_bytes_are_not_taken_for_utf_16_nor_for_a_packed_file() -> None:
    feed = by_bytes(stored("int64", "packed", 2), record_length=2, line_ends=False)
    assert inspected(b"\x00\x1c" * 30, feed).lines[1:] == ["1"] * 30
    one = by_bytes(
        stored("int64", "packed", 1),
        ColumnSpec("w", "int64", start=2, length=1, stored="packed"),
        record_length=2,
        line_ends=False,
    )
    assert inspected(b"\x1f\x9d", one).lines[1:] == ["1,-9"]


def test_a_record_without_the_line_end_of_the_first_is_told() -> None:
    feed = by_bytes(KEY, stored("int64", "packed", 2, 4), record_length=5)
    good = b"001\x00\x1c\n"
    assert inspected(good + good[:-1], feed).rows == (2, 0)
    for content in (good + b"002\x00\x1c\x00" + good, good + b"002\x00\n" + good, b"0012\x1c\x00\n" * 2):
        assert "has no line end behind its 5 bytes" in rejection(content, feed)
    assert "record 2 has no line end" in rejection(good + b"002\x00\x1c\r" + good, feed)


def test_numbers_are_checked_as_any_others() -> None:
    columns = (
        ColumnSpec("v", "decimal(3,1)", start=1, length=2, stored="packed", min=0, unique=True),
        ColumnSpec("w", "int64", start=3, length=2, stored="packed", required=True),
    )
    # 1.2; again; -1.2; no second number
    content = bytes.fromhex("012c001c012c001c012d001c099c4040")
    result = inspected(content, by_bytes(*columns, encoding="cp037", record_length=4, line_ends=False))
    assert result.lines == ["v,w", "1.2,1"]
    assert result.told == [(2, "v", "unique"), (3, "v", "min"), (4, "w", "required")]


def test_the_feeds_decimal_mark_is_of_texts_alone() -> None:
    columns = (ColumnSpec("t", "decimal(4,1)", start=1, length=4), stored("decimal(3,1)", "packed", 2, 5))
    feed = by_bytes(*columns, record_length=6, line_ends=False, decimal=",")
    assert inspected(b" 1,5\x01\x2d", feed).lines[1:] == ["1.5,-1.2"]


def test_more_digits_than_the_type_has_are_no_value_of_it() -> None:
    feed = by_bytes(stored("decimal(2,1)", "packed", 2), record_length=2, line_ends=False)
    result = inspected(bytes.fromhex("012c112c"), feed)
    assert (result.lines[1:], result.told) == (["1.2"], [(2, "v", "type")])


# -- feeds check

PACKED = {"name": "v", "type": "decimal(7,2)", "start": 1, "length": 4, "stored": "packed"}
ZONED = {**PACKED, "length": 7, "stored": "zoned"}
BYTES = {"type": "fixed_width", "positions": "bytes"}


@pytest.mark.parametrize(
    ("form", "column", "problem"),
    [
        ({"type": "fixed_width"}, ZONED, "stored: is of bytes, and needs format.positions: bytes"),
        (BYTES, PACKED, "$.format.record_length: 'v' is packed"),
        (BYTES | {"record_length": 3}, PACKED, "$.format.record_length: the last field ends at 4"),
        (
            BYTES | {"record_length": 4},
            PACKED | {"length": 3},
            "3 bytes have 5 digits",
        ),
        (BYTES, ZONED | {"length": 6}, "6 bytes have 6 digits, and decimal(7,2) has more: it takes 7 bytes"),
        (BYTES, ZONED | {"type": "string"}, "stored: is for decimal, int64, not for string"),
        (BYTES, ZONED | {"type": "float64"}, "stored: is for decimal, int64, not for float64"),
        ({"type": "csv"}, {"name": "v", "type": "int64", "stored": "zoned"}, "stored: is for fixed_width, not for csv"),
        (
            {"type": "csv", "positions": "bytes"},
            {"name": "v", "type": "int64"},
            "$.format.positions: is for fixed_width",
        ),
        (BYTES | {"encoding": "utf-16"}, ZONED, "$.format.positions: a field of utf-16 is no text by itself"),
        (BYTES | {"encoding": "iso2022_jp"}, ZONED, "$.format.positions: a field of iso2022_jp is no text"),
        (BYTES | {"encoding": "utf-7"}, ZONED, "$.format.positions: a field of utf-7 is no text"),
    ],
)
def test_what_contradicts_itself_is_refused(form: dict[str, Any], column: dict[str, Any], problem: str) -> None:
    with pytest.raises(FeedInvalidError) as caught:
        parse_feed(feed_document(format=form, checks={"columns": [column]}, transform={}))
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "cp037", "cp1141", "shift_jis", "big5", "euc_kr", "gb18030"]
)
def test_what_goes_together_is_taken(encoding: str) -> None:
    for form, column in ((BYTES, ZONED), (BYTES | {"record_length": 4}, PACKED)):
        feed = parse_feed(
            feed_document(format=form | {"encoding": encoding}, checks={"columns": [column]}, transform={})
        )
        assert feed.checks.columns[0].stored == column["stored"]
