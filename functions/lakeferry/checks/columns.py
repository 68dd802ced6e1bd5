"""The checks of `checks.columns` and `checks.expressions`, a batch of rows at a time, for every format.

Formats give columns of text, or typed ones (Parquet); they get back which rows are bad and why. What text is a value
of a type is the Glue job's rule (`casts.py`), so that a row that passes here is never dropped there.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from lakeferry.checks.arrow import Column, kernels
from lakeferry.checks.badrows import Problem
from lakeferry.checks.casts import DIGITS, TextCast, text_bytes
from lakeferry.checks.exact_casts import cast_each
from lakeferry.checks.expressions import Condition
from lakeferry.checks.local_times import missing, tells_offset
from lakeferry.checks.unique import Unique
from lakeferry.errors import FeedInvalidError
from lakeferry.expressions import columns_of, parse
from lakeferry.feeds import ColumnSpec, Feed, FormatSpec

_DIGIT = re.compile(r"(?:\[0-9\]|\\d)(?:\{([0-9]{1,2})\})?")
_FIXED = re.compile(rf"(?:{_DIGIT.pattern}|[A-Za-z0 _:/,;#@-])+")
_FOUND = Iterator[tuple[list[int], str, str]]
"""Indices of rows, the rule, and what was expected."""


class ColumnChecks:
    """The column checks of one decoded file; it keeps what `unique` has to remember.

    Attributes:
        needed: The columns, in the file's spelling, that some check looks at; the others need not be given.
    """

    def __init__(self, feed: Feed, columns: Sequence[str]) -> None:
        """Args:
            columns: The file's columns; declared ones are found whatever their case.

        Raises:
            FeedInvalidError: an expression or a bound does not fit the columns' types.
        """
        declared = {spec.name.lower(): spec for spec in feed.checks.columns}
        looked_at = {name.lower() for each in feed.checks.expressions for name in columns_of(parse(each.expression))}
        self._columns = [
            _ColumnCheck(name, spec or ColumnSpec(name, "string"), feed.format)
            for name in columns
            if ((spec := declared.get(name.lower())) is not None and _asks(spec)) or name.lower() in looked_at
        ]
        self._by_name = {column.name: column for column in self._columns}
        self.needed: tuple[str, ...] = tuple(column.name for column in self._columns)
        types = {column.name.lower(): column.cast.type for column in self._columns}
        self._conditions = [Condition(each.name, each.expression, types) for each in feed.checks.expressions]

    @property
    def notes(self) -> list[str]:
        """What was not checked, and why."""
        return [column.unique.note for column in self._columns if column.unique is not None and column.unique.note]

    def canonical(self, name: str, text: Column) -> Column:
        """A text column as the raw zone has it: without the feed's own marks in numbers."""
        found = self._by_name.get(name)
        return text if found is None else found.cast.canonical(text)

    def check(self, columns: Mapping[str, Column], rows: int) -> list[Problem]:
        """Checks one batch.

        Args:
            columns: Name in the file's spelling → `rows` values. Text columns (`string`) have null where the value
                is empty or one of `format.null_values`.
            rows: How many rows the batch has.

        Returns:
            The problems, by row; several of one row in the order of the file's columns.
        """
        problems: list[Problem] = []
        values: dict[str, Column] = {}
        for column in self._columns:
            given = columns[column.name]
            converted = column.convert(given)
            values[column.name.lower()] = converted.values
            for indices, rule, detail in column.wrong(given, converted.values, converted.bad):
                problems += [Problem(row, column.name, _text(given[row]), rule, detail) for row in indices]
        for condition in self._conditions:
            for rows_of, detail in condition.problems(values, rows):
                problems += [Problem(row, None, None, f"expression:{condition.name}", detail) for row in rows_of]
        problems.sort(key=lambda problem: problem.row)
        return problems


def _asks(spec: ColumnSpec) -> bool:
    """Whether there is anything to check of a column: a plain string may be any text."""
    return spec != ColumnSpec(spec.name, "string", format=spec.format, timezone=spec.timezone)


def _text(value: "pa.Scalar[Any]") -> str | None:
    try:
        found = value.as_py()
    except (ValueError, OverflowError):  # a date that Python does not have
        found = kernels.cast(value, pa.int32() if pa.types.is_date32(value.type) else pa.int64()).as_py()
    return None if found is None else str(found)


@dataclass(frozen=True, slots=True)
class _Converted:
    values: Column
    bad: Column | None


class _ColumnCheck:
    """One column of the file with what is declared of it."""

    def __init__(self, name: str, spec: ColumnSpec, form: FormatSpec) -> None:
        self.name, self.cast, self._spec = name, TextCast(spec, form), spec
        self.unique = Unique(name) if spec.unique else None
        self._min, self._max = self._bound("min", spec.min), self._bound("max", spec.max)
        self._shape = None if spec.pattern is None else _shape_of(spec.pattern)
        self._values = None if spec.values is None else self._convert_values(spec.values)

    def _bound(self, which: str, bound: float | str | None) -> Any:  # noqa: ANN401  (a scalar of the column's type)
        if bound is None:
            return None
        try:
            return pa.scalar(str(bound)).cast(self.cast.type)
        except pa.ArrowInvalid as error:
            raise FeedInvalidError(
                f"checks.columns: {self._spec.name}: {which} {bound!r} is not a {self._spec.type}. Correct the feed."
            ) from error

    def _convert_values(self, values: tuple[str, ...]) -> Column:
        converted = self.cast.convert(pa.array(values, pa.string()))
        if converted.bad is not None:
            raise FeedInvalidError(
                f"checks.columns: {self._spec.name}: some of its values are not of type "
                f"{self._spec.type}. Correct the feed."
            )
        return converted.values

    def convert(self, given: Column) -> _Converted:
        """The column in its declared type."""
        if pa.types.is_large_string(given.type) or pa.types.is_dictionary(given.type):
            given = given.cast(pa.string())
        if pa.types.is_string(given.type):
            converted = self.cast.convert(given)
            return _Converted(converted.values, converted.bad)
        if given.type == self.cast.type:
            return _Converted(given, None)
        values = cast_each(given, self.cast.type)
        bad = kernels.and_(kernels.is_valid(given), kernels.is_null(values))
        return _Converted(values, bad if kernels.any(bad).as_py() else None)

    def wrong(self, given: Column, values: Column, bad: Column | None) -> _FOUND:
        """The rows that break a rule, rule by rule."""
        spec = self._spec
        if bad is not None:
            # of what is no text in the file, no spelling is to blame
            is_text = pa.types.is_string(given.type)
            for rows, detail in self.cast.reasons(given, bad) if is_text else [(_true(bad), self.cast.expected)]:
                yield rows, "type", detail
        yield from self._of_no_clock(given, values)
        if spec.required and values.null_count:
            absent = kernels.is_null(values)
            absent = absent if bad is None else kernels.and_(absent, kernels.invert(bad))
            yield _true(absent), "required", "has no value and must have one"
        yield from self._out_of_bounds(values)
        if spec.min_length is not None or spec.max_length is not None:
            yield from self._of_wrong_length(values)
        if spec.pattern is not None:
            yield from self._not_matching(values, spec.pattern)
        if self._values is not None:
            known = kernels.or_(kernels.is_in(values, self._values), kernels.is_null(values))
            if not kernels.all(known).as_py():
                yield _true(kernels.invert(known)), "values", f"is none of {', '.join((spec.values or ())[:10])}"
        if self.unique is not None and (repeated := self.unique.repeated(values)):
            yield repeated, "unique", "was there before in the file"

    def _of_no_clock(self, given: Column, values: Column) -> _FOUND:
        """Local times that the column's zone skips."""
        spec = self._spec
        if spec.type != "timestamp" or spec.timezone == "UTC" or spec.nonexistent == "shift":
            return
        if "%z" in (spec.format or "") or getattr(given.type, "tz", None) is not None:
            return
        mask = missing(values, spec.timezone)
        rows = [] if mask is None else _true(mask)
        if spec.format is None and pa.types.is_string(given.type):
            rows = [row for row in rows if not tells_offset(given[row].as_py())]
        if rows:
            yield rows, "local_time", f"is no local time in {spec.timezone}, where clocks went forward"

    def _not_matching(self, values: Column, pattern: str) -> _FOUND:
        if self._is_of_shape(values):
            return
        fits = kernels.match_substring_regex(values, rf"\A(?:{pattern})\z")
        if not kernels.all(fits).as_py():
            yield _true(kernels.invert(fits)), "pattern", f"does not match {pattern}"

    def _is_of_shape(self, values: Column) -> bool:
        """Whether all values match a pattern of letters and digits in fixed places, as codes have it."""
        if self._shape is None:
            return False
        data = text_bytes(values).translate(DIGITS)
        return bool(data == self._shape * (len(values) - values.null_count))

    def _out_of_bounds(self, values: Column) -> _FOUND:
        if self._min is None and self._max is None:
            return
        found = kernels.min_max(values)
        if self._min is not None and kernels.less(found["min"], self._min).as_py():
            yield _true(kernels.less(values, self._min)), "min", f"is below {self._spec.min}"
        if self._max is not None and kernels.greater(found["max"], self._max).as_py():
            yield _true(kernels.greater(values, self._max)), "max", f"is above {self._spec.max}"

    def _of_wrong_length(self, values: Column) -> _FOUND:
        low, high = self._spec.min_length or 0, self._spec.max_length
        lengths = kernels.utf8_length(values)
        found = kernels.min_max(lengths).as_py()
        if found["min"] is None or (found["min"] >= low and (high is None or found["max"] <= high)):
            return
        wrong = kernels.less(lengths, low)
        if high is not None:
            wrong = kernels.or_(wrong, kernels.greater(lengths, high))
        yield _true(wrong), "length", f"has not {low} to {'any number of' if high is None else high} characters"


def _shape_of(pattern: str) -> bytes | None:
    """What a text that matches looks like with 0 for each digit; None if that may be this or that."""
    if not _FIXED.fullmatch(pattern):
        return None
    shape = _DIGIT.sub(lambda match: "0" * int(match[1] or 1), pattern)
    # a digit of the pattern's own would stand for any
    return shape.encode() if not re.search("[1-9]", shape) and "0" not in _DIGIT.sub("", pattern) else None


def _true(mask: Column) -> list[int]:
    found: list[int] = kernels.indices_nonzero(mask).to_pylist()
    return found
