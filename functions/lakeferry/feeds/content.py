"""`format` of the feed document: how the decoded bytes are read."""

from collections.abc import Iterator, Mapping
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


def content_problems(document: Mapping[str, Any]) -> Iterator[str]:
    """What the schema cannot say of `format`."""
    form = document["format"]
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
