"""Formats in feed documents: settings that a format does not have are told, not ignored."""

from typing import Any

import pytest

from lakeferry.errors import FeedInvalidError
from lakeferry.feeds import FormatSpec, parse_feed
from lakeferry.feeds.problems import validator
from lakeferry.formats import CARDS, RawForm, raw_form
from tests.conftest import feed_document


def document(form: dict[str, Any], checks: dict[str, Any] | None = None) -> dict[str, Any]:
    return feed_document(format=form, checks=checks or {})


FIELDS = [
    {"name": "a", "type": "string", "start": 1, "length": 3},
    {"name": "b", "type": "int64", "start": 4, "length": 2},
]


@pytest.mark.parametrize(
    ("form", "checks"),
    [
        ({"type": "jsonl"}, {"json_schema": {"type": "object"}}),
        ({"type": "json", "records": "data.items"}, {}),
        ({"type": "xml", "records": "/orders/order", "encoding": "cp1252"}, {"json_schema": {"required": ["a"]}}),
        ({"type": "xlsx", "sheet": "Sales", "skip_lines": 3}, {}),
        ({"type": "parquet"}, {}),
        ({"type": "fixed_width", "record_length": 10, "decimal": ","}, {"columns": FIELDS}),
        ({"type": "fixed_width", "record_length": 10, "line_ends": False}, {"columns": FIELDS}),
    ],
)
def test_each_format_has_its_settings(form: dict[str, Any], checks: dict[str, Any]) -> None:
    feed = parse_feed(document(form, checks))
    assert {name: getattr(feed.format, name) for name in form} == form
    assert feed.checks.json_schema == checks.get("json_schema")


@pytest.mark.parametrize(
    ("form", "checks", "message"),
    [
        ({"type": "jsonl", "delimiter": ";"}, {}, "$.format.delimiter: is for csv, not for jsonl"),
        ({"type": "parquet", "encoding": "utf-8"}, {}, "$.format.encoding: is for"),
        ({"type": "csv", "sheet": "x"}, {}, "$.format.sheet: is for xlsx, not for csv"),
        ({"type": "jsonl", "null_values": ["NA"]}, {}, "$.format.null_values: is for csv, fixed_width, xlsx"),
        ({"type": "xml"}, {}, "$.format.records: XML needs the path of its records"),
        ({"type": "xml", "records": "/"}, {}, "$.format.records: XML needs the path of its records"),
        ({"type": "fixed_width"}, {}, "$.checks.columns: fixed width needs its columns declared"),
        (
            {"type": "fixed_width", "line_ends": False},
            {"columns": FIELDS},
            "$.format.record_length: records without line ends need it",
        ),
        ({"type": "csv", "line_ends": False}, {}, "$.format.line_ends: is for fixed_width, not for csv"),
        (
            {"type": "fixed_width"},
            {"columns": [{"name": "a", "type": "string"}]},
            "$.checks.columns[0]: fixed width needs start and length",
        ),
        (
            {"type": "fixed_width"},
            {"columns": [FIELDS[1], {**FIELDS[0], "length": 4}]},
            "$.checks.columns[0]: 'b' begins within 'a'",
        ),
        ({"type": "csv"}, {"columns": FIELDS}, "$.checks.columns[0]: start and length are for fixed_width"),
        ({"type": "csv"}, {"json_schema": {}}, "$.checks.json_schema: is for jsonl, json and xml, not for csv"),
        ({"type": "jsonl"}, {"json_schema": {"type": "objekt"}}, "$.checks.json_schema.type: 'objekt'"),
        (
            {"type": "jsonl"},
            {"json_schema": {"items": [{"$ref": "https://schemas.example/x.json"}]}},
            "'https://schemas.example/x.json' is another document",
        ),
        (
            {"type": "yaml"},
            {},
            '$.format.type: `format.type` is one of csv, jsonl, json, fixed_width, parquet, xlsx, xml, not "yaml"',
        ),
    ],
)
def test_a_setting_that_would_be_ignored_is_told(form: dict[str, Any], checks: dict[str, Any], message: str) -> None:
    with pytest.raises(FeedInvalidError) as caught:
        parse_feed(document(form, checks))
    assert message in str(caught.value)


def test_the_registry_has_each_format_of_the_contract_and_no_other() -> None:
    schema: Any = validator().schema
    assert set(schema["properties"]["format"]["properties"]["type"]["enum"]) == set(CARDS)


def test_every_format_becomes_one_of_three_raw_forms() -> None:
    found = {name: raw_form(FormatSpec(name)).kind for name in CARDS}
    assert found == {
        "csv": "csv",
        "fixed_width": "csv",
        "xlsx": "csv",
        "jsonl": "jsonl",
        "json": "jsonl",
        "xml": "jsonl",
        "parquet": "parquet",
    }
    assert raw_form(FormatSpec("csv", ";", "'", header=False)) == RawForm("csv", ";", "'", header=False)
    assert raw_form(FormatSpec("xlsx", header=False)) == RawForm("csv", ",", '"', header=True)
