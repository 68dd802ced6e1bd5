"""Rows go to a dataset of their tenant's, or to one that is shared with it; all others wait, and are told."""

import json
from typing import Any

import pytest

import curate
from lakeferry.ledger.asides import CURATE, Aside
from lakeferry.ledger.datasets import Datasets
from tests.conftest import OTHER_RUN, RUN, feed_document
from tests.glue.conftest import SmallLake

pytestmark = pytest.mark.spark

TEXT = [{"name": "order_id", "type": "string"}, {"name": "amount", "type": "string"}]
SALES = "order_id,amount\n1,10.00\n"
TABLE_FORMATS = ["parquet", "iceberg"]


def put(lake: SmallLake, tenant: str, **changes: Any) -> None:
    """Past `feeds put`, which would refuse it."""
    lake.feeds.put_item(
        Item=feed_document(
            tenant=tenant, server={**feed_document()["server"], "secret": f"lakeferry/{tenant}/x"}, **changes
        )
    )


def asides(lake: SmallLake) -> dict[str, Aside]:
    return {one.feed_id: one for one in lake.job()._ledger.asides.of(CURATE)}


def owners(lake: SmallLake) -> dict[str, tuple[tuple[str, ...], bool]]:
    return {name: (one.tenants, one.is_open) for name, one in Datasets(lake.ledger).all().items()}


@pytest.mark.parametrize("table_format", TABLE_FORMATS)
def test_anothers_rows_and_column_types_do_not_get_in_whoever_comes_first(
    lake: SmallLake, table_format: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Datasets(lake.ledger).claim("sales", "globex")  # by `feeds put`; nothing was delivered yet
    transform = {"table_format": table_format}
    put(lake, "globex", transform=transform)
    put(lake, "acme", transform=transform, checks={"columns": TEXT})
    lake.land("a.csv", SALES)
    curate.main(lake.arguments())
    report = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert report["own"] == {"acme/daily_sales dt=2026-01-05": "DatasetTakenError"}
    entry = lake.entry("a.csv")
    assert (entry["status"], entry["pending"]) == ("UPLOADED", "aside"), "raw stays, and no job is paid for it"
    assert (lake.folder / entry["raw_keys"][0]).read_text("utf-8") == SALES
    aside = asides(lake)["acme/daily_sales"]
    assert aside.error == "DatasetTakenError"
    assert "globex" not in aside.cause
    lake.land("g.csv", SALES, tenant="globex")
    curate.main(lake.arguments(OTHER_RUN))
    assert lake.entry("g.csv", "globex/daily_sales")["status"] == "CURATED"
    assert owners(lake) == {"sales": (("globex",), True)}


def test_of_two_that_were_put_past_feeds_put_one_owns_it(lake: SmallLake) -> None:
    for tenant in ("acme", "globex"):
        put(lake, tenant)
        lake.land("a.csv", SALES, tenant=tenant)
    curate.main(lake.arguments())
    assert owners(lake) == {"sales": (("acme",), True)}
    assert set(lake.locations()) == {("acme", "daily_sales", "2026-01-05")}
    assert list(asides(lake)) == ["globex/daily_sales"]


def test_one_it_is_shared_with_waits_for_the_owners_first_rows_and_no_longer(lake: SmallLake) -> None:
    datasets = Datasets(lake.ledger)
    datasets.claim("sales", "globex")
    datasets.share("sales", ["acme"])
    put(lake, "acme", checks={"columns": TEXT})
    put(lake, "globex")
    lake.land("a.csv", SALES)
    curate.main(lake.arguments())
    assert asides(lake)["acme/daily_sales"].error == "DatasetEmptyError"
    lake.land("g.csv", SALES, tenant="globex")
    curate.main(lake.arguments(OTHER_RUN))
    assert lake.table_columns()["order_id"] == "bigint"
    put(lake, "acme", transform={"filter": "amount > 0"})
    assert lake.job()._ledger.take_up("acme/daily_sales") == 1
    curate.main(lake.arguments(RUN + "3"))
    assert set(lake.locations()) == {(tenant, "daily_sales", "2026-01-05") for tenant in ("acme", "globex")}
    assert asides(lake) == {}


@pytest.mark.parametrize("table_format", TABLE_FORMATS)
def test_what_is_shared_today_stays_shared(lake: SmallLake, table_format: str) -> None:
    """Rows of two tenants from before there were owners, and a third with a feed but no rows yet."""
    for tenant in ("acme", "globex", "initech"):
        put(lake, tenant, transform={"table_format": table_format})
        if tenant != "initech":
            lake.land("a.csv", SALES, tenant=tenant)
    before = Datasets(lake.ledger)
    before.claim("sales", "acme")
    before.share("sales", ["globex"])
    before.open("sales")
    curate.main(lake.arguments())
    for key in (("!dataset", "sales"), ("!seeded", "datasets")):
        lake.ledger.delete_item(Key=dict(zip(("feed_id", "file_id"), key, strict=True)))
    for tenant in ("globex", "initech"):
        lake.land(f"{tenant}.csv", SALES, tenant=tenant, dt="2026-01-06")
    put(lake, "evil", dataset="other")
    lake.land("b.csv", SALES, tenant="evil")
    curate.main(lake.arguments(OTHER_RUN))
    assert owners(lake) == {"sales": (("acme", "globex", "initech"), True), "other": (("evil",), True)}
    assert asides(lake) == {}
    assert lake.entry("initech.csv", "initech/daily_sales")["status"] == "CURATED"


def test_where_an_owner_cannot_be_read_that_is_nobodys_fault(lake: SmallLake, monkeypatch: pytest.MonkeyPatch) -> None:
    put(lake, "acme")
    lake.land("a.csv", SALES)

    def refuse(*_: object) -> None:
        raise OSError("the ledger is away")

    monkeypatch.setattr(Datasets, "found", refuse)
    with pytest.raises(curate.JobFailedError, match="OSError: the ledger is away"):
        curate.main(lake.arguments())
    assert lake.entry("a.csv")["pending"] == "raw"
