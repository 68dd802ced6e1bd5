"""Fixed width: fields by their place in the line, as CSV."""

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakeferry.feeds import ChecksSpec, ColumnSpec, Feed
from lakeferry.formats.fixed_width import by_characters
from tests.unit.inspecting import agree, feed_of, inspected, rejection

COLUMNS = (
    ColumnSpec("id", "int64", start=1, length=4, required=True),
    ColumnSpec("name", "string", start=5, length=6),
    # the 11th character is filler
    ColumnSpec("amount", "decimal(6,2)", start=12, length=9),
)
WIDE = [(0, 4), (4, 10), (11, 20)]


def fixed(**settings: object) -> Feed:
    return feed_of("fixed_width", checks=ChecksSpec(columns=COLUMNS), **settings)


def plainly(line: str) -> list[str]:
    return [line[start:stop].strip(" ") for start, stop in WIDE]


LINES = st.tuples(
    st.integers(0, 9999).map(lambda number: f"{number:04d}"),
    st.text(st.sampled_from('ab ,"é€ñ;\t'), max_size=6).map(lambda text: f"{text:6}"),
    st.sampled_from([" ", "|", "x"]),
    st.decimals(0, 999, places=2).map(lambda number: f"{number:9}"),
    st.sampled_from(["", "  "]),
).map("".join)


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(
    st.lists(LINES, min_size=1, max_size=8),
    st.sampled_from(["\n", "\r\n", "\n\n", "\n  \r\n"]),
    st.booleans(),
    st.sampled_from(["utf-8", "utf-16", "cp1252"]),
    st.lists(st.integers(1, 30), min_size=1, max_size=3).map(tuple),
    st.integers(1, 60),
)
def test_any_file_in_any_pieces_is_cut_as_slices_of_its_lines_are(
    lines: list[str], end: str, ended: bool, encoding: str, sizes: tuple[int, ...], block_bytes: int
) -> None:
    content = (end.join(lines) + end * ended).encode(encoding)
    result = agree(content, fixed(encoding=encoding), sizes, block_bytes)

    assert result is not None
    found = list(csv.reader(io.StringIO(result.raw.decode(), newline=""), strict=True))
    assert found == [["id", "name", "amount"], *map(plainly, lines)]


def test_values_are_trimmed_and_quoted_where_csv_needs_it() -> None:
    result = inspected(b'0001 a, b      1.50\n0002"x"    \n0003"x"     \n', fixed(), name="a.txt")
    assert result.name == "a.csv"
    assert result.lines == ["id,name,amount", '0001,"a, b",1.50', '0003,"""x""",']


def test_bad_rows_are_set_apart_with_their_line() -> None:
    lines = ["0001 apple     1.50", "", "xxxx pear      2.50", "     plum      3.505", "0004", "0005 fig       9.99"]
    result = inspected("\n".join(lines).encode(), fixed())
    assert result.lines == ["id,name,amount", "0001,apple,1.50", "0005,fig,9.99"]
    assert result.told == [(3, "id", "type"), (4, "id", "required"), (5, None, "fields")]
    assert [row["record"] for row in result.bad] == [2, 3, 4]
    assert result.bad[2]["raw"] == "0004"
    assert result.bad[2]["detail"] == "is 4 characters long, where the last field is from 12 to 20"


def test_blanks_that_were_cut_off_at_the_end_of_a_line_are_fine() -> None:
    assert inspected(b"0001 a     1\n0002 b     \n", fixed()).told == [(2, None, "fields")]


def test_text_beyond_the_last_field_is_not_lost_silently() -> None:
    result = inspected(b"0001 a          1.50  \n0002 a          1.507\n", fixed())
    assert result.told == [(2, None, "fields")]
    assert inspected(b"0001 a          1.50 filler\n", fixed(record_length=27)).rows == (1, 0)


def test_with_a_record_length_every_line_has_it() -> None:
    line = "0001 a          1.50"
    result = inspected(f"{line}\n{line} \n{line[:-1]}\n{line}\n".encode(), fixed(record_length=20))
    assert result.rows == (2, 2)
    assert result.bad[0]["detail"] == "is 21 characters long, where format.record_length is 20"


def test_lines_before_the_first_record_are_skipped() -> None:
    result = inspected(b"HEADER\n\n0001 a          1.50\n", fixed(skip_lines=2), block_bytes=3)
    assert result.lines == ["id,name,amount", "0001,a,1.50"]


def test_one_empty_value_is_no_blank_line() -> None:
    feed = feed_of("fixed_width", checks=ChecksSpec(columns=(ColumnSpec("a", "string", start=3, length=2),)))
    assert inspected(b"xx  \nxx1\n", feed).lines == ["a", '""', "1"]


@pytest.mark.parametrize("size", [1, 1000])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "it is empty"),
        (
            b"0001 a          1.50\n0002 b",
            "it is truncated: line 2, the last, has no line end and is 6 characters long",
        ),
        (b"0001 \xfc          1.50\n", "it is not utf-8 text (invalid start byte), in or after line 1"),
        (b"0001 a          1.50\n0002 \x00          1.50\n", "line 2 has a NUL character"),
        ("0001 a          1.50\n".encode("utf-16-le"), "it is no text of a table but UTF-16 without its mark"),
    ],
)
def test_a_file_that_cannot_be_one_is_rejected(content: bytes, message: str, size: int) -> None:
    assert message in rejection(content, fixed(), sizes=(size,))


def test_a_line_without_an_end_is_rejected_before_memory_runs_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(by_characters, "MAX_LINE_BYTES", 1000)
    message = rejection(b"0001 a          1.50\n" + b"x" * 5000, fixed(), block_bytes=100)
    assert "line 2 is longer than 1000 bytes" in message


# -- without line ends


@settings(max_examples=100, deadline=None)
@given(
    st.lists(LINES, min_size=1, max_size=8),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp037", "cp1252"]),
    st.booleans(),
    st.lists(st.integers(1, 30), min_size=1, max_size=3).map(tuple),
    st.integers(1, 60),
)
def test_records_without_line_ends_are_those_of_their_length(
    lines: list[str], encoding: str, ended: bool, sizes: tuple[int, ...], block_bytes: int
) -> None:
    records = [f"{line:22}" if encoding != "cp037" else f"{line:22}".replace("€", "e") for line in lines]
    content = ("".join(records) + "\n" * ended).encode(encoding)
    form = fixed(encoding=encoding, record_length=22, line_ends=False)

    result = agree(content, form, sizes, block_bytes)

    assert result is not None
    found = list(csv.reader(io.StringIO(result.raw.decode(), newline=""), strict=True))
    assert found == [["id", "name", "amount"], *map(plainly, records)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (f"{'0001 a':20}{'0002 b':19}\n{'0003 c':20}", "record 2 has a line end in it"),
        (f"{'0001 a':20}{'0002 b':17}", "it is truncated: line 2, the last, has no line end and is 17 characters long"),
        ("", "it is empty"),
    ],
)
def test_records_without_line_ends_that_are_not_as_long_reject_the_file(content: str, message: str) -> None:
    assert message in rejection(content.encode(), fixed(record_length=20, line_ends=False))


def test_a_bad_record_without_line_ends_is_set_apart() -> None:
    content = f"{'0001 a':11}{'1.50':9}{'x2   b':11}{'2.50':9}"
    result = inspected(content.encode(), fixed(record_length=20, line_ends=False))

    assert result.rows == (1, 1)
    assert (result.bad[0]["record"], result.bad[0]["column"]) == (2, "id")
