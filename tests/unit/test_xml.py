"""XML: the records at a path, as JSON; nothing that makes a small file endless."""

import json
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakeferry.feeds import ChecksSpec
from tests.unit.inspecting import agree, feed_of, inspected, rejection

ORDERS = feed_of("xml", records="/orders/order")

# -- against Python's ElementTree ------------------------------------------------------------------------------------

NAMES = st.sampled_from(["a", "b", "order", "orders", "ü"])
TEXTS = st.text(st.sampled_from("x1 <>&\"'é€𝄞\n\t]"), max_size=6)


@st.composite
def elements(draw: st.DrawFn, depth: int = 3) -> ElementTree.Element:
    found = ElementTree.Element(draw(NAMES), draw(st.dictionaries(NAMES, TEXTS, max_size=2)))
    found.text = draw(st.none() | TEXTS)
    if depth:
        found.extend(draw(st.lists(elements(depth=depth - 1), max_size=3)))
        for inner in found:
            inner.tail = draw(st.none() | TEXTS)
    return found


def mapped(element: ElementTree.Element, *, record: bool = False) -> Any:
    """The mapping of docs/formats-and-checks.md, plainly."""
    found: dict[str, Any] = {"_" + name: value for name, value in element.attrib.items()}
    for inner in element:
        value = mapped(inner)
        if inner.tag in found:
            before = found[inner.tag]
            found[inner.tag] = [*(before if isinstance(before, list) else [before]), value]
        else:
            found[inner.tag] = value
    text = ((element.text or "") + "".join(inner.tail or "" for inner in element)).strip(" \t\r\n")
    if not found and not record:
        return text
    return {**found, "_VALUE": text} if text else found


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(
    st.lists(elements(), max_size=5),
    st.sampled_from(["utf-8", "utf-16", "iso-8859-1"]),
    st.lists(st.integers(1, 40), min_size=1, max_size=3).map(tuple),
)
def test_any_document_in_any_pieces_is_read_as_pythons_element_tree_reads_it(
    found: list[ElementTree.Element], encoding: str, sizes: tuple[int, ...]
) -> None:
    root = ElementTree.Element("orders")
    root.extend(found)
    text = ElementTree.tostring(root, encoding)
    expected = [mapped(item, record=True) for item in ElementTree.fromstring(text) if item.tag == "order"]
    result = agree(text, ORDERS, sizes, 1)

    assert result is not None
    assert [json.loads(line) for line in result.raw.split(b"\n")[:-1]] == expected


def mapped_one(content: str) -> Any:
    return json.loads(inspected(f"<orders>{content}</orders>".encode(), ORDERS).raw)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("<order id='1'><sku>a</sku><qty> 2 </qty></order>", {"_id": "1", "sku": "a", "qty": "2"}),
        ("<order><sku>a</sku><sku>b</sku><sku/></order>", {"sku": ["a", "b", ""]}),
        ("<order><price currency='EUR'>1.10</price></order>", {"price": {"_currency": "EUR", "_VALUE": "1.10"}}),
        ("<order><to><city>X</city></to></order>", {"to": {"city": "X"}}),
        ("<order><a/></order>", {"a": ""}),
        ("<order/>", {}),
        ("<order>text</order>", {"_VALUE": "text"}),
        ("<order><![CDATA[<a>&]]></order>", {"_VALUE": "<a>&"}),
        ("<order>a<!-- no --><?no?>b</order>", {"_VALUE": "ab"}),
        ("<order>&lt;&amp;&#228;</order>", {"_VALUE": "<&ä"}),
        ("<x:order xmlns:x='urn:x'><x:a x:b='1'>2</x:a></x:order>", {"a": {"_b": "1", "_VALUE": "2"}}),
        (
            "<order xmlns:i='http://www.w3.org/2001/XMLSchema-instance'><a i:nil='true'/><b i:nil='0'>1</b></order>",
            {"a": None, "b": "1"},
        ),
    ],
)
def test_elements_become_the_fields_that_sparks_xml_reader_has(content: str, expected: Any) -> None:
    assert mapped_one(content) == expected


def test_a_list_within_a_list_stays_flat_and_nothing_is_lost() -> None:
    assert mapped_one("<order><a><b>1</b><b>2</b></a><a><b>3</b></a></order>") == {"a": [{"b": ["1", "2"]}, {"b": "3"}]}


def test_only_elements_at_the_path_are_records() -> None:
    content = b"<r><head><item>0</item></head><items><item>1</item><x><item>9</item></x></items><item>8</item></r>"
    assert inspected(content, feed_of("xml", records="r/items/item")).lines == ['{"_VALUE":"1"}']
    assert inspected(content, feed_of("xml", records="/r/*/item")).lines == ['{"_VALUE":"0"}', '{"_VALUE":"1"}']
    assert inspected(content, feed_of("xml", records="r/none")).rows == (0, 0)


def test_a_record_may_be_the_root() -> None:
    assert inspected(b"<r><a>1</a></r>", feed_of("xml", records="/r"), name="x.xml").raw == b'{"a":"1"}\n'


def test_bad_records_have_the_line_of_their_start_tag() -> None:
    schema = ChecksSpec(json_schema={"properties": {"qty": {"pattern": "^[0-9]+$"}}})
    content = b"<orders>\n<order><qty>1</qty></order>\n<order>\n<qty>x</qty></order>\n</orders>"
    result = inspected(content, feed_of("xml", records="/orders/order", checks=schema))
    assert result.lines == ['{"qty":"1"}']
    assert result.told == [(3, "qty", "schema")]
    assert result.bad[0]["raw"] == '{"qty":"x"}'


# -- what is never taken ---------------------------------------------------------------------------------------------

LAUGHS = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12))


@pytest.mark.parametrize(
    "content",
    [
        f'<!DOCTYPE orders [<!ENTITY a0 "ha">{LAUGHS}]><orders><order>&a11;</order></orders>',
        "<!DOCTYPE orders [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><orders><order>&x;</order></orders>",
        "<!DOCTYPE orders SYSTEM 'http://127.0.0.1/x.dtd'><orders/>",
        "<!DOCTYPE orders [<!ENTITY % x SYSTEM 'file:///etc/passwd'>%x;]><orders/>",
    ],
    ids=["billion laughs", "external entity", "external DTD", "parameter entity"],
)
def test_a_document_with_a_dtd_is_rejected(content: str) -> None:
    message = rejection(content.encode(), ORDERS)
    assert "it has a DOCTYPE, which is never taken" in message
    assert "in line 1" in message


def test_an_entity_that_is_not_declared_is_not_well_formed() -> None:
    assert "undefined entity in line 1" in rejection(b"<orders><order>&nbsp;</order></orders>", ORDERS)


@pytest.mark.parametrize("size", [1, 1000])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "it is empty"),
        (b"  \n", "it is truncated"),
        (b"<orders>\n<order/>\n<order><a>1</a>", "it is truncated: it ends in line 3, column 16, after record 1"),
        (b"<orders><order></orders>", "it is not well-formed XML: mismatched tag in line 1, column 18, after record 0"),
        (b"<orders/><orders/>", "junk after document element"),
        (b"<!doctype html><html><body>404</body></html>", "it is an HTML page and no data"),
        (b"<html><body>404</body></html>", "its root is <html> and format.records is 'orders/order'"),
        (b'{"a":1}', "it is no XML but JSON: it begins with"),
        (b"a,b\n1,2\n", "it is not well-formed XML"),
        (b"PAR1\x15\x04", "it is no XML but Parquet"),
        (b"<orders><order>\xfc</order></orders>", "it is not utf-8 text (invalid start byte), in line 1"),
        (
            b"<orders>\n<order>a\x01</order></orders>",
            "it has the control character 0x01, which XML has none of, in line 2",
        ),
        (b"<orders>\n<order>a\0</order></orders>", "this is binary"),
        (b"<?xml version='1.0' encoding='ebcdic-xx'?><orders/>", "encoding"),
        (b"<orders><order>" + b"<a>" * 64 + b"</a>" * 64 + b"</order></orders>", "nested more than 64 levels"),
        (b"<orders>" + b"<a>" * 100 + b"</a>" * 100 + b"</orders>", "nested more than 64 levels"),
    ],
)
def test_a_file_that_is_no_such_document_is_rejected_with_what_it_is(content: bytes, message: str, size: int) -> None:
    assert message in rejection(content, ORDERS, sizes=(size,))


def test_the_records_before_the_break_are_told_whatever_the_pieces() -> None:
    content = b"<orders>" + b"<order/>" * 50 + b"<order><</orders>"
    assert {rejection(content, ORDERS, sizes=(size,)) for size in (1, 2, 3, 7, 100, 1000)} == {
        rejection(content, ORDERS)
    }


def test_the_feeds_encoding_wins_over_the_declared_one() -> None:
    content = "<?xml version='1.0' encoding='utf-8'?><orders><order>ü€</order></orders>".encode("cp1252")
    assert "it is not utf-8 text" in rejection(content, ORDERS)
    found = inspected(content, feed_of("xml", records="orders/order", encoding="cp1252"))
    assert found.raw == '{"_VALUE":"ü€"}\n'.encode()


def test_a_declared_encoding_is_followed() -> None:
    content = "<?xml version='1.0' encoding='windows-1252'?><orders><order>ü€</order></orders>".encode("cp1252")
    assert inspected(content, ORDERS).raw == '{"_VALUE":"ü€"}\n'.encode()


@pytest.mark.parametrize(
    "content",
    [
        b"<orders><order>" + b"x" * 5000 + b"</order></orders>",
        b"<orders><order>" + b"<a/>" * 2000 + b"</order></orders>",
        b"<orders><order a='" + b"x" * 5000,
        b"<orders><!-- " + b"x" * 5000,
    ],
    ids=["text", "elements", "attribute", "comment"],
)
def test_what_never_ends_is_rejected_before_memory_runs_out(content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lakeferry.formats.xml.elements.MAX_TAG_BYTES", 1000)
    monkeypatch.setattr("lakeferry.formats.xml.elements.MAX_RECORD_BYTES", 1000)
    assert "longer than 1000 bytes" in rejection(content, ORDERS, sizes=(100,))


# -- names that are the same without their prefix

XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'


def records(text: str) -> list[Any]:
    result = inspected(f"<orders {XSI}>{text}</orders>".encode(), ORDERS)
    assert result.bad == []
    return [json.loads(line) for line in result.lines]


def test_an_attribute_keeps_its_prefix_beside_one_of_the_same_name() -> None:
    found = records('<order type="a" xsi:type="b"/><order xsi:type="c"/><order type="d"/>')
    assert found == [{"_type": "a", "_xsi:type": "b"}, {"_xsi:type": "c"}, {"_type": "d"}]
    assert records('<order xsi:type="b" type="a"/>') == [{"_type": "a", "_xsi:type": "b"}]


def test_an_attribute_with_a_prefix_alone_needs_none() -> None:
    assert records('<order xsi:type="a"><p type="b"/></order>') == [{"_type": "a", "p": {"_type": "b"}}]


def test_one_attribute_never_stands_for_another_in_later_records() -> None:
    text = f'<orders {XSI}><order xsi:type="a"/><order type="b"/></orders>'
    assert "its <order> has the attribute 'type' with a prefix and, in another place, without it" in rejection(
        text.encode(), ORDERS
    )


def test_prefixes_that_are_reused_do_not_put_one_value_over_another() -> None:
    text = (
        '<orders><order type="1" xmlns:x="urn:1" x:type="2"><p xmlns:x="urn:2" type="3" x:type="4"/></order></orders>'
    )
    (line,) = inspected(text.encode(), ORDERS).lines
    assert json.loads(line) == {"_type": "1", "_x:type": "2", "p": {"_type": "3", "_x:type": "4"}}
    both = '<orders xmlns:x="urn:1"><o xmlns:x="urn:2"/><order t="1" xmlns:y="urn:2" x:t="2" y:t="3"/></orders>'
    assert "its <order> has two attributes that are 'x:t'" in rejection(both.encode(), ORDERS)


def test_text_and_what_is_called_like_it_are_both_kept() -> None:
    found = records('<order VALUE="a">b<p VALUE="c">d</p></order><order id="1"><_id>2</_id></order>')
    assert found == [{"_VALUE": ["a", "b"], "p": {"_VALUE": ["c", "d"]}}, {"_id": ["1", "2"]}]


def test_nil_does_not_hide_a_text() -> None:
    assert records('<order><p xsi:nil="true">a</p><q xsi:nil="true"/></order>') == [{"p": "a", "q": None}]
    assert records('<order xsi:nil="true">a</order>') == [{"_VALUE": "a"}]


@pytest.mark.slow
def test_attributes_without_an_end_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lakeferry.formats.xml.elements.MAX_ATTRIBUTES", 2)
    text = b'<orders><order><p a="1"/><p b="1"/><p c="1"/></order></orders>'
    assert "more than 2 different attributes" in rejection(text, ORDERS)
