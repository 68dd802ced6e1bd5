"""Files and rows of a feed by the day they landed, in numbers beside the rest of the feed's item.

They are counted up by the write that notes files that landed anyway: no call more, and nobody who wants to
see a month of a feed reads its files. A call that was killed in between, or repeated, may leave a batch out or
have it twice: these numbers are for drawings, and the files' own items are the truth.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

DAYS = 31
"""Days that are kept, today too."""
_FILES, _ROWS = "files_on_", "rows_on_"


def counted(files: int, rows: int, now: datetime) -> tuple[str, dict[str, str], dict[str, int]]:
    """An update expression's ADD for files that landed now, with its names and values."""
    day = f"{now:%Y-%m-%d}"
    names = {"#files_on": f"{_FILES}{day}", "#rows_on": f"{_ROWS}{day}"}
    return "ADD #files_on :files_on, #rows_on :rows_on", names, {":files_on": files, ":rows_on": rows}


def by_day(state: Mapping[str, Any], days: int, now: datetime) -> list[tuple[date, int, int]]:
    """Day, files and rows of the last days, the oldest first; 0 where nothing landed."""
    last = [(now - timedelta(days=back)).date() for back in reversed(range(days))]
    return [(day, int(state.get(f"{_FILES}{day}", 0)), int(state.get(f"{_ROWS}{day}", 0))) for day in last]


def over(state: Mapping[str, Any], now: datetime) -> Sequence[str]:
    """Attributes of days that are kept no longer."""
    first = f"{(now - timedelta(days=DAYS - 1)).date()}"
    return [
        name
        for name in state
        for prefix in (_FILES, _ROWS)
        if name.startswith(prefix) and name.removeprefix(prefix) < first
    ]
