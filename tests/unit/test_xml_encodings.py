"""Which encoding an XML document is of: the feed's word, its mark, its declaration; a clash is named."""

import codecs

import pytest

from tests.unit.inspecting import feed_of, inspected, rejection

BODY = "<orders>\n<order>ü€</order></orders>"
LANDED = '{"_VALUE":"ü€"}\n'.encode()
SIZES = (1, 3, 1 << 20)


def document(declared: str | None, body: str = BODY) -> str:
    return body if declared is None else f"<?xml version='1.0' encoding='{declared}'?>{body}"


def landed(content: bytes, encoding: str = "") -> bytes:
    feed = feed_of("xml", records="orders/order", encoding=encoding)
    (raw,) = {inspected(content, feed, sizes=(size,)).raw for size in SIZES}
    return raw


def refused(content: bytes, encoding: str = "") -> str:
    feed = feed_of("xml", records="orders/order", encoding=encoding)
    (message,) = {rejection(content, feed, sizes=(size,)) for size in SIZES}
    return message


@pytest.mark.parametrize(
    ("declared", "real", "given"),
    [
        # as .NET writes a string: UTF-8 that declares UTF-16
        ("utf-16", "utf-8", "utf-8"),
        ("utf-8", "cp1252", "cp1252"),
        ("windows-1252", "utf-8", "utf-8"),
        ("klingon", "utf-8", "utf-8"),
        ("utf-8", "utf-16", "utf-16"),
        ("utf-8", "cp1140", "cp1140"),
        (None, "cp1252", "cp1252"),
    ],
)
def test_what_the_feed_says_wins_over_the_declaration(declared: str | None, real: str, given: str) -> None:
    body = BODY if real != "cp1140" else BODY.replace("\n", "")
    assert landed(document(declared, body).encode(real), given) == LANDED


@pytest.mark.parametrize(
    ("declared", "real"),
    [
        ("utf-8", "utf-8"),
        ("UTF8", "utf-8-sig"),
        (None, "utf-8"),
        (None, "utf-8-sig"),
        ("windows-1252", "cp1252"),
        ("iso-8859-15", "iso-8859-15"),
        ("utf-16", "utf-16"),
        ("ISO-10646-UCS-2", "utf-16"),
        (None, "utf-16"),
        ("utf-16", "utf-16-be"),
        (None, "utf-16-le"),
        (None, "utf-32"),
        ("utf-32", "utf-32-be"),
        ("gb18030", "gb18030"),
        ("ibm1140", "cp1140"),
    ],
)
def test_where_the_feed_says_nothing_mark_and_declaration_do(declared: str | None, real: str) -> None:
    body = BODY if real != "cp1140" else BODY.replace("\n", "")
    assert landed(document(declared, body).encode(real)) == LANDED


@pytest.mark.parametrize(
    ("content", "what", "remedy"),
    [
        (document("utf-16").encode(), "it declares the encoding 'utf-16', and begins as text of 8 bits", "utf-8"),
        (document("cp037").encode(), "it declares the encoding 'cp037', and begins as text of 8 bits", "utf-8"),
        (document("utf-8").encode("utf-16"), "'utf-8', and begins with the mark of UTF-16", "utf-16"),
        # expat would follow the declaration, and garble it
        (codecs.BOM_UTF8 + document("windows-1252").encode(), "and begins with the mark of UTF-8", "utf-8"),
        (document("utf-8").encode("utf-16-le"), "'utf-8', and begins as UTF-16-LE does", "utf-16-le"),
        (document("utf-8", "<orders/>").encode("cp037"), "'utf-8', and begins as EBCDIC does", "cp037"),
    ],
)
def test_a_clash_of_mark_and_declaration_is_named_with_what_helps(content: bytes, what: str, remedy: str) -> None:
    message = refused(content)
    assert what in message
    assert f"Set format.encoding to {remedy}" in message
    assert "it wins over the declaration" in message


@pytest.mark.parametrize("declared", ["klingon", "hex", "idna", "unicode_escape", "a\0b", "x" * 300, ""])
def test_a_declaration_that_names_no_encoding_of_text_is_refused_by_name(declared: str) -> None:
    message = refused(document(declared, "<orders/>").encode())
    assert f"it declares the encoding {declared!r}, which is not known here" in message


def test_ebcdic_that_does_not_declare_which_is_refused() -> None:
    assert "it is EBCDIC and does not declare which" in refused("<?xml version='1.0'?><orders/>".encode("cp037"))


def test_a_mark_that_is_not_of_the_feeds_encoding_is_named() -> None:
    message = refused(document("utf-16").encode("utf-16"), "utf-8")
    assert "it begins with the mark of UTF-16, and format.encoding is utf-8" in message
    assert message.endswith("Set format.encoding to utf-16, or leave it out.")


@pytest.mark.parametrize(
    ("content", "encoding", "said"),
    [
        (document("utf-8").encode("cp1252"), "", "it is not utf-8 text (invalid start byte), in line 2"),
        (document("windows-1252").encode("cp1252"), "utf-8", "it is not utf-8 text (invalid start byte), in line 2"),
        (document(None, "<orders>\n<order>\x81</order></orders>").encode("latin-1"), "cp1252", "it is not cp1252 text"),
        (document("gb18030", "<orders>\n\n\xff</orders>").encode("latin-1"), "", "it is not gb18030 text"),
        (document(None).encode("utf-16")[:-1], "", "it is not utf-16 text (truncated data)"),
        (b"<orders>\n<order>\xed\xa0\x80</order></orders>", "", "it is not utf-8 text"),
    ],
)
def test_bytes_that_are_not_of_the_encoding_are_refused_by_name_and_line(
    content: bytes, encoding: str, said: str
) -> None:
    message = refused(content, encoding)
    assert said in message
    assert "in line " in message
    assert message.endswith("Set format.encoding to what the partner writes.")
