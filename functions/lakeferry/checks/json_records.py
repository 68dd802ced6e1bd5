"""JSON objects that are records: decoded strictly, without losing a digit.

What lenient readers let pass is a bad row here, because they disagree with each other: a key that is there twice, NaN,
nesting without an end. Numbers with a fraction become `Decimal`, so `0.1` and 20 digits stay what they are. What is
right and why: docs/formats-and-checks.md.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec

from lakeferry.checks.badrows import Problem

MAX_RECORD_BYTES = 8 * 1024 * 1024
"""A longer record is not one: a closing bracket or quote is missing, or a whole document stands in a line."""
MAX_NESTING = 64
"""Objects and arrays inside of each other, the record itself counted."""
MAX_KEYS = 2000
"""Different keys of a file's records; Athena and Spark take no wider tables well."""
_PLAIN_EXPONENT = 400
"""A number with a bigger exponent is not written out: `1e999999` would be a megabyte of zeros."""
_SHOWN = 120

JsonObject = dict[str, Any]
encode = msgspec.json.Encoder(decimal_format="number").encode
_encode_lines = msgspec.json.Encoder(decimal_format="number").encode_lines
_decode = msgspec.json.Decoder(float_hook=Decimal).decode
_ESCAPES = re.compile(rb"\\.", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Decoded:
    """Records of one block.

    Attributes:
        indices: Which of the block's lines the records are; the others have a problem.
        records: One for each index.
        problems: By line of the block, in order.
    """

    indices: list[int]
    records: list[JsonObject]
    problems: list[Problem]


def decode_records(lines: Sequence[bytes]) -> Decoded:
    """Decodes a block's lines: UTF-8, each one JSON object."""
    indices: list[int] = []
    records: list[JsonObject] = []
    problems: list[Problem] = []
    for index, line in enumerate(lines):
        try:
            record = _decode(line)
        except RecursionError:
            problems.append(_too_deep(index))
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            problems.append(Problem(index, None, None, "json", f"is not JSON ({error})"))
        else:
            if type(record) is not dict:
                problems.append(Problem(index, None, None, "json", "is not an object in braces"))
            elif line.count(b"{") + line.count(b"[") > MAX_NESTING and _depth(record) > MAX_NESTING:
                problems.append(_too_deep(index))
            else:
                indices.append(index)
                records.append(record)
    if _quotes(b"".join([lines[index] for index in indices])) == _quotes(_encode_lines(records)):
        return Decoded(indices, records, problems)
    unique = Decoded([], [], problems)
    for index, record in zip(indices, records, strict=True):
        if _quotes(lines[index]) != _quotes(encode(record)):
            problems.append(Problem(index, None, None, "repeated_key", "has a key twice in one object"))
        else:
            unique.indices.append(index)
            unique.records.append(record)
    problems.sort(key=lambda problem: problem.row)
    return unique


def _quotes(text: bytes) -> int:
    """Quotes that begin or end a string: two for each key and each text value.

    Decoding drops keys that are there twice, so fewer quotes come out of the encoder again: a check at the speed of
    `bytes.count`, where a hook for each object would take as long as decoding does.
    """
    return (_ESCAPES.sub(b"", text) if b"\\" in text else text).count(b'"')


def _too_deep(index: int) -> Problem:
    return Problem(index, None, None, "nesting", f"is nested more than {MAX_NESTING} levels deep")


def _depth(record: JsonObject) -> int:
    level: list[Any] = [record]
    depth = 0
    while level:
        depth += 1
        inner = (value for item in level for value in (item.values() if isinstance(item, dict) else item))
        level = [value for value in inner if isinstance(value, dict | list)]
    return depth


class Keys:
    """The keys of a file's records, in the order in which they came up: the columns of a file without a header."""

    def __init__(self) -> None:
        self._keys: dict[str, None] = {}
        self._lowered: dict[str, str] = {}

    def add(self, records: Iterable[JsonObject]) -> str | None:
        """Takes the keys of records; what is wrong with them, or None."""
        known = self._keys.keys()
        for record in records:
            if record.keys() <= known:
                continue
            for key in record:
                if key in known:
                    continue
                other = self._lowered.setdefault(key.lower(), key)
                if other != key:
                    return f"its records have both {other!r} and {key!r}, which are one column to readers of tables"
                self._keys[key] = None
            if len(self._keys) > MAX_KEYS:
                return f"its records have more than {MAX_KEYS} different keys: some of them must be data"
        return None

    def spelled(self, name: str) -> str:
        """A declared column's key as this file has it: upper and lower case are the same, as in headers."""
        return self._lowered.get(name.lower(), name)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._keys)


def texts(records: Iterable[JsonObject], key: str) -> Iterator[str | None]:
    """The values of a key as text, as a CSV file would have them; None where they are null or missing."""
    for record in records:
        value = record.get(key)
        yield value if type(value) is str else text_of(value)


def text_of(value: Any) -> str | None:  # noqa: ANN401  (any JSON value)
    """A JSON value as text: numbers with all their digits, nested values as JSON."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return f"{value:f}" if abs(value.adjusted()) < _PLAIN_EXPONENT else str(value)
    if isinstance(value, int | float):
        return str(value)
    return encode(value).decode()


def shown(text: bytes) -> str:
    """The beginning of a text, for messages."""
    return repr(text[:_SHOWN].decode(errors="replace"))
