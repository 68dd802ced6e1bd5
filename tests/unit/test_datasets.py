"""A dataset has an owner: who may write to it, how that came about, and how the operator changes it."""

import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from threading import Barrier
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from lakeferry.errors import DatasetEmptyError, DatasetTakenError
from lakeferry.feeds import put_feed
from lakeferry.ledger import Ledger
from lakeferry.ledger.asides import CURATE, Aside
from lakeferry.ledger.datasets import Datasets, Owned, is_name, owners_today, tried_with
from lakeferry.ledger.seeding import folders_of, seed_datasets, seeded_datasets, tenants_of
from lakeferry.mails.set_aside import feed_set_aside
from list_feeds.core import list_feeds
from tests.conftest import RUN, feed_document

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_s3 import S3Client

SCHEMA = json.loads((Path(__file__).parents[2] / "functions/lakeferry/feed_schema.json").read_text("utf-8"))


@pytest.fixture
def datasets(ledger: Ledger) -> Datasets:
    return ledger.datasets


def document(tenant: str, dataset: Any = "sales", feed: str = "f") -> dict[str, Any]:
    return {"tenant": tenant, "feed": feed, "dataset": dataset}


# -- who owns it


def test_whoever_comes_first_owns_it_and_others_are_refused_by_its_name(datasets: Datasets) -> None:
    assert datasets.claim("sales", "acme").owner == "acme"
    assert datasets.claim("sales", "acme").owner == "acme"
    with pytest.raises(DatasetTakenError, match="dataset sales belongs to another tenant") as refused:
        datasets.claim("sales", "globex", "--stack staging")
    assert "acme" not in str(refused.value), "tenants never hear of each other"
    assert str(refused.value).endswith("./lakeferry datasets share sales --with globex --stack staging")
    assert datasets.claim("stock", "globex").owner == "globex"


def test_of_many_at_once_one_wins(datasets: Datasets, monkeypatch: pytest.MonkeyPatch) -> None:
    tenants = [f"tenant{number}" for number in range(8)]
    real, all_have_looked = datasets.get, Barrier(len(tenants))

    def get(dataset: str) -> Owned | None:
        found = real(dataset)
        if found is None:
            all_have_looked.wait(30)
        return found

    monkeypatch.setattr(datasets, "get", get)

    def claim(tenant: str) -> str | None:
        try:
            return datasets.claim("sales", tenant).owner
        except DatasetTakenError:
            return None

    with ThreadPoolExecutor(len(tenants)) as pool:
        found = list(pool.map(claim, tenants))
    (winner,) = [tenant for tenant, owner in zip(tenants, found, strict=True) if owner is not None]
    assert datasets.all()["sales"].owner == winner


def test_a_feed_that_is_refused_is_not_put(datasets: Datasets, feeds_table: "Table") -> None:
    put_feed(feeds_table, feed_document(), lambda feed: datasets.claim(feed.dataset, feed.tenant))
    with pytest.raises(DatasetTakenError):
        put_feed(
            feeds_table,
            feed_document(tenant="globex", server={**feed_document()["server"], "secret": "lakeferry/globex/x"}),
            lambda feed: datasets.claim(feed.dataset, feed.tenant),
        )
    assert [item["tenant"] for item in feeds_table.scan()["Items"]] == ["acme"]


def test_the_operator_shares_takes_back_and_gives(datasets: Datasets) -> None:
    assert not datasets.share("sales", ["globex"]), "nobody owns it"
    datasets.claim("sales", "acme")
    assert datasets.share("sales", ["globex", "initech"])
    assert datasets.claim("sales", "globex").tenants == ("acme", "globex", "initech")
    assert datasets.unshare("sales", ["globex"])
    with pytest.raises(DatasetTakenError):
        datasets.claim("sales", "globex")
    datasets.give("sales", "initech")
    assert datasets.claim("sales", "initech").tenants == ("initech",)
    with pytest.raises(DatasetTakenError):
        datasets.claim("sales", "acme")
    datasets.give("fresh", "acme")
    assert datasets.claim("fresh", "acme").owner == "acme"


def test_column_types_of_one_it_is_shared_with_never_come_first(datasets: Datasets) -> None:
    datasets.claim("sales", "acme")
    datasets.share("sales", ["globex"])
    found = datasets.claim("sales", "globex")
    found.check_rows("acme")
    with pytest.raises(DatasetEmptyError, match="its owner's first rows decide") as refused:
        found.check_rows("globex")
    assert "acme" not in str(refused.value)
    datasets.open("sales")
    datasets.claim("sales", "globex").check_rows("globex")
    with pytest.raises(DatasetTakenError):
        datasets.claim("sales", "acme").check_rows("evil")
    datasets.open("nobodys")
    assert datasets.get("nobodys") is None


@pytest.mark.parametrize("name", ["", "a", "ab", "a_b", "a-b", "A", "a" * 31, "a" * 32, "a" * 62, "a\n", "1a", 5, None])
@pytest.mark.parametrize("what", ["tenant", "dataset"])
def test_names_are_those_of_the_schema(what: str, name: Any) -> None:
    from jsonschema import Draft202012Validator

    has_break = isinstance(name, str) and "\n" in name  # at which the library's own `$` looks away
    assert is_name(what, name) == (Draft202012Validator(SCHEMA["properties"][what]).is_valid(name) and not has_break)


# -- a stack that had no owners


def test_what_is_shared_today_stays_shared() -> None:
    tables = {"sales": {"globex", "acme"}, "old": {"initech"}}
    documents = [document("aaa"), document("acme", "stock"), document("globex", "stock"), document("acme", "new")]
    found = {one.dataset: (one.tenants, one.is_open) for one in owners_today(documents, tables)}
    assert found == {
        # rows that are there come before those that are only meant to be
        "sales": (("acme", "aaa", "globex"), True),
        "old": (("initech",), True),
        "stock": (("acme", "globex"), True),
        "new": (("acme",), False),
    }


def test_a_lake_with_no_rows_has_nothing_that_is_shared() -> None:
    assert owners_today([document("acme"), document("globex")], {}) == []


def test_documents_that_are_hostile_own_nothing() -> None:
    names: list[Any] = [None, 5, b"x", ["sales"], "../x", "S", "x\n", "x" * 70]
    documents: Iterable[dict[str, Any]] = [*(document("evil", name) for name in names), {"tenant": "evil", "feed": "f"}]
    assert [one.dataset for one in owners_today(documents, {"sales": {"acme"}})] == ["sales"]


@pytest.fixture
def lake(s3: "S3Client") -> "S3Client":
    """Rows of Parquet and Iceberg tables, as the job and Iceberg write them."""
    for key in (
        "curated/sales/tenant=acme/feed=f/dt=2026-01-05/g/part-0.parquet",
        "curated/sales/tenant=globex/feed=f/dt=2026-01-05/g/part-0.parquet",
        "iceberg/lakeferry.db/orders/data/tenant=initech/feed=f/dt=2026-01-05/00000.parquet",
        "iceberg/lakeferry.db/orders/metadata/v1.metadata.json",
        "fallout/rows/tenant=evil/feed=f/dt=2026-01-05/g/part-0.parquet",
        "raw/evil_f/dt=2026-01-05/a.csv",
    ):
        s3.put_object(Bucket="lake", Key=key, Body=b"x")
    return s3


def test_owners_are_seeded_from_the_tables_that_exist_once(ledger: Ledger, lake: "S3Client") -> None:
    folders = folders_of(lake, "lake")
    assert tenants_of(folders) == {"sales": {"acme", "globex"}, "orders": {"initech"}}
    would_be = seeded_datasets(ledger, [document("acme", "orders")], folders)
    assert ledger.datasets.all() == {}, "nothing is written by asking"
    ledger.datasets.give("sales", "globex")
    seed_datasets(ledger, lambda: [document("acme", "orders")], folders)
    found = ledger.datasets.all()
    assert found["sales"].tenants == ("globex",), "the operator's word stays"
    assert found["orders"].tenants == would_be["orders"].tenants == ("initech", "acme")
    lake.put_object(Bucket="lake", Key="curated/late/tenant=evil/feed=f/dt=2026-01-05/g/part-0.parquet", Body=b"x")
    seed_datasets(ledger, lambda: [document("evil", "orders")], folders)
    assert ledger.datasets.all() == found
    assert seeded_datasets(ledger, [document("evil", "orders")], folders) == found


# -- files that were set aside for it


def aside(error: type[Exception], cause: str = "") -> Aside:
    return Aside("globex/stock", CURATE, "f", error.__name__, cause, "2026-01-05T06:00:00.000Z", 2)


def test_what_was_refused_is_tried_again_when_the_operator_has_changed_the_dataset(
    ledger: Ledger, feeds_table: "Table", s3: "S3Client"
) -> None:
    now = datetime(2030, 1, 1, tzinfo=UTC)
    mine = document("globex", feed="stock")
    feeds_table.put_item(Item=mine)
    ledger.datasets.claim("sales", "acme")
    table = boto3.resource("dynamodb").Table("ledger")
    keys = {"feed_id": "globex/stock", "file_id": "/a.csv#1#1"}

    def set_aside(error: type[Exception]) -> None:
        fingerprint = tried_with(mine, error.__name__, ledger.datasets.get)
        ledger.asides.note(
            "globex/stock", CURATE, fingerprint=fingerprint, error=error.__name__, cause="x", partitions=1
        )
        where = {"partition": "globex/stock/2026-01-05", "pending": "aside", "uploaded_at": "t"}
        table.put_item(Item={**keys, "status": "UPLOADED", **where})

    def is_pending() -> bool:
        list_feeds(feeds_table, ledger, s3, "work", RUN, {"feeds": []}, now)
        return table.get_item(Key=keys)["Item"]["pending"] == "raw"

    set_aside(DatasetTakenError)
    assert not is_pending()
    ledger.datasets.share("sales", ["globex"])
    assert is_pending()
    set_aside(DatasetEmptyError)
    assert not is_pending()
    ledger.datasets.open("sales")
    assert is_pending()
    set_aside(DatasetTakenError)
    feeds_table.put_item(Item={**mine, "dataset": "stock"})
    assert is_pending()
    # what else it may have been has nothing to do with the dataset
    mine["dataset"] = "stock"
    set_aside(ValueError)
    ledger.datasets.give("stock", "globex")
    assert not is_pending()


@pytest.mark.parametrize("error", [DatasetTakenError, DatasetEmptyError])
def test_its_mail_has_words_of_its_own_and_does_not_name_the_owner(error: type[Exception]) -> None:
    with pytest.raises(error) as refused:
        Owned("sales", "acme", ("globex",) if error is DatasetEmptyError else ()).check_rows(
            "globex", "--stack staging"
        )
    mail = feed_set_aside(aside(error, str(refused.value)), RUN, "lake")
    assert mail.subject == "[Lakeferry] globex/stock: 2 partitions could not be curated"
    assert "acme" not in mail.text
    assert "operator" in mail.text.partition("NEXT")[2].partition("DO")[0]
    assert "--stack staging" in mail.text
    assert "reprocess" not in mail.text, "that would end the same way"
