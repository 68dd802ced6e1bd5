"""Which days are holidays.

The library `holidays` knows countries and markets. Only check_sla and the laptop have it; elsewhere a document's
country is not looked up, and a wrong one is told when the document is put and by check_sla.
"""

from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from importlib.util import find_spec


@dataclass(frozen=True, slots=True)
class HolidaysSpec:
    """Which days are holidays: those of a country or a market, some added, some taken away.

    Attributes:
        country: ISO 3166-1 alpha-2 code, `US`.
        subdivision: ISO 3166-2 code without the country, `NY`.
        market: Financial market as the library `holidays` names it, `XNYS`.
    """

    country: str | None = None
    subdivision: str | None = None
    market: str | None = None
    add: frozenset[date] = frozenset()
    remove: frozenset[date] = frozenset()


def is_holiday(spec: HolidaysSpec | None, day: date) -> bool:
    """Whether a day is one, the days on which a holiday on a weekend is observed included."""
    if spec is None or day in spec.remove:
        return False
    return day in spec.add or day in _known(spec.country, spec.subdivision, spec.market, day.year)


def unknown_calendar(spec: HolidaysSpec) -> str | None:
    """A sentence if the library does not know the country, subdivision or market; None too where it is not there."""
    if find_spec("holidays") is None:
        return None
    try:
        _known(spec.country, spec.subdivision, spec.market, 2026)
    except NotImplementedError as error:
        return f"the library holidays does not know it ({error})"
    return None


@lru_cache(maxsize=4096)
def _known(country: str | None, subdivision: str | None, market: str | None, year: int) -> frozenset[date]:
    """A year's holidays. A set for each year: the library's own object fills itself while it is read, by any thread."""
    if country is None and market is None:
        return frozenset()
    # imported late: most functions do not have it, and feeds without holidays do not need it
    import holidays

    if market is not None:
        return frozenset(holidays.financial_holidays(market, years=year))
    return frozenset(holidays.country_holidays(str(country), subdiv=subdivision, years=year))
