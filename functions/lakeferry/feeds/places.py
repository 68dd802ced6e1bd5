"""Columns that are declared by their place in a record: `start`, `length`, `stored`, and what that needs elsewhere."""

import codecs
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from lakeferry.encodings import is_ebcdic
from lakeferry.formats import CARDS

_STATEFUL = ("utf-7", "utf_7", "hz", "iso2022", "iso-2022")
"""How a byte is read depends on those before it, in another field."""


def place_problems(document: Mapping[str, Any]) -> Iterator[str]:
    """Where columns are declared by place, every one has its place, and no two the same."""
    form, columns = document["format"], document.get("checks", {}).get("columns", [])
    card = CARDS[form["type"]]
    if not card.has_places:
        takers = listed(each.name for each in CARDS.values() if each.has_places)
        for index, column in enumerate(columns):
            if "start" in column or "length" in column:
                yield f"$.checks.columns[{index}]: start and length are for {takers}, not for {card.name}"
            if "stored" in column:
                yield f"$.checks.columns[{index}].stored: is for {takers}, not for {card.name}"
        return
    if not columns:
        yield f"$.checks.columns: {card.title} needs its columns declared"
    end, before = 0, ""
    for index, column in sorted(enumerate(columns), key=lambda pair: pair[1].get("start", 0)):
        if "start" not in column or "length" not in column:
            yield f"$.checks.columns[{index}]: {card.title} needs start and length"
            return
        if column["start"] <= end:
            yield f"$.checks.columns[{index}]: {column['name']!r} begins within {before!r}"
        end, before = column["start"] + column["length"] - 1, column["name"]
    yield from _byte_problems(form, columns, end)


def _byte_problems(form: Mapping[str, Any], columns: Sequence[Mapping[str, Any]], end: int) -> Iterator[str]:
    in_bytes = form.get("positions") == "bytes"
    for index, column in enumerate(columns):
        if "stored" in column:
            path = f"$.checks.columns[{index}].stored"
            if not in_bytes:
                yield f"{path}: is of bytes, and needs format.positions: bytes"
            yield from _digit_problems(path, column)
    if not in_bytes:
        return
    encoding = form.get("encoding", "utf-8")
    if not _is_of_bytes(encoding):
        yield f"$.format.positions: a field of {encoding} is no text by itself; only characters can be counted there"
    if "record_length" in form and form["record_length"] < end:
        yield f"$.format.record_length: the last field ends at {end}"
    packed = [column["name"] for column in columns if column.get("stored") == "packed"]
    if packed and form.get("line_ends", True) and "record_length" not in form:
        yield f"$.format.record_length: {packed[0]!r} is packed, and its bytes may look like a line end: set the length"


def _digit_problems(path: str, column: Mapping[str, Any]) -> Iterator[str]:
    kind, _, sizes = column["type"].partition("(")
    if kind != "decimal":
        return
    precision, scale = (int(size) for size in sizes.rstrip(")").split(","))
    digits = 2 * column["length"] - 1 if column["stored"] == "packed" else column["length"]
    if digits < max(precision, scale):
        bytes_needed = max(precision, scale) // 2 + 1 if column["stored"] == "packed" else max(precision, scale)
        yield (
            f"{path}: {column['length']} bytes have {digits} digits, and {column['type']} has more: it takes "
            f"{bytes_needed} bytes"
        )


def _is_of_bytes(encoding: str) -> bool:
    """Whether a line end and a blank are one byte, and a field can be read without those before it."""
    try:
        name = codecs.lookup(encoding).name.lower()
        if name == "utf-8-sig" or is_ebcdic(encoding):
            return True
        return not name.startswith(_STATEFUL) and "\n ".encode(encoding) == b"\n "
    except (LookupError, UnicodeError):
        # that there is no such encoding is another's word
        return True


def listed(names: Iterable[str]) -> str:
    """`a, b and c`."""
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last
