"""What columns are called in tables: by their letters, whatever the script, and never by their place."""

import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakeferry.errors import FeedInvalidError
from lakeferry.feeds import ChecksSpec, ColumnSpec, HeaderSpec, parse_feed
from lakeferry.feeds.columns import MAX_NAME_BYTES, RESERVED, UNNAMED, colliding, folded_name, table_name
from lakeferry.formats import header
from tests.conftest import feed_document
from tests.unit.inspecting import feed_of, inspected, rejection

NAMES = st.one_of(st.text(max_size=8), st.text("aÄßİıſςσΣ商हि٣_-. $\n", max_size=8))


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Order ID", "order_id"),
        (" amount ", "amount"),
        ("Amount (EUR)", "amount_eur"),
        ("Größe", "größe"),
        ("商品", "商品"),
        ("Товар", "товар"),
        ("हिन्दी", "हिन्दी"),
        ("Gro\u0308ße", "größe"),
        ("dt", "source_dt"),
        ("_Run ID", "source_run_id"),
        ("", UNNAMED),
        ("$", "column_09fc96082d34"[:15]),
    ],
)
def test_a_name_keeps_its_letters_and_digits(title: str, name: str) -> None:
    assert table_name(title) == name


def test_names_of_signs_alone_are_apart() -> None:
    assert len({table_name(title) for title in ("$", "€", "%", "-", "")}) == 5


def test_a_name_longer_than_the_catalog_takes_is_cut_and_still_its_own() -> None:
    one, other = ("商" * 300 + end for end in "ab")
    assert table_name(one) != table_name(other)
    assert len(table_name(one).encode()) <= MAX_NAME_BYTES


@pytest.mark.slow
@given(NAMES)
def test_a_name_is_lower_case_and_nothing_in_it_has_to_be_escaped(title: str) -> None:
    name = table_name(title)
    assert name
    assert name not in RESERVED
    assert len(name.encode()) <= 255
    assert not set(name) & set(" .,;{}()\n\t=\"`'$-")
    assert table_name(name) == name


@given(st.lists(NAMES, max_size=6, unique=True))
def test_names_collide_where_two_are_one_column_to_spark(titles: list[str]) -> None:
    together = colliding(titles)
    assert (len({folded_name(title) for title in titles}) < len(titles)) == bool(together)
    assert len({folded_name(title) for title in together}) == min(1, len(together))


@pytest.mark.parametrize(("one", "other"), [("ı", "i"), ("ς", "σ"), ("ſ", "s"), ("Qty", "Qty."), ("a b", "A-B")])
def test_what_spark_holds_for_one_name_collides(one: str, other: str) -> None:
    assert colliding([one, "x", other]) == [one, other]


# -- in files


def csv_with(names: Sequence[str]) -> bytes:
    return f"{','.join(names)}\n{','.join('1' for _ in names)}\n".encode()


def jsonl_with(names: Sequence[str]) -> bytes:
    return json.dumps(dict.fromkeys(names, "1"), ensure_ascii=False).encode() + b"\n"


@pytest.mark.parametrize("names", [("Qty", "Qty."), ("α-1", "α 1"), ("Straße", "straße ")])
def test_a_file_with_names_that_tables_have_for_one_is_rejected(names: tuple[str, str]) -> None:
    message = rejection(csv_with(names), feed_of("csv"))
    assert "are one to tables" in message or "more than once" in message
    assert "to tables" in rejection(jsonl_with(names), feed_of("jsonl"))


def test_letters_outside_of_latin_keep_columns_apart() -> None:
    names = ("Größe", "Grüße", "α1", "β1", "商品", "数量")
    assert inspected(csv_with(names), feed_of("csv")).report.columns == names
    assert set(inspected(jsonl_with(names), feed_of("jsonl")).report.columns) == set(names)


def test_a_column_that_tables_take_for_a_declared_one_is_rejected_where_that_may_be_missing() -> None:
    checks = ChecksSpec(columns=(ColumnSpec("Qty", "int64"),), header=HeaderSpec(missing="accept"))
    message = rejection(b"Qty.\nmany\n", feed_of("csv", checks=checks))
    assert "its column 'Qty.' is 'Qty' of the feed to tables" in message
    assert "'qty' to tables" in rejection(b'{"Qty.": "many"}\n', feed_of("jsonl", checks=checks))
    assert inspected(b"QTY\n1\n", feed_of("csv", checks=checks)).rows == (1, 0)


def test_a_feed_that_declares_two_columns_which_are_one_to_tables_is_refused() -> None:
    columns = [{"name": "Qty", "type": "int64"}, {"name": "Qty.", "type": "int64"}]
    with pytest.raises(FeedInvalidError, match=r"'Qty' and 'Qty\.' are one column of tables, 'qty'"):
        parse_feed(feed_document(checks={"columns": columns}, transform={}))
    with pytest.raises(FeedInvalidError, match=r"\$\.catalog\.columns: 'a b' and 'A-B' are one column of tables"):
        parse_feed(feed_document(catalog={"columns": {"a b": "one", "A-B": "other"}}))


def test_columns_of_any_script_can_be_named_in_transform() -> None:
    transform = {"protect": {"größe": "hash"}, "rename": {"商品": "product"}, "deduplicate": {"keys": ["товар"]}}
    assert parse_feed(feed_document(checks={}, transform=transform)).transform.rename == {"商品": "product"}
    with pytest.raises(FeedInvalidError, match="Größe"):
        parse_feed(feed_document(checks={}, transform={"protect": {"Größe": "hash"}}))


def test_a_line_break_in_a_name_becomes_a_blank() -> None:
    result = inspected(b'id,"Amount\r\n (EUR)"\n1,2.50\n', feed_of("csv"))
    assert result.raw == b"id,Amount (EUR)\n1,2.50\n"
    assert result.report.columns == ("id", "Amount (EUR)")


# -- limits


def test_more_columns_than_readers_bear_are_rejected() -> None:
    names = [f"c{number}" for number in range(header.MAX_COLUMNS + 1)]
    assert len(inspected(csv_with(names[:-1]), feed_of("csv")).report.columns) == header.MAX_COLUMNS
    assert f"its header names {header.MAX_COLUMNS + 1} columns" in rejection(csv_with(names), feed_of("csv"))


def test_names_too_long_for_the_ledger_are_rejected() -> None:
    names = [f"{number:04}{'x' * 400}" for number in range(700)]
    assert "700 columns in 282800 bytes" in rejection(csv_with(names), feed_of("csv"))


def test_one_long_line_is_no_header() -> None:
    message = rejection(b"x" * 200_000 + b"\n", feed_of("csv"))
    assert "its first line, 200001 bytes long, is no header" in message
