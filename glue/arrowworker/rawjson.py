"""Raw JSON Lines as columns of text, decoded as the checks decode them, in the letters that Spark gives them.

Spark hands every value on as text, and a number with a fraction passes through Java's double on its way: where it
matters what letters those are, the partition is Spark's. A decimal is parsed as such, and has its type's digits.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from types import TracebackType
from typing import Any, Self

import pyarrow as pa

from arrowworker.equal import NotEqualError
from arrowworker.raw import Content, Delivered
from lakeferry.checks.arrow import Column, kernels
from lakeferry.expressions import Type, type_of
from lakeferry.feeds import Feed
from lakeferry.feeds.columns import RESERVED, column_names
from lakeferry.formats.json.records import decode_records, encode, without_cycle_search
from lakefiles import Lake
from worklist import LandedFile

_ROWS = 65_536
_BLOCK = 4 * 1024 * 1024
_BOM = b"\xef\xbb\xbf"
_PLAIN = r"^-?[0-9]+(\.[0-9]+)?$"
_MOST_DIGITS = 38
_MOST_EXPONENT = 290
"""Of a float64; beyond, it might be none."""
_DOUBLE_DIGITS = 15
"""What a double has exactly, whatever they are."""

_Texts = Callable[[str, Sequence[Any]], Column]


class RawJson:
    """One raw object; a context."""

    def __init__(self, lake: Lake, key: str, feed: Feed, landed: LandedFile) -> None:
        self._key, self._titles = key, landed.columns
        self._names = column_names(self._titles)
        self._declared = _declared(feed, self._titles, self._names)
        self._content = Content(lake, key)
        self._unshown: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._content.close()

    def types(self) -> Mapping[str, Type]:
        """All are text."""
        return dict.fromkeys(self._names, Type("string"))

    def batches(self) -> Iterator[Delivered]:
        """The rows, some at a time.

        Raises:
            NotEqualError: Spark might read something else.
        """
        self._check_titles()
        for lines in self._lines():
            with without_cycle_search():
                decoded = decode_records(lines)
            if decoded.problems:
                raise NotEqualError(f"{self._key}: it has lines that are no records")
            self._unshown.clear()
            columns = {
                name: self._column(name, [record.get(title) for record in decoded.records])
                for name, title in zip(self._names, self._titles, strict=True)
            }
            yield Delivered(columns, frozenset(self._unshown))

    def _check_titles(self) -> None:
        if set(self._titles) & RESERVED or len({title.lower() for title in self._titles}) < len(self._titles):
            raise NotEqualError(f"{self._key}: its keys are not told apart by all")
        if not self._titles:
            raise NotEqualError(f"{self._key}: it has no columns")

    def _lines(self) -> Iterator[list[bytes]]:
        data, at = self._content.data, 0
        if data[:3] == _BOM:
            raise NotEqualError(f"{self._key}: it has a byte-order mark")
        while at < len(data):
            end = data.rfind(b"\n", at, at + _BLOCK) + 1 or data.find(b"\n", at) + 1 or len(data)
            lines = data[at:end].removesuffix(b"\n").split(b"\n")
            at = end
            if not all(lines):
                raise NotEqualError(f"{self._key}: it has empty lines")
            for start in range(0, len(lines), _ROWS):
                yield lines[start : start + _ROWS]

    def _column(self, name: str, values: list[Any]) -> Column:
        kinds = set(map(type, values))
        declared = self._declared.get(name, Type("string"))
        if declared.kind == "decimal":
            return self._decimals(name, values, declared)
        if declared.kind == "int64":
            values = [self._whole(name, value) for value in values]
        elif Decimal in kinds:
            if declared.kind != "float64":
                raise NotEqualError(f"column {name}: a number with a fraction has Java's letters")
            self._unshown.add(name)
            values = [self._fraction(name, value) if type(value) is Decimal else value for value in values]
        return pa.array([self._text(name, value) for value in values], pa.string())

    def _text(self, name: str, value: Any) -> str | None:  # noqa: ANN401  (any JSON value)
        if value is None or type(value) is str:
            return value
        if type(value) is bool:
            return "true" if value else "false"
        if type(value) is int and -(2**63) <= value < 2**63:
            return str(value)
        if type(value) in {dict, list}:
            text = encode(value)
            if b"\\" in text or _has_fraction(value):
                raise NotEqualError(f"column {name}: values within it are written in Java's letters")
            return text.decode()
        raise NotEqualError(f"column {name}: a number beyond 64 bits")

    def _fraction(self, name: str, value: Decimal) -> str:
        text = str(value)
        if (value and abs(value.adjusted()) > _MOST_EXPONENT) or len(text) > 2 * _MOST_DIGITS:
            raise NotEqualError(f"column {name}: a number that may be no float64")
        return text

    def _whole(self, name: str, value: Any) -> Any:  # noqa: ANN401  (any JSON value)
        if type(value) is Decimal:
            if value.adjusted() >= _DOUBLE_DIGITS or value != value.to_integral_value():
                raise NotEqualError(f"column {name}: a fraction where whole numbers are declared")
            return int(value)
        if type(value) is str and ("." in value or "E" in value):
            raise NotEqualError(f"column {name}: Spark takes a text for a number")
        return value

    def _decimals(self, name: str, values: list[Any], of: Type) -> Column:
        """Numbers, and texts that are some, with the type's digits after the point."""
        for value in values:
            if type(value) in {bool, dict, list} or (type(value) is Decimal and len(str(value)) > 2 * _MOST_DIGITS):
                raise NotEqualError(f"column {name}: a value that may be no decimal")
        written = [value if value is None or type(value) is str else f"{value:f}" for value in values]
        texts = pa.array(written, pa.string())
        blank = kernels.equal(kernels.utf8_trim(texts, " "), "")
        numbers = kernels.if_else(blank, pa.scalar(None, pa.string()), texts)
        plain = kernels.match_substring_regex(numbers, _PLAIN)
        if kernels.all(plain, min_count=0).as_py() is False:
            raise NotEqualError(f"column {name}: a value that may be no decimal")
        # a digit too many is refused, and not rounded: that would be Spark's word
        exact = numbers.cast(pa.decimal128(of.precision, of.scale))
        shown = exact.cast(pa.string())
        if kernels.any(kernels.match_substring(shown, "E")).as_py():
            shown = pa.array([None if each is None else f"{each:f}" for each in exact.to_pylist()], pa.string())
        return kernels.coalesce(shown, texts)


def _declared(feed: Feed, titles: Sequence[str], names: Sequence[str]) -> dict[str, Type]:
    """Names in tables → declared types, of the columns that are there.

    Raises:
        NotEqualError: Spark would not take a key for the column it becomes.
    """
    columns = feed.checks.columns
    by_key = {column.name.lower(): column.type for column in columns}
    known = set(column_names([column.name for column in columns]))
    found: dict[str, Type] = {}
    for title, name in zip(titles, names, strict=True):
        declared = by_key.get(title.lower())
        if declared is None and name in known:
            raise NotEqualError(f"column {name}: a key that is written in another way than declared")
        if declared is not None and (of := type_of(declared)) is not None:
            found[name] = of
    return found


def _has_fraction(value: Any) -> bool:  # noqa: ANN401  (any JSON value)
    if isinstance(value, dict):
        return any(map(_has_fraction, value.values()))
    if isinstance(value, list):
        return any(map(_has_fraction, value))
    return type(value) not in {str, bool, type(None)} and not (type(value) is int and -(2**63) <= value < 2**63)
