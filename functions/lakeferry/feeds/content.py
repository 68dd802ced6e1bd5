"""`format` of the feed document: how the decoded bytes are read."""

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from typing import Any

from lakeferry.feeds.names import encoding_problems


@dataclass(frozen=True, slots=True)
class TrailerSpec:
    """The last record, where it is no data but a sum of them.

    Attributes:
        starts_with: How its text begins.
        rows_field: Which of its fields, from 1, has the count of records; None where it has none.
        extra_rows: How many more than the data rows that count has (2 if header and trailer are counted too).
    """

    starts_with: str
    rows_field: int | None = None
    extra_rows: int = 0


@dataclass(frozen=True, slots=True)
class FormatSpec:
    """How the decoded bytes are to be read.

    Attributes:
        escape: What makes a quote or delimiter text where quotes are not doubled, such as a backslash.
        skip_lines: Lines before the header, or the first record, that are no part of the table.
        comment: Lines that begin with it are dropped.
        null_values: Spellings of "no value" beside the empty text.
        decimal, thousands: Marks in numbers.
        records: Where the records are: keys (`data.items`) of a JSON document, elements (`/orders/order`) of XML.
        sheet: Name of the sheet of a workbook; None is the first.
        record_length: Characters of each line of fixed width; None takes any that has all fields.
        line_ends: Whether records of fixed width have line ends; without, `record_length` tells where each ends.
    """

    type: str = "csv"
    delimiter: str = ","
    quote: str = '"'
    header: bool = True
    encoding: str = "utf-8"
    escape: str | None = None
    skip_lines: int = 0
    comment: str | None = None
    trailer: TrailerSpec | None = None
    null_values: tuple[str, ...] = ()
    decimal: str = "."
    thousands: str | None = None
    records: str | None = None
    sheet: str | None = None
    record_length: int | None = None
    line_ends: bool = True


_TEXT = {"csv", "jsonl", "json", "fixed_width", "xml"}
_OF_TYPES: Mapping[str, Set[str]] = {
    "delimiter": {"csv"},
    "quote": {"csv"},
    "header": {"csv", "xlsx"},
    "encoding": _TEXT,
    "escape": {"csv"},
    "skip_lines": {"csv", "fixed_width", "xlsx"},
    "comment": {"csv"},
    "trailer": {"csv"},
    "null_values": {"csv", "fixed_width", "xlsx"},
    "decimal": {"csv", "fixed_width"},
    "thousands": {"csv", "fixed_width"},
    "records": {"json", "xml"},
    "sheet": {"xlsx"},
    "record_length": {"fixed_width"},
    "line_ends": {"fixed_width"},
}
"""Setting → the formats it is for. Of others it would be ignored, which nobody would notice."""


@dataclass(frozen=True, slots=True)
class RawForm:
    """How the raw zone keeps a feed's files: always UTF-8 text with LF, or Parquet.

    Attributes:
        kind: `csv`, `jsonl` or `parquet`.
        delimiter, quote, header: Of CSV.
    """

    kind: str
    delimiter: str = ","
    quote: str = '"'
    header: bool = True


def raw_form(form: FormatSpec) -> RawForm:
    """What the files of this format become in the raw zone."""
    if form.type == "csv":
        return RawForm("csv", form.delimiter, form.quote, form.header)
    return RawForm({"fixed_width": "csv", "xlsx": "csv", "parquet": "parquet"}.get(form.type, "jsonl"))


_SUFFIXES = frozenset(
    {"csv", "txt", "dat", "asc", "json", "jsonl", "ndjson", "xml", "xlsx", "xlsm", "parquet", "parq", "pq"}
)


def raw_name(form: FormatSpec, name: str) -> str:
    """A decoded file's name in the raw zone: the suffix tells what it became there."""
    if form.type == "csv":
        return name
    stem, dot, suffix = name.rpartition(".")
    return f"{stem if dot and stem and suffix.lower() in _SUFFIXES else name}.{raw_form(form).kind}"


def content_problems(document: Mapping[str, Any]) -> Iterator[str]:
    """What the schema cannot say of `format`."""
    form = document["format"]
    for setting, types in _OF_TYPES.items():
        if setting in form and form["type"] not in types:
            yield f"$.format.{setting}: is for {', '.join(sorted(types))}, not for {form['type']}"
    if form["type"] == "xml" and not form.get("records", "").strip("/"):
        yield "$.format.records: XML needs the path of its records, such as /orders/order"
    if not form.get("line_ends", True) and "record_length" not in form:
        yield "$.format.record_length: records without line ends need it"
    yield from encoding_problems("$.format.encoding", form.get("encoding", "utf-8"))
    signs = {
        "delimiter": form.get("delimiter", ","),
        "quote": form.get("quote", '"'),
        "escape": form.get("escape"),
        "comment": form.get("comment"),
    }
    given = [(name, sign) for name, sign in signs.items() if sign is not None]
    for index, (name, sign) in enumerate(given):
        if sign in {"\n", "\r", "\0"} or len(sign.encode()) > 1:
            yield f"$.format.{name}: is one ASCII character that is no line end"
        for other, same in given[:index]:
            if sign == same:
                yield f"$.format.{name}: is the same character as {other}"
    if form.get("thousands") is not None and form["thousands"] == form.get("decimal", "."):
        yield "$.format.thousands: is the same mark as decimal"


def build_format(document: Mapping[str, Any]) -> FormatSpec:
    """The frozen form of a valid `format`."""
    trailer = document.get("trailer")
    return FormatSpec(
        **{
            **document,
            **({"trailer": TrailerSpec(**trailer)} if trailer else {}),
            **({"null_values": tuple(document["null_values"])} if "null_values" in document else {}),
        }
    )
