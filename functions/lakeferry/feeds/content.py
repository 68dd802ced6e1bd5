"""`format` of the feed document: how the decoded bytes are read. Which formats there are: `formats/cards.py`."""

from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

from lakeferry.feeds.names import encoding_problems
from lakeferry.feeds.number_spellings import Spelling
from lakeferry.formats import CARDS, FormatSpec, TrailerSpec


def content_problems(document: Mapping[str, Any]) -> Iterator[str]:
    """What the schema cannot say of `format`."""
    form = document["format"]
    card = CARDS[form["type"]]
    for setting in (each.name for each in fields(FormatSpec) if each.name != "type"):
        # it would be ignored, which nobody would notice
        if setting in form and setting not in card.settings:
            takers = sorted(other.name for other in CARDS.values() if setting in other.settings)
            yield f"$.format.{setting}: is for {', '.join(takers)}, not for {card.name}"
    for setting, what in card.needs.items():
        if not form.get(setting, "").strip("/"):
            yield f"$.format.{setting}: {card.title} needs {what}"
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
    if form.get("skip_initial_space") and signs["delimiter"] == " ":
        yield "$.format.skip_initial_space: the delimiter is a blank itself"
    if form.get("thousands") is not None and form["thousands"] == form.get("decimal", "."):
        yield "$.format.thousands: is the same mark as decimal"
    if "quote" in form and form["quote"] in Spelling(thousands=form.get("thousands")).marks:
        yield "$.format.thousands: is the same mark as quote"


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
