"""File names against a feed's pattern."""

from datetime import date

import pytest

from lakeferry.feeds import FilesSpec
from poll.pattern import Pattern

MTIME = 1_795_399_200  # 2026-11-23 UTC


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("sales_{date:%Y%m%d}_*.csv.gz", "sales_20261101_a.csv.gz", date(2026, 11, 1)),
        ("sales_{date:%Y%m%d}_*.csv.gz", "sales_20261101_a.csv.gz.part", None),
        ("sales_{date:%Y%m%d}_*.csv.gz", "Sales_20261101_a.csv.gz", None),
        ("sales_{date:%Y%m%d}.csv", "sales_20260230.csv", None),
        ("sales_{date:%Y%m%d}.csv", "sales_2026011.csv", None),
        ("{date:%d.%m.%y}-stock.txt", "05.11.26-stock.txt", date(2026, 11, 5)),
        ("*.csv", "x.csv", date(2026, 11, 23)),
        ("*.csv", "x.csv\n", None),
        ("[ab]?.csv", "a1.csv", date(2026, 11, 23)),
        ("[ab]?.csv", "c1.csv", None),
        ("a.b.csv", "aXb.csv", None),
        ("{date:%b%Y}.csv", "nov2026.csv", date(2026, 11, 1)),
    ],
)
def test_business_date(pattern: str, name: str, expected: date | None) -> None:
    assert Pattern(FilesSpec("/", pattern)).business_date(name, MTIME) == expected
