"""`checks` of the feed document: what a file must fulfil before it may become visible."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from lakeferry.feeds.columns import colliding, table_name
from lakeferry.feeds.date_formats import column_format_problems
from lakeferry.feeds.names import zone_problems
from lakeferry.feeds.patterns import compile_pattern, pattern_problems
from lakeferry.feeds.places import listed, place_problems
from lakeferry.feeds.record_schema import record_schema_problems
from lakeferry.formats import CARDS, Card


@dataclass(frozen=True, slots=True)
class DeviationSpec:
    """How far a file's rows may be from the median of the feed's last files.

    Attributes:
        ratio: 0.5 means within 50 % more and 50 % less.
        files: How many files back.
        min_files: With fewer files in the ledger nothing is compared.
    """

    ratio: float
    files: int = 14
    min_files: int = 5


@dataclass(frozen=True, slots=True)
class RowsSpec:
    """Data rows a file may have, the header not counted.

    Attributes:
        in_name: Regular expression whose group `rows` is the number that a file's name promises.
    """

    min: int = 0
    max: int | None = None
    in_name: str | None = None
    deviation: DeviationSpec | None = None


@dataclass(frozen=True, slots=True)
class ColumnSpec:
    """One declared column.

    Attributes:
        beyond_microseconds: What becomes of a fraction with digits after the sixth that are not 0: `reject`, or `cut`.
        nonexistent: Local times that `timezone` skips: `reject` makes bad rows of them, `shift` moves them by what is
            skipped.
        required: A row without a value there is bad.
        unique: A row whose value an earlier row of the file has is bad.
        min, max: Bounds of numbers, dates and timestamps; text where JSON has no such value.
        min_length, max_length: Characters of a string.
        pattern: RE2 regular expression that a string has to match as a whole.
        values: All that it may be, as text.
        start, length: Where fixed width has it: first character or byte, from 1, and how many.
        stored: How fixed width has its number, where that is no text: `packed` or `zoned`.
    """

    name: str
    type: str
    format: str | None = None
    timezone: str = "UTC"
    beyond_microseconds: str = "reject"
    nonexistent: str = "reject"
    required: bool = False
    unique: bool = False
    min: float | str | None = None
    max: float | str | None = None
    min_length: int | None = None
    max_length: int | None = None
    pattern: str | None = None
    values: tuple[str, ...] | None = None
    start: int = 0
    length: int = 0
    stored: str | None = None


@dataclass(frozen=True, slots=True)
class ExpressionSpec:
    """A condition on each row, in the language of docs/expressions.md; a row for which it is false is bad."""

    name: str
    expression: str


@dataclass(frozen=True, slots=True)
class HeaderSpec:
    """What a header may differ in from the declared columns: `reject` or `accept`; order `any` or `exact`."""

    missing: str = "reject"
    extra: str = "accept"
    order: str = "any"


@dataclass(frozen=True, slots=True)
class DriftSpec:
    """What the columns may differ in from the feed's last file: `reject` or `accept`; told in any case."""

    added: str = "accept"
    removed: str = "accept"


@dataclass(frozen=True, slots=True)
class BadRowsSpec:
    """What becomes of a file with bad rows.

    Attributes:
        action: `quarantine` lets the good rows go on and keeps the bad ones under `fallout/`; `reject_file`.
        max_ratio: Bad rows of all rows; a file with more is rejected, at its end.
        max_rows: A file with more bad rows is rejected at once: nobody waits for the end of a file that is all wrong.
    """

    action: str = "quarantine"
    max_ratio: float = 0.01
    max_rows: int = 1_000_000


@dataclass(frozen=True, slots=True)
class ControlFileSpec:
    """The small file beside each data file that says what must have arrived.

    Attributes:
        pattern: Its name, with `{stem}` (the data file's name without suffixes) or `{name}` in it.
        format: What it has, in order: `rows`, `bytes`, `sha256`, `sha1`, `md5`, `skip`, and the text between them.
    """

    pattern: str
    format: str = "rows,bytes,sha256"


@dataclass(frozen=True, slots=True)
class ChecksSpec:
    """What a file must fulfil before it may become visible.

    Attributes:
        json_schema: What each record of JSON or XML must fulfil.
    """

    rows: RowsSpec = field(default_factory=RowsSpec)
    columns: tuple[ColumnSpec, ...] = ()
    header: HeaderSpec = field(default_factory=HeaderSpec)
    drift: DriftSpec = field(default_factory=DriftSpec)
    expressions: tuple[ExpressionSpec, ...] = ()
    bad_rows: BadRowsSpec = field(default_factory=BadRowsSpec)
    control_file: ControlFileSpec | None = None
    json_schema: Mapping[str, Any] | None = None


def checks_problems(document: Mapping[str, Any]) -> Iterator[str]:
    """What the schema cannot say of `checks`."""
    checks = document.get("checks", {})
    rows = checks.get("rows", {})
    if rows.get("max") is not None and rows["max"] < rows.get("min", 0):
        yield "$.checks.rows: max is below min"
    yield from _in_name_problems(rows.get("in_name"))
    columns = checks.get("columns", [])
    names = [column["name"].lower() for column in columns]
    for repeated in sorted(name for name, count in Counter(names).items() if count > 1):
        yield f"$.checks.columns: {repeated!r} is declared more than once"
    if len(set(names)) == len(names) and (together := colliding([column["name"] for column in columns])):
        one = table_name(together[0])
        yield f"$.checks.columns: {' and '.join(map(repr, together))} are one column of tables, {one!r}"
    if not document["format"].get("header", True) and not names:
        yield "$.checks.columns: a file without a header needs its columns declared"
    pattern = checks.get("control_file", {}).get("pattern", "{name}.ctl")
    if len(re.findall(r"\{(?:name|stem)\}", pattern)) != 1 or pattern in {"{name}", "{stem}"} or "/" in pattern:
        yield "$.checks.control_file.pattern: is a name with {stem} or {name} in it once, such as {stem}.ctl"
    form = checks.get("control_file", {}).get("format", "rows")
    fields = (_BRACED if "{" in form else _BARE).findall(form)
    if not fields or len(set(fields)) < len(fields):
        yield "$.checks.control_file.format: has rows, bytes, sha256, sha1 or md5 in it, each once at most"
    taken: set[str] = set()
    for index, each in enumerate(checks.get("expressions", [])):
        if each["name"] in taken:
            yield f"$.checks.expressions[{index}].name: {each['name']!r} is there twice"
        taken.add(each["name"])
    for index, column in enumerate(columns):
        yield from _column_problems(f"$.checks.columns[{index}]", column)
    card = CARDS[document["format"]["type"]]
    yield from place_problems(document)
    if "json_schema" in checks:
        yield from _schema_problems(card, checks["json_schema"])


def _in_name_problems(pattern: str | None) -> Iterator[str]:
    if pattern is None:
        return
    problems = list(pattern_problems("$.checks.rows.in_name", pattern))
    yield from problems
    if not problems and "rows" not in compile_pattern(pattern).groupindex:
        yield "$.checks.rows.in_name: has a group for the number, such as _(?P<rows>[0-9]+)rows"


def _schema_problems(card: Card, schema: Mapping[str, Any]) -> Iterator[str]:
    if not card.has_objects:
        takers = listed(each.name for each in CARDS.values() if each.has_objects)
        yield f"$.checks.json_schema: is for {takers}, not for {card.name}"
    yield from record_schema_problems(schema)


_BARE = re.compile(r"(?<![A-Za-z0-9_])(rows|bytes|sha256|sha1|md5)(?![A-Za-z0-9_])")
_BRACED = re.compile(r"\{(rows|bytes|sha256|sha1|md5)\}")
_OF_TYPES = {
    "format": {"date", "timestamp"},
    "timezone": {"timestamp"},
    "beyond_microseconds": {"timestamp"},
    "nonexistent": {"timestamp"},
    "min_length": {"string"},
    "max_length": {"string"},
    "pattern": {"string"},
    "stored": {"int64", "decimal"},
    "min": {"int64", "float64", "decimal", "date", "timestamp"},
    "max": {"int64", "float64", "decimal", "date", "timestamp"},
}


def _column_problems(path: str, column: Mapping[str, Any]) -> Iterator[str]:
    kind = column["type"].partition("(")[0]
    for setting, kinds in _OF_TYPES.items():
        if setting in column and kind not in kinds:
            yield f"{path}.{setting}: is for {', '.join(sorted(kinds))}, not for {column['type']}"
    yield from zone_problems(f"{path}.timezone", column.get("timezone", "UTC"))
    if "format" in column and kind in _OF_TYPES["format"]:
        yield from column_format_problems(f"{path}.format", column["format"])
    if column.get("beyond_microseconds") == "cut" and "%f" not in column.get("format", "%f"):
        yield f"{path}.beyond_microseconds: is for a format with %f, or for none"
    if "min_length" in column and "max_length" in column and column["max_length"] < column["min_length"]:
        yield f"{path}: max_length is below min_length"
    if "pattern" in column:
        yield from pattern_problems(f"{path}.pattern", column["pattern"])


def build_checks(checks: Mapping[str, Any]) -> ChecksSpec:
    """The frozen form of valid `checks`."""
    control = checks.get("control_file")
    return ChecksSpec(
        rows=_build_rows(checks.get("rows", {})),
        columns=tuple(_build_column(column) for column in checks.get("columns", ())),
        header=HeaderSpec(**checks.get("header", {})),
        drift=DriftSpec(**checks.get("drift", {})),
        expressions=tuple(ExpressionSpec(**expression) for expression in checks.get("expressions", ())),
        bad_rows=BadRowsSpec(**checks.get("bad_rows", {})),
        control_file=ControlFileSpec(**control) if control else None,
        json_schema=checks.get("json_schema"),
    )


def _build_rows(rows: Mapping[str, Any]) -> RowsSpec:
    deviation = rows.get("deviation")
    return RowsSpec(**{**rows, **({"deviation": DeviationSpec(**deviation)} if deviation else {})})


def _build_column(column: Mapping[str, Any]) -> ColumnSpec:
    return ColumnSpec(**{**column, **({"values": tuple(column["values"])} if "values" in column else {})})
