"""`prices.yaml`, read once: prices, limits, and what Lakeferry takes for each thing that it does."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

FILE = Path(__file__).with_name("prices.yaml")


@dataclass(frozen=True, slots=True)
class Source:
    """
    Attributes:
        page: Its title.
        read: ISO date of the text that was read.
        is_confirmed: False where nobody could read one that says it.
    """

    page: str
    read: str
    is_confirmed: bool
    note: str


@dataclass(frozen=True, slots=True)
class Price:
    """
    Attributes:
        dollars: For `per` of what is counted.
    """

    service: str
    dollars: float
    per: float
    source: Source

    def of(self, quantity: float) -> float:
        """Dollars."""
        return self.dollars * quantity / self.per


@dataclass(frozen=True, slots=True)
class Limit:
    """
    Attributes:
        change: What to do where it is reached.
    """

    name: str
    limit: float
    unit: str
    change: str
    source: Source


@dataclass(frozen=True, slots=True)
class Prices:
    """The whole file.

    Attributes:
        others: What somebody else would be paid, and `beside` what stands beside any bill.
        counts: By thing done, how many of what is priced.
        times: Seconds and rates of the functions.
    """

    looked_at: str
    region: str
    hours_in_month: float
    prices: Mapping[str, Price]
    beside: Mapping[str, Price]
    others: Mapping[str, Price]
    limits: Mapping[str, Limit]
    counts: Mapping[str, Mapping[str, Any]]
    times: Mapping[str, Mapping[str, float]]
    sources: Mapping[str, Source]


@cache
def prices(path: Path = FILE) -> Prices:
    """What the file says."""
    loaded: dict[str, Any] = yaml.safe_load(path.read_text("utf-8"))
    sources = {
        name: Source(one["page"], str(one["read"]), one.get("confirmed", True), one.get("note", ""))
        for name, one in loaded["sources"].items()
    }

    def priced(section: str) -> dict[str, Price]:
        return {
            name: Price(one.get("service", name), one["dollars"], one["per"], sources[one["source"]])
            for name, one in loaded[section].items()
        }

    return Prices(
        looked_at=str(loaded["looked_at"]),
        region=loaded["region"],
        hours_in_month=loaded["days_in_month"] * 24,
        prices=priced("prices"),
        beside=priced("beside"),
        others=priced("others"),
        limits={
            name: Limit(name, one["limit"], one["unit"], one["change"], sources[one["source"]])
            for name, one in loaded["limits"].items()
        },
        counts=loaded["counts"],
        times=loaded["times"],
        sources=sources,
    )
