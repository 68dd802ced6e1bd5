"""Cells of a workbook as text."""

import math
import re
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import TypeAlias

from lakeferry.feeds import ColumnSpec
from lakeferry.formats.xlsx.parts import BrokenError
from lakeferry.formats.xlsx.styles import DURATION

_ESCAPED = re.compile("_x(0009|000A|000D|005F)_", re.IGNORECASE)
"""Characters that XML would change, as Excel writes them (ECMA-376 part 1, 22.9.2.19 ST_Xstring)."""
_ISO_DURATION = re.compile(
    r"P(?:(?P<days>\d+)D)?(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?"
)
_MAX_DIGITS = 400
"""Of a number: a double has at most 309 before its point."""
_EPOCH_1900, _EPOCH_1904 = datetime(1899, 12, 30), datetime(1904, 1, 1)
_LEAP_1900 = 60
"""Excel has a day of 29 February 1900, as Lotus 1-2-3 had; before it all days are one off."""


class CellError(str):
    """What a formula came to that went wrong, or a value that is none of its type."""

    __slots__ = ()


Value: TypeAlias = str | int | date | time | timedelta | CellError | None
"""Of a cell: text, numbers as text; an `int` is the number of a shared text."""


def plain_text(text: str) -> str:
    """A text as it was typed in, with LF at the end of its lines."""
    if "_x" in text:
        text = _ESCAPED.sub(lambda escape: chr(int(escape[1], 16)), text)
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def cell_text(value: date | time | timedelta, column: ColumnSpec | None) -> str:
    """A date, time or duration as CSV would have it: in the declared format, or ISO 8601."""
    if isinstance(value, date):
        return _moment_text(value, column)
    if isinstance(value, time):
        return value.isoformat()
    seconds = value // timedelta(seconds=1)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


def _moment_text(value: date, column: ColumnSpec | None) -> str:
    kind = column.type if column else ""
    if column is not None and column.format is not None and kind in {"date", "timestamp"}:
        return value.strftime(column.format)
    if not isinstance(value, datetime):
        return value.isoformat()
    midnight = (value.hour, value.minute, value.second, value.microsecond) == (0, 0, 0, 0)
    return value.strftime("%Y-%m-%d") if midnight and kind != "timestamp" else value.isoformat(" ")


def number_text(value: str) -> str:
    """A number as its shortest decimal; whole ones without a point."""
    if len(value) <= 15 and value.isdigit() and value.isascii() and value[0] != "0":
        return value
    found = _number(value)
    if isinstance(found, int):
        return str(found)
    text = repr(found)
    return f"{Decimal(text):f}".removesuffix(".0") if "e" in text else text.removesuffix(".0")


def moment(value: str, kind: int, counts_from_1904: bool) -> date | time | timedelta | CellError:
    """What a number of days is that is shown as a date or a duration."""
    days = _number(value)
    try:
        if kind == DURATION:
            return _to_milliseconds(timedelta(days=days))
        return _moment(days, counts_from_1904=counts_from_1904)
    except (OverflowError, ValueError):
        # what Excel shows as ####
        return CellError("#VALUE!")


def _moment(days: float, *, counts_from_1904: bool) -> datetime | time:
    whole, fraction = divmod(days, 1)
    rest = timedelta(milliseconds=round(fraction * 86_400_000))
    if 0 <= days < 1 and not rest.days:
        return (datetime.min + rest).time()
    epoch = _EPOCH_1904 if counts_from_1904 else _EPOCH_1900
    if 0 < days < _LEAP_1900 and not counts_from_1904:
        whole += 1
    return epoch + timedelta(days=whole) + rest


def _to_milliseconds(value: timedelta) -> timedelta:
    return timedelta(milliseconds=round(value / timedelta(milliseconds=1))) if value.microseconds else value


def iso_moment(value: str) -> date | time | timedelta | CellError:
    """A date or time in ISO 8601, as strict OOXML has them; a duration is one of Excel's own."""
    if found := _ISO_DURATION.fullmatch(value):
        parts = {name: float(part) for name, part in found.groupdict(0).items()}
        return timedelta(**parts) if value != "P" else CellError(value)
    text = value.removesuffix("Z")
    for kind in (date, datetime, time):
        try:
            return kind.fromisoformat(text)
        except ValueError:
            continue
    return CellError(value[:40])


def _number(value: str) -> int | float:
    try:
        if len(value) > _MAX_DIGITS or "_" in value:
            raise ValueError
        found = float(value) if any(sign in value for sign in ".eEnN") else int(value)
    except ValueError as error:
        raise BrokenError(f"it has {value[:30]!r} where a number should be") from error
    if not math.isfinite(found):
        raise BrokenError(f"it has {value[:30]!r} where a number should be")
    return found
