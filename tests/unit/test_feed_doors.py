"""`parse_feed` has one way to fail, whatever it is given, and a second for it."""

import copy
import json
import math
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lakeferry.errors import FeedInvalidError
from lakeferry.feeds import document as parsing
from lakeferry.feeds import parse_feed, problems
from lakeferry.feeds.bounds import MOST_VALUES
from lakeferry.formats.json.schema import RecordSchema
from lakeferry.inspect.totals import rows_in_name
from lakeferry.runs.schedule import is_due
from poll.pattern import Pattern
from tests.conftest import feed_document
from tests.contract.test_feed_defaults import WHOLE
from tests.unit.drawing import drawn_from

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / "functions/lakeferry/feed_schema.json").read_text("utf-8"))
SECONDS = 1.0
"""Of the processor: the machine may have others to serve."""
DRAWN = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
NOW = datetime(2026, 11, 29, 6, tzinfo=UTC)


def outcome(document: Any) -> str:
    """What `parse_feed` says; anything but a feed or FeedInvalidError, or more than a second, is a failure."""
    said, seconds = timed(document)
    # neighbours on the same core cost processor time, too: what takes a second by itself does so each time
    assert seconds < SECONDS or min(timed(document)[1] for _ in range(3)) < SECONDS
    assert len(said.encode()) < 10_000
    return said


def timed(document: Any) -> tuple[str, float]:
    parsing._sound.clear()  # it would not be checked a second time
    began = time.thread_time()
    try:
        said = parse_feed(document).feed_id
    except FeedInvalidError as error:
        said = str(error)
    return said, time.thread_time() - began


def with_schema(schema: Any) -> dict[str, Any]:
    return feed_document(format={"type": "jsonl"}, checks={"json_schema": schema})


def nested(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {}
    for _ in range(levels):
        schema = {"not": schema}
    return schema


DOUBLING = {
    "$ref": "#/$defs/a40",
    "$defs": {"a0": {"type": "object"}}
    | {f"a{level}": {"allOf": [{"$ref": f"#/$defs/a{level - 1}"}] * 2} for level in range(1, 41)},
}
TWICE_WITHIN_ITSELF = {
    "properties": {"a": {"allOf": [{"$ref": "#/$defs/x"}, {"$ref": "#/$defs/x"}]}},
    "$defs": {"x": {"properties": {"b": {"$ref": "#"}}}},
}
FILES = {"directory": "/"}
SLA = {"expected_by": "06:30"}
HOSTILE = {
    "a folder of time zones": (feed_document(sla=SLA | {"timezone": "Europe"}), "$.sla.timezone"),
    "a path for a time zone": (feed_document(sla=SLA | {"timezone": "../zoneinfo/UTC"}), "$.sla.timezone"),
    "5,000 letters for a time zone": (feed_document(sla=SLA | {"timezone": "x" * 5000}), "$.sla.timezone"),
    "an encoding of nothing": (feed_document(format={"type": "csv", "encoding": "undefined"}), "$.format.encoding"),
    "an encoding with a NUL": (feed_document(format={"type": "csv", "encoding": "utf\0"}), "$.format.encoding"),
    "an encoding of DNS": (feed_document(format={"type": "csv", "encoding": "IDNA"}), "$.format.encoding"),
    "a count over all bounds": (feed_document(files=FILES | {"regex": "a{9999999999}"}), "$.files.regex"),
    "a count of counts": (feed_document(files=FILES | {"regex": "((a{99}){99}){99}"}), "$.files.regex"),
    "a look-around": (feed_document(files=FILES | {"regex": "(?=a)a"}), "no look-around"),
    "an expression for rows": (feed_document(checks={"rows": {"in_name": "(?P<rows>a{9999999999})"}}), "in_name"),
    "a date that is there twice": (feed_document(files=FILES | {"pattern": "{date:%Y%Y}"}), "$.files.pattern"),
    "a date that may be anything": (feed_document(files=FILES | {"pattern": "{date:%Z%Z%Z}"}), "$.files.pattern"),
    "a date of a gigabyte": (
        feed_document(files=FILES | {"pattern": "*", "after": {"action": "move", "to": "{date:%999999999Y}"}}),
        "$.files.after.to",
    ),
    "a due file of a gigabyte": (
        feed_document(sla=SLA | {"timezone": "UTC", "files": ["{date:%999999999Y}"]}),
        "$.sla.files[0]",
    ),
    "a schema 200 deep": (with_schema(nested(200)), "levels deep"),
    "a schema that doubles forty times": (with_schema(DOUBLING), "more than 10,000 schemas"),
    "a schema twice within itself": (with_schema(TWICE_WITHIN_ITSELF), "in more than one place"),
    "12,000 objects in an enum": (
        with_schema({"$schema": "http://json-schema.org/draft-04/schema#", "enum": [{"a": n} for n in range(12_000)]}),
        "more than",
    ),
    "a schema of another document": (with_schema({"$recursiveRef": "https://acme.example/"}), "another document"),
    "a rate for ever": (feed_document(schedule="rate(99999999999999999999 days)"), "$.schedule"),
    "a schedule of a day that is none": (feed_document(schedule="cron(0 0 31 2 ? *)"), "$.schedule"),
    "a schedule of nonsense": (feed_document(schedule="cron(x)"), "$.schedule"),
    "a schedule of 100,000 minutes": (feed_document(schedule=f"cron({'0,' * 100_000}0 0 * * ? *)"), "$.schedule"),
    "half a character": (feed_document(dataset="sales\ud800"), "$.dataset"),
    "half a character in a name": (feed_document(**{"da\ud800": 1}), "half a character"),
    "no number": (feed_document(enabled=math.nan), "$.enabled"),
    "an endless number": (feed_document(enabled=Decimal("Infinity")), "$.enabled"),
    "a number of 5,000 digits": (feed_document(enabled=10**5000), "$.enabled"),
    "bytes": (feed_document(dataset=b"sales"), "$.dataset"),
    "a date": (feed_document(sla=SLA | {"timezone": "UTC", "holidays": [NOW.date()]}), "needs quotes"),
    "a name that is a number": (feed_document(checks={"rows": {1: 2}}), "$.checks.rows"),
    "ten million letters": (feed_document(dataset="a" * 10**7), "bytes of text"),
    "a list of 30,000": (feed_document(notify={"emails": ["a@b"] * 30_000}), "values"),
    "15,000 that are to differ": (feed_document(transform={"partition_by": [{}] * 15_000}), "$.transform.partition_by"),
    "6,000 columns of one name": (
        feed_document(checks={"columns": [{"name": "a", "type": "string"}] * 6_000}),
        "declared more than once",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_document_is_refused_by_name(name: str) -> None:
    document, told = HOSTILE[name]
    said = outcome(document)
    assert "is not valid" in said
    assert told in said


@pytest.mark.slow
def test_the_largest_documents_take_less_than_100_mb() -> None:
    """In a process of its own, whose peak is its own."""
    script = """
import resource
from tests.unit.test_feed_doors import HOSTILE, largest, outcome
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for document, _ in HOSTILE.values():
    outcome(document)
for document in largest():
    assert outcome(document) == "acme/daily_sales"
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert int(done.stdout) < 100


def largest() -> Iterator[dict[str, Any]]:
    """Documents that are valid, and as large as they may be."""
    yield feed_document(checks={"columns": [{"name": f"c{n}", "type": "string"} for n in range(MOST_VALUES // 3 - 20)]})
    yield with_schema({"properties": {f"p{n}": {"type": "string"} for n in range(1_490)}})
    yield feed_document(catalog={"columns": {f"c{n}": "x" * 12 for n in range(MOST_VALUES - 100)}})


@pytest.mark.parametrize("document", list(largest()), ids=["columns", "schema", "comments"])
def test_the_largest_documents_are_read_in_a_second(document: dict[str, Any]) -> None:
    parse_feed(feed_document())  # what is imported late is there
    assert outcome(document) == "acme/daily_sales"


@pytest.mark.slow
@DRAWN
@given(drawn_from(SCHEMA, SCHEMA))
def test_a_document_drawn_from_the_schema_is_a_feed_or_invalid(document: Any) -> None:
    outcome(document)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from places(item, (*path, key))


WRONG = st.one_of(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | st.binary(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner),
        max_leaves=10,
    ),
    st.sampled_from(
        [10**400, -(2**63), "a" * 5000, "%", "{", "\ud800", "..", "/", "\n", "(", "*" * 200, Decimal("NaN")]
    ),
    st.from_regex(r"\A(rate|cron)\([0-9*/, ?#LW-]{1,30}\)\Z"),
)


@pytest.mark.slow
@settings(DRAWN, max_examples=400)
@given(st.sampled_from(list(places(WHOLE))), WRONG, st.booleans())
def test_a_valid_document_with_something_wrong_in_it_is_a_feed_or_invalid(
    place: tuple[Any, ...], wrong: Any, appended: bool
) -> None:
    document = copy.deepcopy(WHOLE)
    target: Any = document
    for key in place[:-1]:
        target = target[key]
    old = target[place[-1]]
    target[place[-1]] = old + wrong if appended and isinstance(old, str) and isinstance(wrong, str) else wrong
    outcome(document)


@pytest.mark.parametrize("document", [{}, {"tenant": 1, "feed": None}, {"tenant": "a" * 10**6}, {1: 2}])
def test_what_is_hardly_a_document_is_invalid(document: Any) -> None:
    assert "is not valid" in outcome(document)


def test_what_nobody_thought_of_is_the_documents_fault_and_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def stumbles(document: Any) -> Iterator[str]:
        yield from {}[document["feed"]]

    monkeypatch.setattr(problems, "_RULES", ((frozenset({"format"}), stumbles),))
    with pytest.raises(FeedInvalidError, match="acme/seen_by_nobody cannot be read: KeyError") as caught:
        parse_feed(feed_document(feed="seen_by_nobody"))
    assert isinstance(caught.value.__cause__, KeyError)
    assert "stumbles" in caplog.text


@pytest.mark.parametrize(
    "schedule", ["rate(99999999999999999999 days)", 5, ["x"], {"a": "b"}, "", "cron(0 0 31 2 ? *)"]
)
@pytest.mark.parametrize("last", [None, NOW - timedelta(hours=1)])
def test_a_schedule_that_was_stored_before_is_told_from_the_others(schedule: Any, last: datetime | None) -> None:
    with pytest.raises(FeedInvalidError, match=r"\$\.schedule"):
        is_due(schedule, last=last, now=NOW)


def test_the_longest_rate_is_a_rate() -> None:
    assert not is_due("rate(999999 days)", last=NOW - timedelta(days=300), now=NOW)


def test_an_expression_is_matched_in_time_that_grows_with_the_name_only() -> None:
    feed = parse_feed(
        feed_document(
            files=FILES | {"regex": "(a+)+$"},
            checks={"rows": {"in_name": "(?P<rows>[0-9]+)(a+)+$"}},
            format={"type": "csv"},
        )
    )
    name = "a" * 250 + "!"
    began = time.thread_time()
    assert not Pattern(feed.files).fits(name)
    with pytest.raises(Exception, match="promises no number"):
        rows_in_name(str(feed.checks.rows.in_name), "1" + name)
    assert time.thread_time() - began < SECONDS


def test_a_pattern_of_a_record_schema_gives_up() -> None:
    began = time.thread_time()
    for pattern in ("^(a+)+$", "^(?=a)(a+)+$", "^(?:(a)|a\\1?)+(?!b)$"):
        schema = RecordSchema("acme/sales", {"properties": {"name": {"pattern": pattern}}})
        assert schema.check([{"name": "a" * 60 + "!"}])
    assert time.thread_time() - began < SECONDS


def test_a_date_that_the_expression_leaves_out_is_no_date() -> None:
    feed = parse_feed(feed_document(files=FILES | {"regex": r"a(?P<date>\d{8})?\.csv", "date_format": "%Y%m%d"}))
    pattern = Pattern(feed.files)
    assert pattern.business_date("a20261129.csv", 0) == NOW.date()
    assert pattern.business_date("a.csv", 0) is None


def patterns(schema: Any, path: str = "$") -> Iterator[tuple[str, str]]:
    if isinstance(schema, dict):
        if isinstance(schema.get("pattern"), str):
            yield path, schema["pattern"]
        for key, value in schema.items():
            yield from patterns(value, f"{path}.{key}")
    elif isinstance(schema, list):
        for index, value in enumerate(schema):
            yield from patterns(value, f"{path}[{index}]")


ANCHORED = [(path, text) for path, text in patterns(SCHEMA) if text.endswith("$")]


@pytest.mark.parametrize(("path", "text"), ANCHORED, ids=[path for path, _ in ANCHORED])
def test_no_pattern_of_the_schema_lets_a_line_break_through_at_the_end(path: str, text: str) -> None:
    checked = problems.validator().evolve(schema={"pattern": text})

    @settings(max_examples=10, deadline=None)
    @given(st.from_regex(text.removesuffix("$") + r"\Z"))
    def check(fits: str) -> None:
        if checked.is_valid(fits):  # \s and \w are ASCII's in ECMA's expressions
            assert not checked.is_valid(fits + "\n")

    check()


def test_every_pattern_of_the_schema_is_anchored_or_looks_for_a_part() -> None:
    assert len(ANCHORED) > 25
    assert {text for _, text in patterns(SCHEMA) if not text.endswith("$")} == {
        "-----BEGIN CERTIFICATE-----",
        "-----BEGIN PGP PUBLIC KEY BLOCK-----",
    }


@pytest.mark.parametrize(
    "secret",
    [
        "lakeferry/acme2/sales",
        "lakeferry/acme",
        "lakeferry/acme/",
        "lakeferry/acme/../globex/sales",
        "lakeferry/acme/./sales",
        "lakeferry/acme//sales",
        "lakeferry/globex/acme/sales",
        "lakeferry/acme/sales\n",
        "lakeferry/acme\n/sales",
        "lakeferry/acme/sales?",
        "arn:aws:secretsmanager:eu-west-1:123456789012:secret:lakeferry/globex/sales",
    ],
)
def test_no_secret_but_the_tenants_own_can_be_named(secret: str) -> None:
    assert "$.server.secret" in outcome(feed_document(server=feed_document()["server"] | {"secret": secret}))


@pytest.mark.parametrize(
    ("setting", "value"),
    [("reference", "../globex/stores"), ("reference", "stores\n"), ("version", "..\n"), ("version", "../../globex")],
)
def test_no_reference_but_the_tenants_own_can_be_named(setting: str, value: str) -> None:
    enrich = {"reference": "stores", "on": "store_id", "columns": ["region"]} | {setting: value}
    assert f"$.transform.enrich[0].{setting}" in outcome(feed_document(transform={"enrich": [enrich]}))


@pytest.mark.parametrize(
    "reference", ["lakeferry-feed", "../globex", "file:///etc/passwd", "globex.json#", "//host/x", "#\n/../x"]
)
@pytest.mark.parametrize("keyword", ["$ref", "$dynamicRef", "$recursiveRef"])
def test_no_schema_but_the_feeds_own_can_be_named(keyword: str, reference: str) -> None:
    said = outcome(with_schema({"properties": {"a": {keyword: reference}}}))
    # what begins with # stays within the document, wherever it leads
    assert ("$.checks.json_schema" in said) == (not reference.startswith("#"))
