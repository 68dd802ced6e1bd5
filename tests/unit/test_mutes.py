"""A known outage of a feed: nobody hears of it while it is muted, and of what is wrong when it ends."""

import json
from datetime import UTC, datetime, timedelta

import boto3
import pytest

from cli.__main__ import main
from cli.problems import NOTHING_MATCHED, WRONG_USE
from lakeferry.feeds import put_feed
from lakeferry.ledger import Ledger
from lakeferry.ledger.mutes import Mute, mute_of
from tests.conftest import feed_document
from tests.unit.cli_world import deployed
from tests.unit.pipeline import CSV, Pipeline, files
from tests.unit.sla_world import FEED, World, minutes
from tests.unit.test_stuck import mails_of, polled

HOUR = 3600


def test_late_files_of_a_muted_feed_are_told_when_the_mute_ends(world: World) -> None:
    world.around.ledger.mutes.put(FEED, Mute(minutes(120), "the partner moves house", "anna"))
    world.around.ledger.feeds.note_poll(FEED, "arn:run")
    for later in range(0, 120, 15):
        world.check(minutes(later))
    assert world.mails() == []
    assert world.statuses() == {"2026-11-24": "BREACHED"}, "the promise is kept count of all the same"
    world.check(minutes(120))
    assert world.events() == ["sla_breached"]


def test_files_that_come_late_while_it_is_muted_are_no_news(world: World) -> None:
    world.around.ledger.mutes.put(FEED, Mute(minutes(120)))
    world.around.ledger.feeds.note_poll(FEED, "arn:run")
    for later in range(0, 60, 15):
        world.check(minutes(later))
    world.land("sales_20261124.csv", minutes(58))
    for later in range(60, 240, 15):
        world.check(minutes(later))
    assert world.mails() == []
    assert world.statuses() == {"2026-11-24": "LATE"}
    assert world.around.table.open_items() == []


def test_the_end_of_what_was_told_before_the_mute_is_told_after_it(world: World) -> None:
    world.around.ledger.feeds.note_poll(FEED, "arn:run")
    for later in range(0, 60, 15):
        world.check(minutes(later))
    world.around.ledger.mutes.put(FEED, Mute(minutes(120)))
    world.land("sales_20261124.csv", minutes(58))
    world.check(minutes(60))
    assert world.events() == ["sla_due", "sla_breached"]
    world.check(minutes(120))
    assert world.events() == ["sla_due", "sla_breached", "sla_recovered"]


def test_another_feeds_mails_go_out(world: World) -> None:
    world.put(feed="other", files={**feed_document()["files"], "directory": "/other"})
    world.around.ledger.mutes.put(FEED, Mute(minutes(120)))
    for later in range(-15, 60, 15):
        world.check(minutes(later))
    assert {mail[3]["feed_id"] for mail in world.mails()} == {"acme/other"}


def test_stuck_files_of_a_muted_feed_are_told_when_the_mute_ends(pipeline: Pipeline) -> None:
    pipeline.configure(files=files(marker="{name}.done"))
    pipeline.put("a.csv", CSV)
    until = datetime.fromtimestamp(pipeline.now, UTC) + timedelta(hours=6)
    pipeline.ledger.mutes.put("acme/daily_sales", Mute(until))
    told = [mail and mail["event"] for mail in mails_of(pipeline, 8)]
    assert told[:5] == [None] * 5
    assert told[5:] == ["files_stuck", None, None]


def test_a_server_that_comes_back_while_its_feed_is_muted_is_no_news(pipeline: Pipeline) -> None:
    pipeline.configure(files=files())
    pipeline.ledger.mutes.put("acme/daily_sales", Mute(datetime.fromtimestamp(pipeline.now + 2 * HOUR, UTC)))
    pipeline.ledger.table.update_item(
        Key={"feed_id": "acme/daily_sales", "file_id": "!feed"},
        UpdateExpression="SET failing_since = :at, failed_polls = :one, #error = :error",
        ExpressionAttributeNames={"#error": "error"},
        ExpressionAttributeValues={":at": "2026-11-23T10:00:00.000Z", ":one": 1, ":error": "LoginRejectedError"},
    )
    assert polled(pipeline) is None
    assert "failed_polls" not in pipeline.ledger.feeds.get("acme/daily_sales")


@pytest.mark.parametrize("value", ["soon", "", None, 5, "2026-11-24"])
def test_a_mute_that_nobody_can_read_mutes_nothing(value: object) -> None:
    assert mute_of({"muted_until": value}, datetime(2026, 11, 24, tzinfo=UTC)) is None


# -- the commands


@pytest.fixture
def kept(aws: None) -> Ledger:
    resources = deployed()
    put_feed(boto3.resource("dynamodb").Table(resources["FeedsTable"]), feed_document())
    return Ledger(boto3.resource("dynamodb").Table(resources["LedgerTable"]))


def test_mute_and_unmute(kept: Ledger, capsys: pytest.CaptureFixture[str]) -> None:
    before = datetime.now(UTC)
    stack = ["--stack", "lakeferry"]
    assert main(["feeds", "mute", FEED, "--until", "36h", "--why", "they move house", *stack]) == 0
    assert "no mails of its outage until" in capsys.readouterr().out
    mute = mute_of(kept.feeds.get(FEED), before)
    assert mute is not None
    assert mute.why == "they move house"
    assert mute.by
    assert timedelta(hours=36) <= mute.until - before + timedelta(seconds=1) < timedelta(hours=37)
    assert main(["feeds", "list", *stack, "--json"]) == 0
    assert f"muted until {mute.until:%Y-%m-%d %H:%M}" in json.loads(capsys.readouterr().out)["state"]
    assert main(["feeds", "unmute", FEED, *stack]) == 0
    assert mute_of(kept.feeds.get(FEED), before) is None


@pytest.mark.parametrize(
    ("until", "problem"),
    [
        ("soon", "write how long"),
        ("0h", "write how long"),
        ("2020-01-01T00:00", "within 90 days from now"),
        ("91d", "lakeferry feeds disable"),
        ("9999h", "within 90 days"),
    ],
)
def test_an_end_that_is_none(kept: Ledger, until: str, problem: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["feeds", "mute", FEED, "--until", until, "--stack", "lakeferry"]) == WRONG_USE
    assert problem in capsys.readouterr().err
    assert kept.feeds.get(FEED) == {}


def test_of_several_feeds_all_are_known_or_none_is_muted(kept: Ledger, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["feeds", "mute", FEED, "acme/dayly", "--until", "3d", "--stack", "lakeferry"]) == NOTHING_MATCHED
    assert FEED in capsys.readouterr().err
    assert kept.feeds.get(FEED) == {}
