"""EBCDIC as mainframes write it: code pages with the euro, and lines that end with NEL."""

import codecs

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakeferry.encodings import is_ebcdic
from lakeferry.errors import FeedInvalidError
from lakeferry.feeds import ChecksSpec, ColumnSpec, parse_feed
from tests.conftest import feed_document
from tests.unit.inspecting import agree, feed_of, inspected, rejection

EURO = [f"cp{number}" for number in range(1140, 1150)]
ALL = bytes(range(256))
COLUMNS = ChecksSpec(
    columns=(ColumnSpec("id", "int64", start=1, length=2), ColumnSpec("n", "string", start=3, length=2))
)


@pytest.mark.parametrize("encoding", EURO)
def test_a_code_page_has_each_letter_once_and_the_euro(encoding: str) -> None:
    text = ALL.decode(encoding)
    assert sorted(text) == sorted({*ALL.decode("latin-1").replace("¤", "€")})
    assert text.encode(encoding) == ALL
    assert "".join(map(codecs.getincrementaldecoder(encoding)().decode, (ALL[:7], ALL[7:]))) == text
    assert is_ebcdic(encoding)


def test_the_german_one_is_pythons_cp273_with_the_euro() -> None:
    for name in ("1141", "IBM-1141", "ibm01141"):
        assert codecs.lookup(name).name == "cp1141"
    assert ALL.decode("cp1141") == ALL.decode("cp273").replace("¤", "€").replace("‾", "¯")
    assert ALL.decode("cp1148") == ALL.decode("cp500").replace("¤", "€")


@pytest.mark.parametrize(
    ("encoding", "letters", "octets"),
    [
        ("cp1142", "æøåÆØÅ", "c06ad07b7c5b"),
        ("cp1143", "äöåÄÖÅ", "c06ad07b7c5b"),
        ("cp1144", "àèìòù", "c0d0a16a79"),
        ("cp1145", "ñÑ", "6a7b"),
        ("cp1146", "£$", "5b4a"),
        ("cp1147", "éèàç", "c0d07ce0"),
        ("cp1149", "þæöð", "c0d0a179"),
    ],
)
def test_letters_of_the_countries_stand_where_their_keyboards_have_them(
    encoding: str, letters: str, octets: str
) -> None:
    assert letters.encode(encoding).hex() == octets


def test_unix_on_the_mainframe_has_its_brackets_in_places_of_its_own() -> None:
    assert "[]^¬Ý¨".encode("cp1047").hex() == "adbd5fb0babb"
    assert sorted(ALL.decode("cp1047")) == sorted(ALL.decode("latin-1"))
    feed = feed_of("csv", encoding="cp1047")
    assert inspected("id,n\x851,[x]\x85".encode("cp1047"), feed).lines == ["id,n", "1,[x]"]


@pytest.mark.parametrize("name", ["IBM01140", "ibm-1140", "CCSID1140", "ebcdic-cp-1140"])
def test_a_code_page_of_pythons_has_its_other_names(name: str) -> None:
    assert parse_feed(feed_document(format={"type": "csv", "encoding": name})).format.encoding == name
    assert ALL.decode(name) == ALL.decode("cp1140")


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "utf-16", "iso8859-15"])
@pytest.mark.parametrize("form", ["csv", "fixed_width"])
def test_lines_that_a_program_has_converted_with_their_ends_are_told(encoding: str, form: str) -> None:
    text = "01,a\x8502,b\x85".encode(encoding)
    feed = feed_of(form, encoding=encoding, checks=COLUMNS if form == "fixed_width" else None)
    message = rejection(text, feed)
    assert "its lines end with NEL (U+0085), as EBCDIC's do" in message
    assert "Ask the partner for LF" in message
    # within a value it is a character
    assert inspected("id,n\n1,a\x85b\n".encode(encoding), feed_of("csv", encoding=encoding)).rows == (1, 0)


def test_a_code_page_that_is_not_known_is_refused_with_the_nearest_that_is() -> None:
    with pytest.raises(
        FeedInvalidError, match=r"'cp277' is not an encoding of text Python knows; cp1142 is the same but for"
    ):
        parse_feed(feed_document(format={"type": "csv", "encoding": "cp277"}))
    with pytest.raises(FeedInvalidError, match=r"'cp9999' is not an encoding of text Python knows\. "):
        parse_feed(feed_document(format={"type": "csv", "encoding": "cp9999"}))


@pytest.mark.parametrize("encoding", ["latin-1", "utf-8", "utf-16", "ascii", "cp1252", "shift_jis", "utf-7"])
def test_other_encodings_are_no_ebcdic(encoding: str) -> None:
    assert not is_ebcdic(encoding)


# -- line ends


@settings(deadline=None)
@pytest.mark.parametrize("encoding", ["cp037", "cp500", "cp273", "cp1140", "cp1141", "cp1149"])
@given(
    st.lists(st.integers(0, 99), min_size=1, max_size=5),
    st.sampled_from([b"\x15", b"\x25", b"\x0d\x25", b"\x0d\x15"]),
    st.lists(st.integers(1, 9), min_size=1, max_size=3),
)
def test_lines_that_end_with_nel_are_rows(encoding: str, numbers: list[int], end: bytes, sizes: list[int]) -> None:
    lines = [*map(str, numbers), ""]
    csv = agree(
        end.join(line.encode(encoding) for line in ["n", *lines]), feed_of("csv", encoding=encoding), tuple(sizes), 8
    )
    assert csv is not None
    assert csv.lines == ["n", *map(str, numbers)]
    wide = [f"{number:2}é " for number in numbers]
    fixed = feed_of("fixed_width", encoding=encoding, checks=COLUMNS)
    result = agree(b"".join(line.encode(encoding) + end for line in wide), fixed, tuple(sizes), 8)
    assert result is not None
    assert result.lines == ["id,n", *(f"{number},é" for number in numbers)]


def test_nel_stays_a_character_of_other_encodings() -> None:
    assert inspected(b"n\na\x85b\n", feed_of("csv", encoding="latin-1")).raw == "n\na\x85b\n".encode()


def test_nel_among_records_without_line_ends_is_told() -> None:
    feed = feed_of("fixed_width", encoding="cp037", checks=COLUMNS, record_length=4, line_ends=False)
    content = b"\x15".join(text.encode("cp037") for text in ("12ab", "34cd", ""))
    assert "record 2 has a line end in it" in rejection(content, feed)
