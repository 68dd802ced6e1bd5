"""An expression of `transform` reads its own row, and nothing else."""

from typing import Any

import pytest

from lakeferry.errors import FeedInvalidError
from lakeferry.feeds import parse_feed
from lakeferry.feeds.reach import reach_problem
from tests.conftest import feed_document

BEYOND = {
    "(select max(amount) from lake.curated.sales) > 0": "SELECT",
    "amount in (SELECT amount FROM sales)": "SELECT",
    "exists (values 1)": "VALUES",
    "(table sales) is not null": "TABLE",
    "(from sales select max(amount)) > 0": "FROM",
    "(with t as (from sales) from t) > 0": "WITH",
    "amount > '${env:AWS_SECRET_ACCESS_KEY}'": "environment",
    "amount > ${spark.app.name}": "environment",
    "struct(*) is not null": "star",
    "count(sales.*) > 0": "star",
    "amount > 0 -- and not (": "comment",
    "amount /* 'x */ > (select 1) -- '": "comment",
    "r'a\\' = region or (select 1) = 'a'": "quote",
    "region = 'open": "quote",
    "amount > 0; drop table sales": "semicolon",
}


@pytest.mark.parametrize(("text", "word"), BEYOND.items())
@pytest.mark.parametrize("place", ["filter", "derive", "rules"])
def test_an_expression_that_reaches_beyond_its_row_is_refused(text: str, word: str, place: str) -> None:
    transforms: dict[str, dict[str, Any]] = {
        "filter": {"filter": text},
        "derive": {"derive": {"net": text}},
        "rules": {"rules": [{"name": "known", "expression": text, "action": "drop"}]},
    }
    with pytest.raises(FeedInvalidError, match=rf"\$\.transform\.{place}.*{word}"):
        parse_feed(feed_document(transform=transforms[place]))


@pytest.mark.parametrize(
    "text",
    [
        "amount * 2 > 0 and (price*quantity) < 10",
        "region = 'select * from elsewhere'",
        "region = 'it''s' or region = 'it\\'s (select 1)'",
        "`select` is not null and `a``b` > 1",
        "cast(amount / 1.2 as decimal(12,2)) between -1 and 1",
        "extract(year from sold_at) = 2026 and trim(both ' ' from region) <> ''",
        "selected > 0 and stable = 1",
    ],
)
def test_what_computes_a_value_of_the_row_is_not(text: str) -> None:
    assert reach_problem(text) is None
