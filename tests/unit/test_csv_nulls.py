r"""Spellings of "no value" with the escape in them: `\N`, as MySQL and ClickHouse write it."""

import csv
import io
import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lakeferry.feeds import ChecksSpec, ColumnSpec
from tests.unit.inspecting import agree, feed_of, inspected

MYSQL = feed_of("csv", delimiter=";", escape="\\", null_values=("\\N",))
TEXTS = st.one_of(st.none(), st.text('aN\\;",\n', min_size=1, max_size=5).filter(str.strip))


def test_a_null_of_mysql_is_no_value() -> None:
    feed = feed_of(
        "csv",
        delimiter="\t",
        escape="\\",
        null_values=("\\N",),
        checks=ChecksSpec(columns=(ColumnSpec("qty", "int64"), ColumnSpec("name", "string", required=True))),
    )
    result = inspected(b"id\tname\tqty\n1\t\\N\t5\n2\tBen\t\\N\n", feed)
    assert result.lines == ["id\tname\tqty", "2\tBen\t"]
    assert [(row["line"], row["rule"], row["raw"]) for row in result.bad] == [(2, "required", "1\t\\N\t5")]


@pytest.mark.parametrize(
    ("written", "landed"),
    [
        (r"\N", ""),
        (r'"\N"', ""),
        (r"\\N", r"\N"),
        (r"N", "N"),
        (r"x\N", "xN"),
        (r"\Nx", "Nx"),
        (r"\N\N", "NN"),
        ("\\;\\N", '";N"'),
        ('"a;\\N;b"', '"a;N;b"'),
        ('"a\n\\N\nb"', '"a\nN\nb"'),
        (r'"a""\N"', '"a""N"'),
    ],
)
def test_only_a_whole_value_is_no_value(written: str, landed: str) -> None:
    result = inspected(f"a;b;c\n1;{written};2\n{written};1;2\n1;2;{written}\n".encode(), MYSQL)
    assert result.raw.decode() == f"a;b;c\n1;{landed};2\n{landed};1;2\n1;2;{landed}\n"


@pytest.mark.parametrize(
    ("written", "value"),
    [
        (r"a\tb", "a\tb"),
        (r"a\nb", "a\nb"),
        (r"a\r\nb\r\n", "a\nb\n"),
        (r"a\rb", "a\nb"),
        (r"\b\f\v", "\b\f\v"),
        (r"C:\\new\\temp", r"C:\new\temp"),
        (r"\\\n", "\\\n"),
        (r"\\\\n", r"\\n"),
        (r'"a;\n\"b\""', 'a;\n"b"'),
        (r"\a\.\x", "a.x"),
    ],
)
@pytest.mark.parametrize("sizes", [(1,), (1 << 20,)])
def test_letters_behind_a_backslash_are_the_characters_they_stand_for(
    written: str, value: str, sizes: tuple[int, ...]
) -> None:
    content = f"a;b;c\n1;{written};2\n\\N;{written};{written}\n".encode()
    result = inspected(content, MYSQL, sizes=sizes, block_bytes=40)
    assert result.rows == (2, 0)
    landed = list(csv.reader(io.StringIO(result.raw.decode(), newline=""), delimiter=";"))
    assert landed[1:] == [["1", value, "2"], ["", value, value]]


def test_another_escape_stands_before_letters_that_are_themselves() -> None:
    feed = feed_of("csv", escape="^")
    assert inspected(rb"a,b" + b"\n" + rb"x^ty,C:\new" + b"\n", feed).lines == ["a,b", r"xty,C:\new"]


def test_a_file_of_one_column_keeps_its_rows_without_a_value() -> None:
    assert inspected(b"a\n\\N\nx\n", MYSQL).raw == b'a\n""\nx\n'


def escaped(value: str | None) -> str:
    return "\\N" if value is None else re.sub(r'([\\;"\n])', r"\\\1", value)


@given(
    st.lists(st.tuples(TEXTS, TEXTS), max_size=6),
    st.booleans(),
    st.lists(st.integers(1, 9), min_size=1, max_size=3),
    st.integers(1, 40),
)
@example([(None, "N"), ("\\N", None)], False, [1], 1)
@example([(None, "N\n"), (None, None)], False, [1], 1)
@settings(max_examples=150)
def test_what_was_no_value_is_none_and_what_was_text_is_that_text(
    rows: list[tuple[str | None, str | None]], is_quoted: bool, sizes: list[int], block_bytes: int
) -> None:
    lines = ["a;b"]
    for row in rows:
        texts = map(escaped, row)
        lines.append(";".join(f'"{text}"' if is_quoted and text != "\\N" else text for text in texts))
    result = agree("\n".join([*lines, ""]).encode(), MYSQL, tuple(sizes), block_bytes)
    assert result is not None
    assert result.bad == []
    (_, *landed) = csv.reader(io.StringIO(result.raw.decode(), newline=""), delimiter=";")
    assert landed == [[value or "" for value in row] for row in rows]
