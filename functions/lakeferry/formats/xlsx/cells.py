"""Cells of a workbook as text."""

import math
import re
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from lakeferry.feeds import ColumnSpec

_ESCAPED = re.compile("_x(0009|000A|000D|005F)_", re.IGNORECASE)
"""Characters that XML would change, as Excel writes them (ECMA-376 part 1, 22.9.2.19 ST_Xstring)."""


def cell_text(value: Any, column: ColumnSpec | None) -> str | None:  # noqa: ANN401  (any cell's value)
    """A cell as CSV would have it; dates and times in the declared format, or ISO 8601."""
    if value is None:
        return None
    if isinstance(value, str):
        text = _ESCAPED.sub(lambda escape: chr(int(escape[1], 16)), value) if "_x" in value else value
        return text.replace("\r\n", "\n").replace("\r", "\n")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, datetime | date):
        return _moment(value, column)
    if isinstance(value, time):
        return value.isoformat()
    if isinstance(value, timedelta):
        seconds = value // timedelta(seconds=1)
        return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    return str(value)


def _number(value: float) -> str:
    if not math.isfinite(value):
        return str(value)
    # the shortest decimal that is this number; integers without a point
    text = f"{Decimal(repr(value)):f}"
    return text.removesuffix(".0")


def _moment(value: date, column: ColumnSpec | None) -> str:
    kind = column.type if column else ""
    if column is not None and column.format is not None and kind in {"date", "timestamp"}:
        return value.strftime(column.format)
    if not isinstance(value, datetime):
        return value.isoformat()
    midnight = (value.hour, value.minute, value.second, value.microsecond) == (0, 0, 0, 0)
    return value.strftime("%Y-%m-%d") if midnight and kind != "timestamp" else value.isoformat(" ")
