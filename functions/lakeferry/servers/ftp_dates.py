"""Times in the listings of FTP servers, as they write them in their language and order.

Text is the server's bytes in ISO 8859-1, so a month of another alphabet is looked up by what its bytes look like then.
"""

import re
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import cache

TIME = r"\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?"
ORDERS = ("mdy", "dmy", "ymd")
"""Of day, month and year in a date of numbers; see `server.date_order`."""
ENGLISH = {
    name: number
    for number, name in enumerate(
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"], 1
    )
}
_LATIN = ("utf-8", "iso-8859-1", "cp850", "iso-8859-2", "cp1250", "cp852")
_RUSSIAN = ("utf-8", "cp1251", "koi8-r", "cp866", "iso-8859-5")
_OTHERS: tuple[tuple[tuple[str, ...], str], ...] = (
    (_LATIN, "jan|jän feb mär|mrz|maerz apr mai jun jul aug sep|sept okt nov dez"),
    (_LATIN, "janv|jan févr|fév|fevr mars avril|avr mai juin juil|jui août|aout sept|sep oct nov déc|dec"),
    (_LATIN, "ene feb mar abr may jun jul ago sep|sept|set oct nov dic"),
    (_LATIN, "gen feb mar apr mag giu lug ago set|sett ott nov dic"),
    (_LATIN, "jan fev mar abr mai jun jul ago set out nov dez"),
    (_LATIN, "jan feb mrt apr mei jun jul aug sep okt nov dec"),
    (_LATIN, "sty lut mar kwi maj cze lip sie wrz paź lis gru"),
    (_RUSSIAN, "янв фев|февр мар|марта апр мая|май июн|июня июл|июля авг сен|сент окт ноя|нояб дек"),
)
"""Abbreviations of glibc and Windows: German, French, Spanish, Italian, Portuguese, Dutch, Polish, Russian."""
_EASTERN = ("utf-8", "gb18030", "big5", "shift_jis", "euc_jp", "euc_kr")


def looks(*words: str) -> list[str]:
    """What each may look like, as patterns."""
    found: set[str] = set()
    for word in words:
        for encoding in (*_EASTERN, *_RUSSIAN):
            with suppress(UnicodeEncodeError):
                found.add(re.escape(word.encode(encoding).decode("iso-8859-1")))
    return sorted(found, key=len, reverse=True)


YEAR, MONTH, DAY = (f"(?:{'|'.join(looks(*words))})" for words in ("年년", "月월", "日일"))
"""Behind numbers, in Chinese, Japanese and Korean."""


class AmbiguousDateError(ValueError):
    """Day and month could be the other way round."""


@dataclass(slots=True)
class Clock:
    """How a server's times are read.

    Attributes:
        zone: They are written in.
        now: A date without a year is of the last twelve months before this.
        order: One of `ORDERS`, for dates of numbers; None where only dates that have one meaning are read.
    """

    zone: tzinfo
    now: datetime
    order: str | None = None
    _latest: float = field(init=False)
    _year: int = field(init=False)

    def __post_init__(self) -> None:
        # a server's clock may be somewhat ahead of ours
        self._latest = (self.now.astimezone(UTC) + timedelta(days=1)).timestamp()
        self._year = self.now.astimezone(self.zone).year + 1

    def epoch(self, year: int, month: int, day: int, time: str = "", half: str = "") -> int:
        """UTC epoch seconds; `24:00` is the beginning of the next day."""
        hour = minute = second = 0
        if time:
            parts = time.partition(".")[0].split(":")
            hour, minute = int(parts[0]), int(parts[1])
            second = int(parts[2]) if len(parts) > 2 else 0
        if half:
            if not 1 <= hour <= 12:
                raise ValueError(f"not a time: {time} {half}")
            hour = hour % 12 + (12 if half[0] in "pP" else 0)
        if hour == 24 and not minute and not second:
            return int((datetime(year, month, day, tzinfo=self.zone) + timedelta(days=1)).timestamp())
        return int(datetime(year, month, day, hour, minute, second, tzinfo=self.zone).timestamp())

    def recent(self, month: int, day: int, time: str) -> int:
        """As `epoch`, of a date whose year is not shown."""
        for year in range(self._year, self._year - 10, -1):
            try:
                written = self.epoch(year, month, day, time)
            except ValueError:  # 29 February of another year
                if (month, day) != (2, 29):
                    raise
                continue
            if written <= self._latest:
                return written
        raise ValueError(f"no such day: {month}-{day}")

    def numbers(self, text: str, *, usual: str | None = None) -> tuple[int, int, int]:
        """Year, month and day of a date such as `11/23/26`.

        Args:
            usual: The order where the feed names none, if this form of listing has one.

        Raises:
            AmbiguousDateError: the date has several meanings, and the feed does not say which.
            ValueError: it has none.
        """
        parts = re.split(r"\D+", text)
        if len(parts) != 3:
            raise ValueError(f"not a date: {text!r}")
        order = "ymd" if len(parts[0]) == 4 else self.order or usual
        orders = (order,) if order else ORDERS if len(parts[2]) == 2 else ORDERS[:2]
        found = {meant for meant in (_date(parts, order) for order in orders) if meant is not None}
        if not found:
            raise ValueError(f"not a date: {text!r}")
        if len(found) > 1:
            raise AmbiguousDateError(f"{text} can be {' or '.join(sorted(map(str, found)))}: set server.date_order")
        (one,) = found
        return one.year, one.month, one.day


def _date(parts: list[str], order: str) -> date | None:
    told = dict(zip(order, map(int, parts), strict=True))
    year = told["y"]
    if year < 100:
        year += 1900 if year >= 70 else 2000
    try:
        return date(year, told["m"], told["d"])
    except ValueError:
        return None


def month(name: str) -> int:
    """
    Raises:
        ValueError: no language that is known calls a month so.
    """
    name = _lower(name).rstrip(".,")
    number = ENGLISH.get(name) or _other_months().get(name)
    if number is None:
        raise ValueError(f"not a month: {name!r}")
    return number


def _lower(name: str) -> str:
    """Of letters of ASCII only: others may be parts of another alphabet's."""
    return "".join(letter.lower() if letter.isascii() else letter for letter in name)


@cache
def _other_months() -> dict[str, int]:
    found = dict(ENGLISH)
    for encodings, names in _OTHERS:
        for number, forms in enumerate(names.split(), 1):
            for form in forms.split("|"):
                for written in (form, form.title(), form.upper()):
                    for encoding in encodings:
                        try:
                            look = written.encode(encoding).decode("iso-8859-1")
                        except UnicodeEncodeError:
                            continue
                        found.setdefault(_lower(look), number)
    return found
