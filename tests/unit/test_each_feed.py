"""One feed never hurts another: beside forty hostile documents, every function serves the forty good ones."""

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from export_sla.core import export_sla
from lakeferry.errors import AddressNotApprovedError, CheckIncompleteError
from lakeferry.feeds import put_feed
from lakeferry.feeds.each import each_feed
from lakeferry.ledger import Ledger
from lakeferry.ledger.addresses import Approval
from lakeferry.ledger.queries import feed_documents
from lakeferry.sla.table import SlaTable
from list_feeds.core import list_feeds
from plan_crawl.core import plan_crawl
from reconcile.mail_list import FeedMails
from subscribe.core import subscribe
from tests.conftest import RUN, feed_document
from tests.unit.hostile_feeds import hostile_documents
from tests.unit.sla_world import DUE, SLA, World

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

GOOD = [f"acme/g{number:02d}" for number in range(40)]
NOW = datetime(2026, 11, 24, 6, 0, 5, tzinfo=UTC)


@pytest.fixture
def both(world: World) -> World:
    world.feeds.delete_item(Key={"tenant": "acme", "feed": "daily_sales"})
    for feed_id in GOOD:
        name = feed_id.removeprefix("acme/")
        notify = {"emails": [f"{name}@acme.example"], "success": "feed"}
        put_feed(world.feeds, feed_document(feed=name, schedule="rate(1 hour)", sla=SLA, notify=notify))
    hostile = hostile_documents()
    assert len(hostile) == 40
    for document in hostile:
        world.feeds.put_item(Item=document)
    return world


def ours(feed_ids: list[str]) -> list[str]:
    """Those of the good tenant; what is found of the other one is no matter here."""
    return [feed_id for feed_id in feed_ids if feed_id.startswith("acme/")]


def test_all_are_listed(both: World, ledger: Ledger, s3: "S3Client") -> None:
    for feed_id in [*GOOD, *(f"evil/h{number:02d}" for number in range(40))]:
        ledger.feeds.note_poll(feed_id, RUN)
    now = datetime.now(UTC) + timedelta(hours=2)
    told = list_feeds(both.feeds, ledger, s3, "work", RUN, {}, now)
    items = json.loads(s3.get_object(Bucket="work", Key=told["key"])["Body"].read())
    assert ours([f"{item['tenant']}/{item['feed']}" for item in items]) == GOOD


@pytest.mark.slow
def test_all_that_are_late_are_told(both: World) -> None:
    both.check(DUE - timedelta(hours=1))
    both.check(DUE + timedelta(minutes=31))
    late = [mail for mail in both.mails() if mail[0] == "sla_breached"]
    told = [feed_id for mail in late for feed_id in json.loads(mail[3].get("feed_id", "[]"))]
    assert sorted(ours(told)) == GOOD


def test_all_promises_are_exported(both: World, s3: "S3Client") -> None:
    both.check(DUE - timedelta(hours=1))
    both.check(DUE + timedelta(minutes=31))
    items = [item for item in both.sla_table.scan()["Items"] if item["feed_id"] == GOOD[0]]
    for number in range(40):
        SlaTable(both.sla_table).set_clock(f"evil/h{number:02d}", DUE)
        for item in items:
            odd = {name: ["?"] if name in ("expected_at", "deadline") else value for name, value in item.items()}
            both.sla_table.put_item(Item=odd | {"feed_id": f"evil/h{number:02d}"})
    with pytest.raises(CheckIncompleteError, match="due times of 40 feeds could not be exported"):
        export_sla(SlaTable(both.sla_table), s3, "lake", DUE + timedelta(hours=1))
    keys = [found["Key"] for found in s3.list_objects_v2(Bucket="lake", Prefix="sla/")["Contents"]]
    lines = [line for key in keys for line in s3.get_object(Bucket="lake", Key=key)["Body"].read().splitlines()]
    assert {json.loads(line)["feed_id"] for line in lines} == {*GOOD}


def test_all_are_subscribed(both: World, ledger: Ledger) -> None:
    topic = both.sns.create_topic(Name="mails")["TopicArn"]
    ledger.addresses.approve(Approval("acme", "@acme.example"))
    subscribe(feed_documents(both.feeds), both.sns, topic, ledger.asides, ledger.addresses)
    found = both.sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert {f"{feed_id.removeprefix('acme/')}@acme.example" for feed_id in GOOD} <= {one["Endpoint"] for one in found}


def test_all_that_ask_get_their_success_mails(both: World, ledger: Ledger) -> None:
    entry = {"path": "/a.csv", "dt": "2026-11-24", "status": "CURATED", "rows_curated": 1}
    entries = [{**entry, "feed_id": feed_id} for feed_id in GOOD]
    mails = FeedMails(feed_documents(both.feeds), ledger.asides, "lake", RUN)
    for one in entries:
        mails.add(one)
    assert [f"{mail.tenant}/{mail.feeds[0]}" for mail in mails] == GOOD


def test_a_crawl_is_planned_for_all(both: World, ledger: Ledger) -> None:
    table = boto3.resource("dynamodb").Table("ledger")
    for feed_id in [*GOOD, "evil/h00"]:
        table.put_item(
            Item={
                **{"feed_id": feed_id, "file_id": "/a.csv#1#1", "status": "UPLOADED", "schema_fingerprint": "f"},
                **{"partition": f"{feed_id}/2026-01-05", "pending": "raw"},
            }
        )
    # what is kept of this one's schemas is no map of times any more
    table.put_item(Item={"feed_id": "evil/h00", "file_id": "!feed", "schema_f": "the day before yesterday"})

    class Crawler:
        def get_crawler(self, Name: str) -> dict[str, Any]:
            return {"Crawler": {"LastCrawl": {"Status": "SUCCEEDED", "StartTime": NOW - timedelta(days=1)}}}

    assert plan_crawl(ledger, Crawler(), "raw")["feeds"] == 41  # type: ignore[arg-type]


@pytest.mark.parametrize("garbage", ["the day before yesterday", {"a": 1}])
def test_one_whose_state_in_the_ledger_cannot_be_read_hinders_no_other(
    both: World, ledger: Ledger, s3: "S3Client", garbage: Any
) -> None:
    server = {**feed_document()["server"], "secret": "lakeferry/evil/all"}
    both.feeds.put_item(Item=feed_document(tenant="evil", feed="odd", server=server, schedule="rate(1 hour)", sla=SLA))
    names = (
        "polled_at",
        "polled_for",
        "idle_polls",
        "left",
        "out_of_time",
        "slow_in",
        "recent",
        "failing_since",
        "error",
    )
    state: dict[str, Any] = {"feed_id": "evil/odd", "file_id": "!feed"} | dict.fromkeys(names, garbage)
    boto3.resource("dynamodb").Table("ledger").put_item(Item=state)
    told = list_feeds(both.feeds, ledger, s3, "work", RUN, {}, datetime.now(UTC) + timedelta(hours=2))
    items = json.loads(s3.get_object(Bucket="work", Key=told["key"])["Body"].read())
    assert ours([f"{item['tenant']}/{item['feed']}" for item in items]) == GOOD
    both.check(DUE - timedelta(hours=1))
    with pytest.raises(CheckIncompleteError, match="1 step of this check failed; the others succeeded: evil/odd: "):
        both.check(DUE + timedelta(minutes=31))
    late = [mail[3] for mail in both.mails() if mail[0] == "sla_breached"]
    assert sorted(ours([feed_id for mail in late for feed_id in json.loads(mail.get("feed_id", "[]"))])) == GOOD


def test_a_feed_that_was_set_aside_is_told_once_until_its_document_is_another(both: World, ledger: Ledger) -> None:
    (document,) = [one for one in feed_documents(both.feeds) if one["feed"] == "g00"]
    for _ in range(2):
        ledger.asides.note_document("subscribe", document, ValueError("SNS refuses 'a@b'"))
        both.check(DUE - timedelta(hours=1))
    (mail,) = [mail for mail in both.mails() if mail[0] == "feed_set_aside" and mail[3]["tenant"] == "acme"]
    assert mail[3]["feed_id"] == "acme/g00"
    assert "SNS refuses 'a@b'" in mail[2]
    both.put(feed="g00")
    both.check(DUE - timedelta(hours=1))
    assert ours([aside.feed_id for aside in ledger.asides]) == []


@pytest.mark.slow
def test_an_address_that_nobody_approved_is_told_once_in_words_of_its_own(both: World, ledger: Ledger) -> None:
    topic = both.sns.create_topic(Name="mails")["TopicArn"]
    for _ in range(2):
        subscribe(feed_documents(both.feeds), both.sns, topic, ledger.asides, ledger.addresses, "--stack staging")
        both.check(DUE - timedelta(hours=1))
    mails = [mail for mail in both.mails() if mail[3].get("feed_id") == "acme/g00"]
    ((event, subject, text, _),) = mails
    assert (event, subject) == ("feed_set_aside", "[Lakeferry] acme/g00: not all of its mail addresses are approved")
    assert "./lakeferry addresses approve acme g00@acme.example --stack staging" in text
    assert "NEXT  The feed is polled as before" in text
    assert text.endswith("DO  " + AddressNotApprovedError.advice)


def test_a_mail_that_cannot_be_sent_is_sent_by_the_next_check(
    both: World, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "Throttling", "Message": "slow down"}}, "Publish")

    (document,) = [one for one in feed_documents(both.feeds) if one["feed"] == "g00"]
    ledger.asides.note_document("subscribe", document, ValueError("no"))
    with monkeypatch.context() as patch:
        patch.setattr(both.sns, "publish", refuse)
        with pytest.raises(CheckIncompleteError):
            both.check(DUE - timedelta(hours=1))
    both.check(DUE - timedelta(hours=1))
    told = [mail[3]["feed_id"] for mail in both.mails() if mail[0] == "feed_set_aside"]
    assert ours(told) == ["acme/g00"]


def test_an_error_that_is_no_feeds_own_is_raised_when_all_others_were_served() -> None:
    served, aside = [], []

    def work(feed: str) -> None:
        if feed == "a":
            raise EndpointConnectionError(endpoint_url="https://dynamodb")
        if feed == "b":
            raise OverflowError("b's own")
        served.append(feed)

    with pytest.raises(EndpointConnectionError):
        each_feed("abc", work, lambda feed, error: aside.append(feed))
    assert (served, aside) == (["c"], ["b"])


def test_one_that_cannot_be_noted_keeps_no_other_from_being_noted() -> None:
    noted = []

    def aside(feed: str, error: Exception) -> None:
        if feed == "a":
            raise RuntimeError("the ledger is away")
        noted.append(feed)

    with pytest.raises(RuntimeError, match="the ledger is away"):
        each_feed("ab", lambda feed: int(feed), aside)
    assert noted == ["b"]
