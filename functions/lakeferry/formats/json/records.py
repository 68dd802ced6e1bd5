"""JSON objects that are records: decoded strictly, without losing a digit.

What lenient readers let pass is a bad row here, because they disagree with each other: a key that is there twice, NaN,
nesting without an end. Numbers with a fraction become `Decimal`, so `0.1` and 20 digits stay what they are. What is
right and why: docs/formats-and-checks.md.
"""

import gc
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from types import NoneType
from typing import Any

import msgspec

from lakeferry.checks.badrows import Problem
from lakeferry.feeds.columns import folded_name
from lakeferry.formats.json.mistakes import mistake

MAX_RECORD_BYTES = 8 * 1024 * 1024
"""A longer record is not one: a closing bracket or quote is missing, or a whole document stands in a line."""
MAX_NESTING = 64
"""Objects and arrays inside of each other, the record itself counted."""
MAX_KEYS = 2000
"""Different keys of a file's records; Athena and Spark take no wider tables well."""
MAX_KEYS_BYTES = 64 * 1024
"""All of these keys: the ledger keeps them, and an item of DynamoDB has 400 KB."""
_PLAIN_EXPONENT = 400
"""A number with a bigger exponent is not written out: `1e999999` would be a megabyte of zeros."""
_DOUBLE_DIGITS = 15

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

    indices: Sequence[int]
    records: Sequence[JsonObject]
    problems: list[Problem]


def decode_records(lines: Sequence[bytes]) -> Decoded:
    """Decodes a block's lines: UTF-8, each one JSON object."""
    problems: list[Problem] = []
    indices: Sequence[int] = range(len(lines))
    try:
        records = [_decode(line) for line in lines]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, InvalidOperation):
        records = [_decoded(line, index, problems) for index, line in enumerate(lines)]
    if set(map(type, records)) - {dict} or problems:
        broken = {problem.row for problem in problems}
        for index, record in enumerate(records):
            if type(record) is not dict and index not in broken:
                problems.append(Problem(index, None, None, "json", "is not an object in braces"))
        indices = [index for index, record in enumerate(records) if type(record) is dict]
        records = [records[index] for index in indices]
    deep = {
        at
        for at, index in enumerate(indices)
        if lines[index].count(b"{") + lines[index].count(b"[") > MAX_NESTING and _is_too_deep(records[at])
    }
    if deep:
        problems += [_too_deep(indices[at]) for at in sorted(deep)]
        indices = [index for at, index in enumerate(indices) if at not in deep]
        records = [record for at, record in enumerate(records) if at not in deep]
    if _quotes(b"".join([lines[index] for index in indices])) == _quotes(_encode_lines(records)):
        problems.sort(key=lambda problem: problem.row)
        return Decoded(indices, records, problems)
    repeated = {
        index
        for index, record in zip(indices, records, strict=True)
        if _quotes(lines[index]) != _quotes(encode(record))
    }
    problems += [Problem(index, None, None, "repeated_key", "has a key twice in one object") for index in repeated]
    problems.sort(key=lambda problem: problem.row)
    unique = [(index, record) for index, record in zip(indices, records, strict=True) if index not in repeated]
    return Decoded([index for index, _ in unique], [record for _, record in unique], problems)


@contextmanager
def without_cycle_search() -> Iterator[None]:
    """Pauses the search for cycles, which decoded JSON cannot have and which takes as long as decoding does."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _decoded(line: bytes, index: int, problems: list[Problem]) -> Any:  # noqa: ANN401  (any JSON value)
    try:
        return _decode(line)
    except RecursionError:
        problems.append(_too_deep(index))
    except InvalidOperation:
        problems.append(Problem(index, None, None, "json", "has a number whose exponent no program can bear"))
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        problems.append(Problem(index, None, None, "json", mistake(line, error)))
    return None


def _quotes(text: bytes) -> int:
    """Quotes that begin or end a string: two for each key and each text value.

    Decoding drops keys that are there twice, so fewer quotes come out of the encoder again: a check at the speed of
    `bytes.count`, where a hook for each object would take as long as decoding does.
    """
    return (_ESCAPES.sub(b"", text) if b"\\" in text else text).count(b'"')


def _too_deep(index: int) -> Problem:
    return Problem(index, None, None, "nesting", f"is nested more than {MAX_NESTING} levels deep")


def _is_too_deep(record: JsonObject) -> bool:
    level: list[Any] = [record]
    for _ in range(MAX_NESTING):
        inner = (value for item in level for value in (item.values() if isinstance(item, dict) else item))
        level = [value for value in inner if isinstance(value, dict | list)]
        if not level:
            return False
    return True


class Keys:
    """The keys of a file's records: its columns."""

    def __init__(self, declared: Iterable[str] = ()) -> None:
        """Args:
        declared: Columns of the feed, which no other key may be taken for.
        """
        self._keys: dict[str, None] = {}
        self._lowered: dict[str, str] = {}
        self._tables = {folded_name(name): name.lower() for name in declared}
        """Name in tables → key in lower case."""
        self._bytes = 0

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
                if (same := self._tables.setdefault(folded_name(key), key.lower())) != key.lower():
                    return f"the key {key!r} of its records is {same!r} to tables, where only letters and digits count"
                self._keys[key] = None
                self._bytes += len(key.encode())
            if self._bytes > MAX_KEYS_BYTES:
                return (
                    f"the keys of its records are longer than {MAX_KEYS_BYTES} bytes in all: some of them must be data"
                )
            if len(self._keys) > MAX_KEYS:
                return f"its records have more than {MAX_KEYS} different keys: some of them must be data"
        return None

    def spelled(self, name: str) -> str:
        """A declared column's key as this file has it: upper and lower case are the same, as in headers."""
        return self._lowered.get(name.lower(), name)

    def __contains__(self, key: str) -> bool:
        return key in self._keys

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._keys)


def texts(records: Sequence[JsonObject], key: str, *, whole: bool = False) -> list[str | None]:
    """The values of a key as text, as a CSV file would have them; None where they are null or missing.

    Args:
        whole: `1.0` and `1e3` are whole numbers, as in JSON Schema; else they are the text of a fraction.
    """
    values = [record.get(key) for record in records]
    kinds = set(map(type, values))
    if kinds <= {str, NoneType}:
        return values
    if kinds <= {int, Decimal, NoneType}:
        found = [None if value is None else str(value) for value in values]
        if not any("E" in text or (whole and "." in text) for text in found if text is not None):
            return found
    if whole:
        values = [_whole(value) if isinstance(value, Decimal) else value for value in values]
    return list(map(text_of, values))


def _whole(value: Decimal) -> Decimal | int:
    """Beyond what a double has exactly, the job could not read it as a whole number."""
    return int(value) if value.adjusted() < _DOUBLE_DIGITS and value == value.to_integral_value() else value


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
