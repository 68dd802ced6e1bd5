"""`format` and `checks` of the feed document: how the decoded bytes are read, and what they must fulfil."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from lakeferry.feeds.names import encoding_problems, zone_problems


@dataclass(frozen=True, slots=True)
class FormatSpec:
    """How the decoded bytes are to be read."""

    type: str = "csv"
    delimiter: str = ","
    quote: str = '"'
    header: bool = True
    encoding: str = "utf-8"


@dataclass(frozen=True, slots=True)
class RowsSpec:
    """Data rows a file may have, the header not counted."""

    min: int = 0
    max: int | None = None


@dataclass(frozen=True, slots=True)
class ColumnSpec:
    """One declared column."""

    name: str
    type: str
    format: str | None = None
    timezone: str = "UTC"


@dataclass(frozen=True, slots=True)
class ChecksSpec:
    """What a file must fulfil before it may become visible."""

    rows: RowsSpec = field(default_factory=RowsSpec)
    columns: tuple[ColumnSpec, ...] = ()


def content_problems(document: Mapping[str, Any]) -> Iterator[str]:
    """What the schema cannot say of `format` and `checks`."""
    checks = document.get("checks", {})
    rows = checks.get("rows", {})
    if rows.get("max") is not None and rows["max"] < rows.get("min", 0):
        yield "$.checks.rows: max is below min"
    columns = checks.get("columns", [])
    names = [column["name"].lower() for column in columns]
    for repeated in sorted({name for name in names if names.count(name) > 1}):
        yield f"$.checks.columns: {repeated!r} is declared more than once"
    if not document["format"].get("header", True) and not names:
        yield "$.checks.columns: a file without a header needs its columns declared"
    for index, column in enumerate(columns):
        yield from zone_problems(f"$.checks.columns[{index}].timezone", column.get("timezone", "UTC"))
    yield from encoding_problems("$.format.encoding", document["format"].get("encoding", "utf-8"))


def build_format(document: Mapping[str, Any]) -> FormatSpec:
    """The frozen form of a valid `format`."""
    return FormatSpec(**document)


def build_checks(checks: Mapping[str, Any]) -> ChecksSpec:
    """The frozen form of valid `checks`."""
    return ChecksSpec(
        **{
            **checks,
            "rows": RowsSpec(**checks.get("rows", {})),
            "columns": tuple(ColumnSpec(**column) for column in checks.get("columns", ())),
        }
    )
