"""One dead server, many feeds: one mail a tenant and event, which each feed's subscription gets, once."""

import json
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import boto3
import pytest

from lakeferry.errors import CheckIncompleteError
from lakeferry.mails.sla_servers import MOST_FEEDS
from subscribe.core import _policy
from tests.conftest import feed_document
from tests.unit.sla_world import FEED, SLA, Fault, World, feed_ids, killed, killed_at_each, lost_answer, minutes

STORY = ["sla_due", "sla_breached", "sla_recovered"]


def put(world: World, count: int, tenant: str = "acme", **server: Any) -> list[str]:
    """Feeds of one server, beside the world's own."""
    document = feed_document()["server"] | {"secret": f"lakeferry/{tenant}/x"} | server
    for number in range(count):
        world.put(tenant=tenant, feed=f"feed_{number:03}", server=document)
    world.check(minutes(-10))
    return [f"{tenant}/feed_{number:03}" for number in range(count)]


def told(world: World) -> Counter[tuple[str, str]]:
    return Counter((mail[0], feed_id) for mail in world.mails() for feed_id in feed_ids(mail))


@pytest.mark.slow
def test_thirty_feeds_of_a_dead_server_are_one_mail_an_event(world: World) -> None:
    feeds = [FEED, *put(world, 29)]
    for feed_id in feeds[:20]:
        world.feed_fails("ServerUnavailableError", "No route to host.", feed_id)
    world.fail("sales_20261124.csv", minutes(-5), feed=feeds[29])
    for later in range(0, 60, 15):
        world.check(minutes(later))
    for feed_id in feeds:
        world.land("sales_20261124.csv", minutes(50), feed=feed_id)
    assert world.check(minutes(60))["mails"] == 1
    server = "(files.acme.example:22)"
    assert [mail[:2] for mail in world.mails()] == [
        ("sla_due", f"[Lakeferry] acme: 30 feeds due, not here yet {server}"),
        ("sla_breached", f"[Lakeferry] acme: 30 feeds late {server}"),
        ("sla_recovered", f"[Lakeferry] acme: 30 feeds complete {server}"),
    ]
    due, breached, recovered = (mail[2] for mail in world.mails())
    for message in (due, breached, recovered):
        assert [part.split("  ")[0] for part in message.split("\n\n")] == ["WHAT", "WHY", "NEXT", "DO"]
        assert message.split("\n\n")[0].count("\n- acme/") == 30
    line = "- acme/feed_028: 2026-11-24 06:30 (America/New_York), for 2026-11-24: "
    assert f"{line}missing any file\n" in due
    assert "The first SLA is breached in 30 min." in due
    assert f"{line}50 min late\n" in recovered
    assert "0 of them came within their grace periods" in recovered
    assert (
        "WHY  20 of 30 feeds cannot be polled, such as acme/daily_sales, since 2026-11-24 06:00 (America/New_York): "
        "ServerUnavailableError: No route to host.\n10 of 30 feeds have not been polled yet.\n"
        "In 1 of 30 feeds, files arrived but failed:\n"
        "- acme/feed_028 /outgoing/sales_20261124.csv: FileRejectedError in "
    ) in breached
    command = breached.split("--input '")[1].removesuffix("'")
    assert json.loads(command) == {"trigger": "by_hand", "feeds": sorted(feeds)}
    assert told(world) == {(event, feed_id): 1 for event in STORY for feed_id in feeds}
    assert {mail[3]["tenant"] for mail in world.mails()} == {"acme"}
    assert world.around.table.open_items() == []


def test_a_feed_that_is_late_alone_has_the_mail_it_always_had(world: World) -> None:
    (other,) = put(world, 1)
    world.land("sales_20261124.csv", minutes(-5), feed=other)
    world.check(minutes(0))
    (mail,) = world.mails()
    assert mail[1] == "[Lakeferry] acme/daily_sales: due at 06:30 (America/New_York), not here yet"
    assert (mail[3]["feed"], mail[3]["feed_id"]) == ("daily_sales", FEED)


@pytest.mark.parametrize("server", [{"host": "other.example"}, {"port": 2222}])
def test_feeds_of_different_servers_have_mails_of_their_own(world: World, server: dict[str, Any]) -> None:
    put(world, 2, **server)
    world.check(minutes(0))
    assert sorted(map(feed_ids, world.mails())) == [[FEED], ["acme/feed_000", "acme/feed_001"]]


def test_a_servers_name_in_capitals_is_the_same_server(world: World) -> None:
    put(world, 1, host="FILES.acme.example")
    world.check(minutes(0))
    assert list(map(feed_ids, world.mails())) == [[FEED, "acme/feed_000"]]


def test_tenants_of_one_server_never_read_each_others_names(world: World) -> None:
    put(world, 2)
    put(world, 2, tenant="globex")
    world.check(minutes(30))
    assert len(world.mails()) == 2
    for event, subject, message, attributes in world.mails():
        assert event == "sla_breached"
        assert ("globex" in subject + message + repr(attributes)) is (attributes["tenant"] == "globex")
        assert ("acme/" in subject + message + repr(attributes)) is (attributes["tenant"] == "acme")


def test_each_feeds_subscription_lets_the_shared_mail_pass_and_no_other_does(world: World) -> None:
    put(world, 2)
    (topic,) = [found["TopicArn"] for found in world.sns.list_topics()["Topics"]]
    sqs = boto3.client("sqs")
    queues = {}
    for name, feeds in {"first": {"acme/feed_000"}, "both": {FEED, "acme/feed_001"}, "no": {"acme/feed_00"}}.items():
        queues[name] = sqs.create_queue(QueueName=name)["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=queues[name], AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        policy = {"FilterPolicy": json.dumps({"feed_id": _policy(feeds)}), "RawMessageDelivery": "true"}
        world.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes=policy)
    world.check(minutes(0))
    got = {
        name: sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        for name, url in queues.items()
    }
    assert {name: len(messages) for name, messages in got.items()} == {"first": 1, "both": 1, "no": 0}
    assert "3 feeds of acme" in got["first"][0]["Body"]


def test_feeds_that_join_a_storm_later_have_a_mail_of_their_own(world: World) -> None:
    put(world, 3)
    world.put(feed="feed_000", sla=SLA | {"expected_by": "06:40"})
    world.check(minutes(0))
    world.check(minutes(15))
    assert [feed_ids(mail) for mail in world.mails()] == [[FEED, "acme/feed_001", "acme/feed_002"], ["acme/feed_000"]]


def test_days_nobody_looked_are_a_line_a_feed(world: World) -> None:
    put(world, 1)
    world.check(minutes(60 + 2 * 1440))
    (mail,) = world.mails()
    assert (
        "- acme/feed_000: 3 due times, the last 2026-11-26 06:30 (America/New_York), for 2026-11-26: missing" in mail[2]
    )


@pytest.mark.slow
def test_a_mail_never_grows_beyond_what_sns_takes(world: World) -> None:
    """The longest names and patterns there may be, in characters of four bytes."""
    patterns = [f"{chr(0x1F69A) * 200}{number}*" for number in range(3)]
    tenant = "t" * 31
    document = feed_document()["server"] | {
        "secret": f"lakeferry/{tenant}/x",
        "host": ".".join(["h" * 63] * 3 + ["h" * 61]),
    }
    count = MOST_FEEDS + 1
    for number in range(count):
        name = f"f{number:03}".ljust(47, "x")
        world.put(tenant=tenant, feed=name, server=document, sla=SLA | {"files": patterns, "grace_minutes": 0})
    world.check(minutes(-10))
    sizes: list[int] = []

    def weigh(params: Any, **rest: Any) -> None:
        sizes.append(len(json.dumps(params, ensure_ascii=False).encode()))
        assert len(params["Subject"]) <= 100

    world.sns.meta.events.register("provide-client-params.sns.Publish", weigh)
    world.check(minutes(0))
    assert sorted(len(feed_ids(mail)) for mail in world.mails() if mail[3]["tenant"] == tenant) == [1, MOST_FEEDS]
    assert max(sizes) < 256 * 1024


# -- once, whatever happens


def test_what_sns_refuses_is_given_back_for_every_feed_and_told_by_the_next_check(
    world: World, fault: Callable[[str, Fault], None]
) -> None:
    feeds = [FEED, *put(world, 4)]
    refused = Fault(lambda call: call <= 4, refuse, after_effect=False)
    fault("sns.Publish", refused)
    with pytest.raises(CheckIncompleteError, match=r"1 step .*acme/daily_sales and 4 more feeds: EndpointConnection"):
        world.check(minutes(0))
    assert (refused.calls, world.mails()) == (4, [])
    # at once: no lease has to end first
    world.check(minutes(1))
    assert told(world) == {("sla_due", feed_id): 1 for feed_id in feeds}
    assert len(world.mails()) == 1


def refuse(request: Any) -> BaseException:
    from botocore.exceptions import EndpointConnectionError

    return EndpointConnectionError(endpoint_url=request.url)


def test_a_lost_answer_of_the_shared_mail_is_not_repeated_for_any_feed(
    world: World, fault: Callable[[str, Fault], None]
) -> None:
    feeds = [FEED, *put(world, 4)]
    fault("sns.Publish", Fault(lambda call: call == 1, lost_answer, after_effect=True))
    with pytest.raises(CheckIncompleteError, match="answer got lost"):
        world.check(minutes(0))
    world.check(minutes(15))
    assert told(world) == {("sla_due", feed_id): 1 for feed_id in feeds}


@pytest.mark.parametrize("nth", range(1, 6))
def test_a_feed_that_cannot_be_claimed_or_noted_does_not_keep_the_others_from_being_told(
    world: World, fault: Callable[[str, Fault], None], monkeypatch: pytest.MonkeyPatch, nth: int
) -> None:
    feeds = [FEED, *put(world, 4)]
    table = type(world.around.table)
    for method in ("claim", "note_sent"):
        original = getattr(table, method)

        def broken(self: Any, items: Any, *rest: Any, original: Any = original, **named: Any) -> Any:
            (item,) = items if isinstance(items, list) else [items]
            if item.feed_id == feeds[nth - 1] and original.__name__ == doomed[0]:
                raise TimeoutError("no answer")
            return original(self, items, *rest, **named)

        monkeypatch.setattr(table, method, broken)
    doomed = ["claim"]
    with pytest.raises(CheckIncompleteError, match=f"1 step .*{feeds[nth - 1]}: TimeoutError"):
        world.check(minutes(0))
    others = {("sla_due", feed_id): 1 for feed_id in feeds if feed_id != feeds[nth - 1]}
    assert told(world) == others
    doomed[0] = "nothing"
    world.check(minutes(15))
    assert told(world) == others | {("sla_due", feeds[nth - 1]): 1}
    doomed[0] = "note_sent"
    with pytest.raises(CheckIncompleteError, match=f"1 step .*{feeds[nth - 1]}: TimeoutError"):
        world.check(minutes(30))
    doomed[0] = "nothing"
    world.check(minutes(45))
    breached = {feed_id: count for (event, feed_id), count in told(world).items() if event == "sla_breached"}
    # published and not noted: the one whose note got lost may hear of it twice, no other does
    assert breached == {feed_id: 2 if feed_id == feeds[nth - 1] else 1 for feed_id in feeds}


@pytest.mark.slow(seconds=20)
@pytest.mark.parametrize(
    ("operation", "after_effect"),
    [("dynamodb.UpdateItem", False), ("dynamodb.UpdateItem", True), ("sns.Publish", False), ("sns.Publish", True)],
)
def test_a_check_killed_at_any_call_loses_no_feeds_mail(
    world: World, fault: Callable[[str, Fault], None], operation: str, after_effect: bool
) -> None:
    """Told again are those at most whose note did not come to be written."""
    dying = Fault(lambda call: False, killed, after_effect=after_effect)
    fault(operation, dying)
    world.feeds.delete_item(Key={"tenant": "acme", "feed": "daily_sales"})
    feeds = ["tall/f0", "tall/f1"]

    def check(later: int) -> None:
        if later == -30:
            world.around.table._table.delete_item(Key={"feed_id": "!pipeline", "due": "!watch"})
            server = feed_document()["server"] | {"secret": "lakeferry/tall/x"}
            for number in range(2):
                world.put(tenant="tall", feed=f"f{number}", server=server)
        if later == 60:
            for feed_id in feeds:
                world.land("sales_20261124.csv", minutes(50), feed=feed_id)
        world.check(minutes(later))

    nth = 0
    for nth in killed_at_each([partial(check, later) for later in (-30, -15, 0, 15, 30, 45, 60, 75)], dying):
        found = told(world)
        assert set(found) == {(event, feed_id) for event in STORY for feed_id in feeds}
        twice = {event for (event, _), count in found.items() if count > 1}
        assert set(found.values()) <= ({1, 2} if nth else {1})
        assert len(twice) <= 1
        for feed_id in feeds:
            assert world.statuses(feed_id) == {"2026-11-24": "LATE"}
        assert world.around.table.open_items() == []
    assert nth >= 3
