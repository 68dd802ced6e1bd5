"""CSV with blanks before values and delimiters that end lines for nothing: refused by name, or taken and made tidy."""

import csv
import io
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lakeferry.errors import FeedInvalidError
from lakeferry.feeds import ChecksSpec, ColumnSpec, Feed, TrailerSpec, parse_feed
from tests.unit.inspecting import agree, feed_of, inspected, rejection

ALLOW: dict[str, Any] = {"trailing_delimiter": "allow"}
SKIP: dict[str, Any] = {"skip_initial_space": True}
SIZES = (1, 2, 3, 5, 64, 1 << 20)


def landed(content: bytes, feed: Feed) -> str:
    """What the raw zone has, whatever the pieces, once no row was bad."""
    result = inspected(content, feed)
    assert result.rows[1] == 0, result.bad
    for size in SIZES:
        assert inspected(content, feed, block_bytes=size).raw == result.raw
    return result.raw.decode()


# -- delimiters at the end of lines


@pytest.mark.parametrize(
    ("content", "raw"),
    [
        (b"A,B,C\n1,2,3,\n4,5,,\n6,7,8\n", "A,B,C\n1,2,3\n4,5,\n6,7,8\n"),
        (b"a,b,c,\n1,2,3\n4,5,6\n", "a,b,c\n1,2,3\n4,5,6\n"),
        (b"a,b,c,\n1,2,3,\n", "a,b,c\n1,2,3\n"),
        # as Excel writes a sheet whose columns once had something, some lines of 16 short
        (b"id,name,,,\n1,a,,,\n2,b\n3,c,,\n", "id,name\n1,a\n2,b\n3,c\n"),
        (b'a,b, ,""\n1,2,"",\n3,4,  , \n', "a,b\n1,2\n3,4\n"),
        # quoted values look like lines, and like fields
        (b'a,b\n1,"x\n7,8,,\n"\n2,"y,,",\n"3,",4,\n', 'a,b\n1,"x\n7,8,,\n"\n2,"y,,"\n"3,",4\n'),
        (b'a,b\n"1""",2,""\n', 'a,b\n"1""",2\n'),
        (b"a\n1,\n,\n2\n", 'a\n1\n""\n2\n'),
        (b"a,b\n,,\n\n1,2,\n", "a,b\n,\n1,2\n"),
        (b"a,b\r\n1,2,\r\n3,4,", "a,b\n1,2\n3,4\n"),
    ],
)
def test_what_lands_of_lines_with_a_delimiter_too_many_is_a_rectangle(content: bytes, raw: str) -> None:
    assert landed(content, feed_of("csv", **ALLOW)) == raw


def test_the_last_field_may_be_escaped_and_the_columns_declared() -> None:
    feed = feed_of(
        "csv",
        checks=ChecksSpec(columns=(ColumnSpec("a", "string"), ColumnSpec("b", "string"))),
        header=False,
        delimiter=";",
        escape="\\",
        **ALLOW,
    )
    assert landed(b"1;2;\n3;4\\;;\n5;6\\\n7;;\n", feed) == '1;2\n3;"4;"\n5;"6\n7"\n'


def test_a_field_that_has_something_beyond_the_columns_makes_a_bad_row_as_delivered() -> None:
    result = inspected(b"a,b,,\n1,2,,\n3,4,x,\n5,,,\n6\n", feed_of("csv", **ALLOW))
    assert (result.raw, result.told) == (b"a,b\n1,2\n5,\n", [(3, None, "fields"), (5, None, "fields")])
    assert result.bad[0]["raw"] == "3,4,x,"


def test_a_file_of_one_column_is_not_taken_for_one_with_another_delimiter() -> None:
    assert inspected(b"a,\n1,\n2,\n", feed_of("csv", **ALLOW)).report.notes == ()
    (note,) = inspected(b"a;b\n1;2\n", feed_of("csv", **ALLOW)).report.notes
    assert "';' would split each line into 2" in note


def test_a_header_of_blank_names_alone_names_no_column() -> None:
    assert "ends with 3 names that are blank" in rejection(b",,\n1,2,3\n", feed_of("csv", **ALLOW))


def test_a_file_whose_header_alone_has_the_delimiter_is_told_the_setting() -> None:
    (row,) = inspected(b"a,b,\n1,2\n", feed_of("csv")).bad
    assert row["rule"] == "fields"
    assert row["detail"].endswith("the header's last name is blank: format.trailing_delimiter: allow takes such lines")


def test_a_file_whose_rows_alone_have_the_delimiter_is_told_the_setting() -> None:
    first, second = inspected(b"a,b\n1,2,\n1,2,3\n", feed_of("csv")).bad
    assert first["detail"].endswith("the last of them empty: format.trailing_delimiter: allow takes such lines")
    assert second["detail"] == "has 3 fields where the header has 2"


def test_a_header_that_ends_with_blank_names_is_told_the_setting() -> None:
    message = rejection(b"id,name,,\n1,a,,\n", feed_of("csv"))
    assert "ends with 2 names that are blank" in message
    assert "set format.trailing_delimiter to allow" in message


# -- blanks before values


@pytest.mark.parametrize(
    ("content", "raw"),
    [
        (b'a,  "b"\n1, "x, y"\n  "2",\t"z"\n', 'a,"b"\n1,"x, y"\n"2","z"\n'),
        (b"a, b\n 1,  x y\n", "a,b\n1,x y\n"),
        # nothing within a quoted value changes, whatever it looks like
        (b'a,b\n1, "x,  ""y"", \n  ""z"""\n 2, ""\n', 'a,b\n1,"x,  ""y"", \n  ""z"""\n2,""\n'),
        (b'a\n  "1"\n   \n "2"\n', 'a\n"1"\n"2"\n'),
    ],
)
def test_blanks_before_values_are_no_part_of_them(content: bytes, raw: str) -> None:
    assert landed(content, feed_of("csv", **SKIP)) == raw


def test_a_blank_that_delimits_is_no_blank_before_a_value() -> None:
    assert landed(b'a\tb\n1\t\n\t "x"\n', feed_of("csv", delimiter="\t", **SKIP)) == 'a\tb\n1\t\n\t"x"\n'
    document = {
        **{"tenant": "acme", "feed": "sales", "dataset": "sales", "files": {"directory": "/out", "pattern": "*"}},
        "server": {"protocol": "ftp", "host": "files.acme.example", "username": "lake", "allow_plaintext": True},
        "format": {"type": "csv", "delimiter": " ", **SKIP},
    }
    with pytest.raises(FeedInvalidError, match=r"format.skip_initial_space: the delimiter is a blank itself"):
        parse_feed(document)


def test_blanks_after_an_escaped_delimiter_are_within_the_value() -> None:
    feed = feed_of("csv", escape="\\", **SKIP)
    assert landed(b'a,b\n1,x\\,  y\n2, "p\\", \\"q"\n', feed) == 'a,b\n1,"x,  y"\n2,"p"", ""q"\n'


def test_a_trailer_has_blanks_before_its_values_too() -> None:
    feed = feed_of("csv", trailer=TrailerSpec("TRL", 2), **SKIP, **ALLOW)
    result = inspected(b'a, "b"\n1, "2"\n "TRL", " 1"\n'.replace(b'"TRL"', b"TRL"), feed)
    assert (result.raw, result.rows) == (b'a,"b"\n1,"2"\n', (1, 0))


def test_blanks_before_a_quote_are_refused_with_the_setting() -> None:
    message = rejection(b'a,b\n1,2\n3, "x, y"\n', feed_of("csv"))
    assert "behind blanks, in line 3" in message
    assert "set format.skip_initial_space to true" in message
    assert "behind blanks" not in rejection(b'a,b\n1,x "y"\n', feed_of("csv"))


# -- against plain Python

VALUES = st.lists(st.text(alphabet=' ,;"\n\\ab', max_size=6), min_size=2, max_size=2)


@st.composite
def untidy(draw: st.DrawFn) -> str:
    """Records as a sloppy program writes them."""
    lines = ["x,y" + draw(st.sampled_from(["", ",", ",,"]))]
    for values in draw(st.lists(VALUES, max_size=6)):
        written = []
        for value in values:
            is_quoted = draw(st.booleans()) or any(sign in value for sign in '"\n,') or value != value.strip()
            text = '"' + value.replace('"', '""') + '"' if is_quoted else value
            written.append(draw(st.sampled_from(["", " ", "  "])) + text)
        lines.append(",".join(written) + draw(st.sampled_from(["", ",", ',""', ",,"])))
    return "\n".join(lines) + draw(st.sampled_from(["", "\n", "\n\n  \n"]))


@pytest.mark.slow(seconds=15)
@settings(max_examples=300, deadline=None, derandomize=True)
@example('x,y\n"\n  ", ","\n', 1)
@given(text=untidy(), block_bytes=st.sampled_from(SIZES))
def test_values_are_those_that_python_reads(text: str, block_bytes: int) -> None:
    rows = csv.reader(io.StringIO(text, newline=""), skipinitialspace=True, strict=True)
    expected = [row[:2] for row in rows if row and row != [""]]
    feed = feed_of("csv", **SKIP, **ALLOW)
    result = agree(text.encode(), feed, (1 << 20,), block_bytes)
    assert result is not None
    assert result.bad == []
    assert list(csv.reader(io.StringIO(result.raw.decode(), newline=""))) == expected
