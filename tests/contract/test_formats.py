"""The card of each format holds: in schema and feed document, readers and Glue job, documents and examples."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

import rawfiles
from benchmarks import formats as benchmark
from lakeferry import formats
from lakeferry.checks import BadRows
from lakeferry.errors import FeedInvalidError
from lakeferry.feeds import Feed, FormatSpec, parse_feed
from lakeferry.feeds.files import stem_of
from lakeferry.formats import CARDS, Card, RawKind, raw_form, raw_name
from lakeferry.formats.reading import Reading, reader_of
from tests.conftest import feed_document
from tests.unit.inspecting import agree, rejection

ROOT = Path(__file__).parent.parent.parent
SCHEMA = json.loads((ROOT / "functions/lakeferry/feed_schema.json").read_text("utf-8"))["properties"]["format"]
SETTINGS = [each.name for each in fields(FormatSpec) if each.name != "type"]
SAMPLES: dict[str, Any] = {
    "delimiter": ";",
    "quote": "'",
    "header": True,
    "encoding": "latin-1",
    "escape": "\\",
    "skip_lines": 1,
    "comment": "#",
    "trailer": {"starts_with": "T"},
    "skip_initial_space": True,
    "trailing_delimiter": "allow",
    "null_values": ["NA"],
    "decimal": ",",
    "thousands": "'",
    "negative": "trailing",
    "records": "a/b",
    "sheet": "One",
    "positions": "bytes",
    "record_length": 3,
    "line_ends": True,
}
COLUMNS: list[dict[str, Any]] = [{"name": "id", "type": "int64"}, {"name": "note", "type": "string"}]
PLACES = [{"start": 1, "length": 2}, {"start": 3, "length": 1}]

of_each_card = pytest.mark.parametrize("card", CARDS.values(), ids=CARDS)


def feed_of(card: Card, **given_settings: Any) -> Feed:
    """The least that a feed of the format says, and two columns."""
    form = {"type": card.name, **{setting: SAMPLES[setting] for setting in card.needs}, **given_settings}
    columns = [{**column, **place} for column, place in zip(COLUMNS, PLACES, strict=True)]
    return parse_feed(
        feed_document(
            format=form,
            checks={"columns": columns if card.has_places else COLUMNS, "bad_rows": {"max_ratio": 1}},
            transform={},
        )
    )


def test_the_schema_has_each_format_and_each_setting() -> None:
    assert sorted(SCHEMA["properties"]["type"]["enum"]) == sorted(CARDS)
    assert set(SCHEMA["properties"]) == {"type", *SETTINGS} == {"type", *SAMPLES}
    assert {setting for card in CARDS.values() for setting in card.settings} == set(SETTINGS)


@of_each_card
@pytest.mark.parametrize("setting", SETTINGS)
def test_a_format_takes_its_settings_and_refuses_others_by_name(card: Card, setting: str) -> None:
    if setting in card.settings:
        found = getattr(feed_of(card, **{setting: SAMPLES[setting]}).format, setting)
        assert found not in (None, (), False)
        return
    takers = sorted(other.name for other in CARDS.values() if setting in other.settings)
    with pytest.raises(FeedInvalidError) as caught:
        feed_of(card, **{setting: SAMPLES[setting]})
    assert f"$.format.{setting}: is for {', '.join(takers)}, not for {card.name}" in str(caught.value)


@of_each_card
def test_what_a_format_needs_is_asked_for(card: Card) -> None:
    assert set(card.needs) <= card.settings
    for setting, what in card.needs.items():
        with pytest.raises(FeedInvalidError, match=re.escape(f"$.format.{setting}: {card.title} needs {what}")):
            parse_feed(feed_document(format={"type": card.name}, checks={}, transform={}))


def imported(statement: str) -> set[str]:
    """The modules that are there after a statement, in a process of its own."""
    code = f"import sys; {statement}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_a_feed_document_is_read_without_any_reader() -> None:
    found = imported("import lakeferry.feeds")
    assert not {"pyarrow", "msgspec", "jsonschema_rs", "pyexpat"} & found
    assert {name for name in found if name.startswith("lakeferry.formats")} == {
        "lakeferry.formats",
        "lakeferry.formats.cards",
        "lakeferry.formats.raw",
    }


def test_cards_import_nothing_of_the_project() -> None:
    text = (ROOT / "functions/lakeferry/formats/cards.py").read_text("utf-8")
    assert set(re.findall(r"^(?:from|import) (\S+)", text, re.MULTILINE)) == {
        "collections.abc",
        "dataclasses",
        "typing",
    }


@of_each_card
def test_a_reader_imports_no_library_of_another_format(card: Card) -> None:
    module = card.reader.partition(":")[0]
    own = ({"msgspec", "jsonschema_rs"} if card.has_objects else set()) | (
        {"pyexpat"} if card.is_zip or card.name == "xml" else set()
    )
    assert {"msgspec", "jsonschema_rs", "pyexpat"} & imported(f"import lakeferry.formats.{module}") == own


@of_each_card
def test_a_card_opens_its_reader(card: Card) -> None:
    written: list[bytes | memoryview] = []
    feed = feed_of(card)
    reader = reader_of(Reading(feed, "a", written.append, BadRows("a", feed.checks.bad_rows, written.append)))
    assert type(reader).__name__ == card.reader.partition(":")[2]
    assert (reader.rows_read, reader.rows_rejected, reader.promised_rows, reader.notes) == (0, 0, None, [])
    assert written == []


def test_each_reader_in_the_room_has_a_card() -> None:
    room = Path(str(formats.__file__)).parent
    found = {
        f"{'.'.join(path.relative_to(room).with_suffix('').parts)}:{name}"
        for path in room.rglob("*.py")
        for name in re.findall(r"^class (\w+Reader)\b", path.read_text("utf-8"), re.MULTILINE)
    }
    assert found == {card.reader for card in CARDS.values()}


@of_each_card
def test_an_empty_file_is_told(card: Card) -> None:
    assert "it is empty" in rejection(b"", feed_of(card))


@of_each_card
@settings(max_examples=40, deadline=None)
@given(
    content=st.one_of(st.binary(max_size=60), st.text(st.sampled_from("\"'{}[]<>/ab:,;1 \n\r\t\\é\0"), max_size=60)),
    sizes=st.tuples(st.integers(1, 7), st.integers(1, 30)),
)
def test_whatever_comes_there_is_one_verdict_and_a_named_one(
    card: Card, content: bytes | str, sizes: tuple[int, ...]
) -> None:
    agree(content if isinstance(content, bytes) else content.encode(), feed_of(card), sizes, 5)


def test_the_job_reads_each_raw_form() -> None:
    assert set(rawfiles.READERS) == set(get_args(RawKind)) == {card.lands_as for card in CARDS.values()}


@of_each_card
def test_suffixes_come_off_and_a_raw_objects_name_says_what_it_is(card: Card) -> None:
    form = FormatSpec(card.name)
    assert raw_form(form).kind == card.lands_as
    for suffix in card.suffixes:
        assert stem_of(f"a.{suffix}.gz") == "a"
        assert raw_name(form, f"a.{suffix}") == (f"a.{suffix}" if card.keeps_text else f"a.{card.lands_as}")


def table(page: str, head: str) -> Iterator[list[str]]:
    """The rows of the table on a page of docs/ that begins with that heading, as cells."""
    text = (ROOT / "docs" / page).read_text("utf-8").partition(f"\n| {head} |")[2]
    for line in text.split("\n\n")[0].splitlines()[2:]:
        yield [cell.strip() for cell in line[1:-1].split("|")]


def test_the_documents_have_each_format_with_its_settings() -> None:
    rows = {cells[0].strip("` "): cells for cells in table("formats.md", "`type`")}
    assert list(rows) == list(CARDS)
    forms = {"CSV": "csv", "JSON Lines": "jsonl", "Parquet": "parquet"}
    for name, (_, taken, _, lands_as, suffixes, _) in rows.items():
        card = CARDS[name]
        assert set(re.findall(r"`(\w+)`", taken)) - {"start", "length"} == card.settings
        assert forms[re.split(",| as", lands_as)[0]] == card.lands_as
        assert re.findall(r"`\.(\w+)`", suffixes) == list(card.suffixes)


def test_each_format_has_an_example_and_a_benchmark() -> None:
    examples = [yaml.safe_load(path.read_text("utf-8")) for path in (ROOT / "feeds").rglob("*.yaml")]
    assert {example["format"]["type"] for example in examples} == set(CARDS)
    # CSV has benchmarks of its own
    assert {*benchmark.FORMATS, "csv"} == set(CARDS)
