"""check_sla on DynamoDB, SNS and Step Functions of moto: who is told what, and that it is told once."""

import random
import re
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from check_sla.core import check
from lakeferry.errors import CheckIncompleteError
from lakeferry.mails.topic import Topic
from lakeferry.sla.verdict import GIVEN_UP_AFTER
from tests.conftest import feed_document
from tests.unit.sla_world import (
    DAY,
    DUE,
    FEED,
    MACHINE,
    NOTHING_LATE,
    SLA,
    Fault,
    World,
    feed_ids,
    killed,
    killed_at_each,
    lost_answer,
    minutes,
)


def test_in_time_nobody_is_told(world: World) -> None:
    world.land("sales_20261124.csv", minutes(-5))
    assert world.check(DUE)["due"] == 1
    for later in (15, 30, 45):
        assert world.check(minutes(later)) == {
            "feeds": 1,
            "due": 0,
            "mails": 0,
            "open": 0,
            "invalid": 0,
            **NOTHING_LATE,
        }
    assert world.mails() == []
    assert world.statuses() == {"2026-11-24": "MET"}


def test_due_breached_and_recovered_are_told_once_each(world: World) -> None:
    world.around.ledger.feeds.note_poll(FEED, "arn:run")
    for later in range(0, 90, 15):
        world.check(minutes(later))
    world.land("sales_20261124.csv", minutes(87))
    for later in range(90, 180, 15):
        world.check(minutes(later))
    assert [mail[:2] for mail in world.mails()] == [
        ("sla_due", "[Lakeferry] acme/daily_sales: due at 06:30 (America/New_York), not here yet"),
        ("sla_breached", "[Lakeferry] acme/daily_sales: late since 06:30 (America/New_York)"),
        ("sla_recovered", "[Lakeferry] acme/daily_sales: complete, 1 h 27 min after 06:30 (America/New_York)"),
    ]
    for _, subject, message, attributes in world.mails():
        assert subject.isascii()
        assert [part.split("  ")[0] for part in message.split("\n\n")] == ["WHAT", "WHY", "NEXT", "DO"]
        assert {name: attributes[name] for name in ("tenant", "feed", "feed_id")} == {
            "tenant": "acme", "feed": "daily_sales", "feed_id": FEED,
        }  # fmt: skip
    assert [mail[3]["severity"] for mail in world.mails()] == ["warning", "error", "info"]
    breach = world.mails()[1][2]
    assert "missing any file" in breach
    assert "sftp://files.acme.example/outgoing was last polled at" in breach
    assert (
        f'start-execution --state-machine-arn {MACHINE} --input \'{{"trigger": "by_hand", "feeds": ["{FEED}"]}}\''
        in breach
    )
    assert world.statuses() == {"2026-11-24": "LATE"}
    (item,) = world.around.table.history(FEED, "2", "3")
    assert (item.late_seconds, item.completed_at, item.is_open) == (87 * 60, minutes(87), False)


def test_what_comes_within_the_grace_is_met_and_whoever_was_warned_is_told(world: World) -> None:
    world.check(DUE)
    world.land("sales_20261124.csv", minutes(10))
    world.check(minutes(15))
    assert world.events() == ["sla_due", "sla_recovered"]
    assert "complete, 10 min after" in world.mails()[-1][1]
    assert "the SLA is met" in world.mails()[-1][2]
    assert world.statuses() == {"2026-11-24": "MET"}


@pytest.mark.parametrize(("changes", "events"), [({"warn": False}, []), ({"grace_minutes": 0}, ["sla_breached"])])
def test_no_warning_without_a_grace_or_if_it_is_not_wanted(
    world: World, changes: dict[str, Any], events: list[str]
) -> None:
    world.put(sla=SLA | changes)
    world.check(DUE)
    world.land("sales_20261124.csv", minutes(5))
    world.check(minutes(15))
    assert world.events() == events + ["sla_recovered"] * len(events)
    assert world.statuses() == {"2026-11-24": "LATE" if events else "MET"}


@pytest.mark.parametrize("second", [0, 1])
def test_the_last_second_of_the_grace_is_in_time(world: World, second: int) -> None:
    world.land("sales_20261124.csv", minutes(30) + timedelta(seconds=second))
    world.check(minutes(45))
    assert world.statuses() == {"2026-11-24": ["MET", "LATE"][second]}


def test_minimum_of_files_and_named_files_must_all_be_there(world: World) -> None:
    world.put(sla=SLA | {"min_files": 3, "files": ["sales_{date:%Y%m%d}_emea*", "sales_{date:%Y%m%d}_apac*"]})
    world.land("sales_20261124_emea_1.csv", minutes(-9))
    world.check(DUE)
    assert "missing 2 of 3 files, sales_20261124_apac*; 1 there" in world.mails()[-1][2]
    world.land("sales_20261124_emea_2.csv", minutes(5))
    world.land("sales_20261124_emea_3.csv", minutes(6))
    world.check(minutes(30))
    assert "missing sales_20261124_apac*; 3 there" in world.mails()[-1][2]
    world.land("sales_20261124_apac_1.csv", minutes(40))
    world.check(minutes(45))
    assert world.events() == ["sla_due", "sla_breached", "sla_recovered"]
    assert "40 min after" in world.mails()[-1][1]


@pytest.mark.parametrize(
    ("entries", "says"),
    [
        (
            {"listed": 9, "taken": 4, "waiting": 2, "unread": 1},
            "It left 2 files waiting for a marker or checksum file, 1 file whose lines could not be read.",
        ),
        ({"listed": 2, "fits_nothing": "2 names, 0 fit; nearest: A\n, x"}, "2 names, 0 fit; nearest: A?, x."),
        ({"listed": 2, "done_with": 2}, "were in the lake."),
    ],
)
def test_what_the_last_poll_left_is_a_reason(world: World, entries: dict[str, Any], says: str) -> None:
    world.around.ledger.feeds.note_poll(FEED, "arn:run", entries=entries)
    world.check(DUE)
    ((_, _, message, _),) = world.mails()
    assert message.split("\n\n")[1].endswith(says)


def test_files_of_the_date_that_failed_are_named_and_no_others(world: World) -> None:
    world.around.ledger.feeds.note_poll(FEED, "arn:run")
    world.fail("sales_20261124_a.csv", minutes(-9))
    world.fail("sales_20261124_b\n.csv", minutes(-8), error="States.Timeout", stage="Fetch files")
    world.fail("sales_20261123.csv", minutes(-7), DAY - timedelta(days=1))
    world.fail("sales_20261124_c.csv", minutes(-6), status="CLAIMED", unfinished="claimed#2026")
    world.fail("sales_20261124_d.csv", minutes(-6), feed="acme/other")
    world.check(minutes(30))
    ((_, _, message, _),) = world.mails()
    why = message.split("\n\n")[1]
    assert why.endswith(
        "were in the lake.\n2 files arrived but failed:\n"
        '- /outgoing/sales_20261124_b?.csv: States.Timeout in "Fetch files", 2026-11-24 06:22 (America/New_York)\n'
        '- /outgoing/sales_20261124_a.csv: FileRejectedError in "Validate files", 2026-11-24 06:21 (America/New_York)'
    )


def test_a_hundred_files_that_failed_are_ten_and_a_count(world: World) -> None:
    for number in range(100):
        world.fail(f"sales_20261124_{number}.csv", minutes(-5))
    world.check(minutes(0))
    ((_, _, message, _),) = world.mails()
    assert "100 files arrived but failed:" in message
    assert message.count("FileRejectedError") == 10
    assert "\n- and 90 more\n" in message


def test_a_file_without_a_date_that_failed_counts_by_the_local_day_of_its_time(world: World) -> None:
    document = feed_document()["files"] | {"pattern": "stock*.csv"}
    world.put(files=document, sla=SLA | {"timezone": "Australia/Sydney"})
    due = datetime(2026, 11, 23, 19, 30, tzinfo=UTC)
    world.around.table.forget_clock(FEED)
    world.check(due - timedelta(hours=1))
    # 05:00 on the 24th in Sydney is the 23rd in UTC, and so is the noon of the 23rd
    world.fail("stock_old.csv", due - timedelta(hours=18), DAY - timedelta(days=1))
    world.fail("stock_new.csv", due - timedelta(minutes=90), DAY - timedelta(days=1))
    world.check(due)
    assert "1 file arrived but failed:\n- /outgoing/stock_new.csv: " in world.mails()[-1][2]


def test_only_landed_files_of_the_business_date_count(world: World) -> None:
    world.put(sla=SLA | {"business_date_offset_days": -1})
    world.land("sales_20261124.csv", minutes(-9))
    world.land("sales_20261123_x.csv", minutes(-9), DAY - timedelta(days=1), status="SUPERSEDED")
    world.land("sales_20261123_y.csv", minutes(-9), DAY - timedelta(days=1), feed="acme/other")
    world.check(DUE)
    assert world.statuses() == {"2026-11-23": "DUE"}
    world.land("sales_20261123.csv", minutes(3), DAY - timedelta(days=1), status="CURATED")
    world.check(minutes(15))
    assert world.statuses() == {"2026-11-23": "MET"}


def test_names_without_a_date_count_by_the_local_day_of_their_time(world: World) -> None:
    document = feed_document()["files"] | {"pattern": "stock*.csv"}
    world.put(files=document, sla=SLA | {"timezone": "Australia/Sydney", "expected_by": "06:30"})
    due = datetime(2026, 11, 23, 19, 30, tzinfo=UTC)
    world.check(due - timedelta(hours=1))  # the clock does not go back
    world.around.table.forget_clock(FEED)
    world.check(due - timedelta(hours=1))
    # 05:00 on the 24th in Sydney is the 23rd in UTC, and so is the noon of the 23rd
    world.land("stock_old.csv", due - timedelta(hours=18), DAY - timedelta(days=1))
    world.check(due)
    assert world.statuses() == {"2026-11-24": "DUE"}
    world.land("stock_new.csv", due - timedelta(minutes=90), DAY - timedelta(days=1))
    world.check(due + timedelta(minutes=15))
    assert world.statuses() == {"2026-11-24": "MET"}


def test_a_redelivery_while_nobody_looked_does_not_make_it_late(world: World) -> None:
    world.land("sales_20261124.csv", minutes(-20), status="SUPERSEDED", partition=None)
    world.land("sales_20261124.csv", minutes(200))
    world.check(minutes(300))
    assert world.statuses() == {"2026-11-24": "MET"}
    assert world.mails() == []


@pytest.mark.parametrize("status", ["CLAIMED", "FETCHED", "VALIDATED", "FAILED"])
def test_a_file_that_is_taken_once_more_has_arrived_when_it_came_first(world: World, status: str) -> None:
    came, name = minutes(-10), "sales_20261124.csv"
    kept = {"uploaded_at": came.isoformat(), "status": "CURATED"}
    failure: dict[str, Any] = {
        "failed_at": minutes(-5).isoformat(),
        "unfinished": f"failed#run#{minutes(-5).isoformat()}",
    }
    world.land(name, came, status=status, landed=kept, **(failure if status == "FAILED" else {}))
    for at in (0, 31):
        world.check(minutes(at))
    assert world.events() == []
    assert world.statuses() == {"2026-11-24": "MET"}
    # and lands late, once more
    world.land(name, came, uploaded_at=minutes(90).isoformat(), arrived_at=came.isoformat())
    world.check(minutes(100))
    assert world.events() == []
    assert world.statuses() == {"2026-11-24": "MET"}


def test_a_redo_before_anybody_looked_changes_no_arrival(world: World) -> None:
    came = minutes(-10)
    world.land("sales_20261124.csv", came, uploaded_at=minutes(90).isoformat(), arrived_at=came.isoformat())
    world.check(minutes(100))
    assert world.statuses() == {"2026-11-24": "MET"}
    assert world.events() == []


def test_a_server_that_cannot_be_polled_is_the_reason_given(world: World) -> None:
    world.around.ledger.feeds.note_poll(FEED, "arn:run")
    world.feed_fails("ServerUnavailableError", "No route to host. " * 100)
    world.check(minutes(30))
    world.around.ledger.feeds.note_poll(FEED, "arn:run")
    world.check(minutes(30 + 1440))
    first, second = (mail[2].split("\n\n")[1] for mail in world.mails())
    assert first.startswith(
        "WHY  sftp://files.acme.example/outgoing cannot be polled, since 2026-11-24 06:00 (America/New_York): "
        "ServerUnavailableError: No route to host. No"
    )
    assert len(first) < 700
    assert "cannot be polled" not in second


def test_a_new_feed_has_no_past(world: World) -> None:
    world.check(minutes(60))
    world.put(feed="younger")
    world.check(minutes(75))
    assert world.statuses("acme/younger") == {}
    world.check(minutes(75) + timedelta(days=1))
    assert world.statuses("acme/younger") == {"2026-11-25": "BREACHED"}


def test_a_feed_that_is_switched_off_is_left_alone_and_begins_anew(world: World) -> None:
    world.check(minutes(30))
    assert world.statuses() == {"2026-11-24": "BREACHED"}
    for changes in ({"enabled": False}, {}):
        world.put(**changes)
        world.check(minutes(45) + timedelta(days=3 if changes else 10))
    assert world.statuses() == {"2026-11-24": "DROPPED"}
    world.check(minutes(45) + timedelta(days=11))
    assert list(world.statuses().values()) == ["DROPPED", "BREACHED"]
    assert world.events() == ["sla_breached", "sla_breached"]
    world.feeds.delete_item(Key={"tenant": "acme", "feed": "daily_sales"})
    world.check(minutes(60) + timedelta(days=11))
    assert world.around.table.clocks() == {}
    assert world.around.table.open_items() == []


def test_a_check_that_did_not_run_for_days_skips_nothing_and_tells_it_in_one_mail_each(world: World) -> None:
    for day in (0, 1, 4, 6):
        # in time, late, late, in time; the others are missing
        dt = DAY + timedelta(days=day)
        world.land(f"sales_{dt:%Y%m%d}.csv", minutes({0: -5, 1: 60, 4: 120, 6: 30}[day]) + timedelta(days=day), dt)
    counts = world.check(minutes(60) + timedelta(days=6))
    assert counts["due"] == 7
    assert [mail[:2] for mail in world.mails()] == [
        ("sla_breached", "[Lakeferry] acme/daily_sales: 3 due times missed, the last 06:30 (America/New_York)"),
        ("sla_recovered", "[Lakeferry] acme/daily_sales: complete, 2 h after 06:30 (America/New_York)"),
    ]
    assert "- 2026-11-26 06:30, for 2026-11-26: missing any file" in world.mails()[0][2]
    assert "- 2026-11-25 06:30, for 2026-11-25: 1 h late" in world.mails()[1][2]
    assert list(world.statuses().values()) == ["MET", "LATE", "BREACHED", "BREACHED", "LATE", "BREACHED", "MET"]
    world.check(minutes(75) + timedelta(days=6))
    assert len(world.mails()) == 2


@pytest.mark.slow
def test_a_mail_about_a_hundred_due_times_lists_the_last_and_counts_the_rest(world: World) -> None:
    world.check(minutes(60) + timedelta(days=99))
    (mail,) = world.mails()
    assert "100 due times missed" in mail[1]
    assert "- 80 earlier ones" in mail[2]
    assert mail[2].count("missing any file") == 20


def test_what_never_comes_is_given_up_and_what_comes_before_that_is_told(world: World) -> None:
    world.put(sla=SLA | {"days": ["TUE"]})
    world.check(minutes(30))
    world.check(minutes(30) + GIVEN_UP_AFTER)
    assert world.statuses()["2026-11-24"] == "BREACHED"
    world.check(minutes(31) + GIVEN_UP_AFTER)
    assert world.statuses()["2026-11-24"] == "MISSED"
    world.land("sales_20261124.csv", minutes(40) + GIVEN_UP_AFTER)
    world.land("sales_20261201.csv", minutes(60) + GIVEN_UP_AFTER, DAY + timedelta(days=7))
    world.check(minutes(60) + GIVEN_UP_AFTER)
    assert world.statuses()["2026-11-24"] == "MISSED"
    assert world.statuses()["2026-12-01"] == "LATE"
    assert world.mails()[-1][1].endswith("complete, 7 d 1 h after 06:30 (America/New_York)")


def test_one_feeds_trouble_is_its_own(world: World) -> None:
    world.feeds.put_item(Item=feed_document(feed="broken", sla=SLA | {"expected_by": "25:00"}))
    world.put(feed="second")
    world.check(minutes(-5))
    assert world.check(DUE)["invalid"] == 1
    assert [mail[3]["feed"] for mail in world.mails()] == ['["daily_sales", "second"]']
    # an entry somebody put into the ledger by hand
    world.land("sales_20261124.csv", minutes(3), uploaded_at=None)
    world.land("sales_20261124.csv", minutes(3), feed="acme/second")
    with pytest.raises(CheckIncompleteError, match=f"1 step .*{FEED}: KeyError: 'uploaded_at'"):
        world.check(minutes(15))
    assert world.events() == ["sla_due", "sla_recovered"]
    assert world.statuses("acme/second") == {"2026-11-24": "MET"}


def test_what_a_check_reads_does_not_grow_with_the_ledgers_history(world: World) -> None:
    def calls(now: datetime) -> list[str]:
        seen: list[str] = []

        def note(params: Any, model: Any, **rest: Any) -> None:
            seen.append(f"{model.name} {params.get('TableName')}")

        clients = [world.around.ledger._table.meta.client, world.sla_table.meta.client]
        for client in clients:
            client.meta.events.register("before-parameter-build.dynamodb", note)
        world.check(now)
        for client in clients:
            client.meta.events.unregister("before-parameter-build.dynamodb", note)
        return seen

    world.land("sales_20261124.csv", minutes(-5))
    first = calls(DUE)
    for number in range(1, 400):
        dt = DAY - timedelta(days=number)
        world.land(f"sales_{dt:%Y%m%d}.csv", minutes(-5) - timedelta(days=number), dt)
    world.land("sales_20261125.csv", minutes(-5) + timedelta(days=1), DAY + timedelta(days=1))
    assert first
    assert calls(DUE + timedelta(days=1)) == first


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_weeks_of_random_deliveries_and_checks_end_with_a_plain_references_verdicts(world: World, seed: int) -> None:
    """Over the change of clocks and Veterans Day; checks every quarter hour to every nine hours."""
    dice = random.Random(seed)
    world.put(sla=SLA | {"days": ["MON", "TUE", "WED", "THU", "FRI"], "holidays": "US"})
    world.around.table.forget_clock(FEED)
    begin, end = datetime(2026, 10, 25, tzinfo=UTC), datetime(2026, 11, 21, tzinfo=UTC)
    deliveries: list[tuple[datetime, date]] = []
    expected = {}
    for day in (begin.date() + timedelta(days=n) for n in range(27)):
        if day.weekday() > 4 or day == date(2026, 11, 11):
            continue
        due = datetime(day.year, day.month, day.day, 10 if day < date(2026, 11, 1) else 11, 30, tzinfo=UTC)
        deadline = due + timedelta(minutes=30)
        # seconds: early, in the grace, on its last second, late, days late, never
        after = dice.choice(
            [-dice.randint(0, 9000), dice.randint(0, 1799), 1800, 1801, dice.randint(1801, 200_000), None]
        )
        if after is None or due + timedelta(seconds=after) > end:
            status = "MISSED" if end - deadline > GIVEN_UP_AFTER else "BREACHED"
        else:
            status = "MET" if after <= 1800 else "LATE"
            deliveries.append((due + timedelta(seconds=after), day))
        expected[str(day)] = status
    deliveries.sort()
    now = begin
    while now <= end:
        while deliveries and deliveries[0][0] <= now:
            at, day = deliveries.pop(0)
            world.land(f"sales_{day:%Y%m%d}.csv", at, day)
        world.check(now)
        step = timedelta(minutes=dice.choice([15, 15, 60, 200, 540]))
        # the last one is at the end
        now = min(now + step, end) if now < end else now + step
    world.check(end + timedelta(minutes=1))
    assert {day: status for day, status in world.statuses().items() if day >= "2026-10-25"} == expected
    assert {"MET", "LATE", "BREACHED"} <= set(expected.values())
    # a due time is in at most one mail of each kind
    for event in STORY:
        told = [line for mail in world.mails() if mail[0] == event for line in _days(mail)]
        assert len(told) == len(set(told))
    late = {day for day, status in expected.items() if status in {"LATE", "MISSED", "BREACHED"}}
    breached = {day for mail in world.mails() if mail[0] == "sla_breached" for day in _days(mail)}
    recovered = {day for mail in world.mails() if mail[0] == "sla_recovered" for day in _days(mail)}
    assert breached | recovered >= late
    assert recovered >= {day for day, status in expected.items() if status == "LATE"}


def _days(mail: tuple[str, str, str, dict[str, str]]) -> list[str]:
    """The due days a mail is about."""
    listed = re.findall(r"^- (\S+) 06:30", mail[2], re.MULTILINE)
    return listed or re.findall(r"\d{4}-\d\d-\d\d", mail[2])[:1]


# -- once, whatever happens


@pytest.mark.slow
def test_eight_checks_at_once_send_each_mail_once(world: World) -> None:
    for number in range(5):
        world.put(feed=f"feed_{number}")
    world.check(minutes(-1))
    # SNS is slow, so that the others are at the same mail before it is noted as sent
    world.sns.meta.events.register_first("before-send.sns.Publish", lambda **request: time.sleep(0.2))

    def all_at_once(now: datetime) -> None:
        gate = threading.Barrier(8)

        def one(number: int) -> None:
            gate.wait()
            check(replace(world.around, token=f"{now}{number}"), now)

        threads = [threading.Thread(target=one, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    all_at_once(DUE)
    all_at_once(minutes(30))
    for feed in (FEED, *(f"acme/feed_{number}" for number in range(5))):
        world.land("sales_20261124.csv", minutes(40), feed=feed)
    all_at_once(minutes(45))
    all_at_once(minutes(60))
    # those of one server share mails, and who is quicker at which feed is left open
    told = Counter((mail[0], feed_id) for mail in world.mails() for feed_id in feed_ids(mail))
    feeds = (FEED, *(f"acme/feed_{number}" for number in range(5)))
    assert told == {(event, feed_id): 1 for event in STORY for feed_id in feeds}
    assert world.around.table.open_items() == []


def story(world: World) -> list[str]:
    """What was told."""
    for step in steps(world, "daily_sales"):
        step()
    return told(world, "daily_sales")


def steps(world: World, feed: str) -> list[Callable[[], object]]:
    """Due, breached, there at last; a day later in time."""
    feed_id = f"acme/{feed}"

    def check(later: int) -> None:
        if later == -30:
            world.around.table._table.delete_item(Key={"feed_id": "!pipeline", "due": "!watch"})
            world.put(feed=feed)
        if later == 60:
            world.land("sales_20261124.csv", minutes(50), feed=feed_id)
        if later == 1440:
            world.land("sales_20261125.csv", minutes(1435), DAY + timedelta(days=1), feed=feed_id)
        world.check(minutes(later))

    return [partial(check, later) for later in (-30, -15, 0, 15, 30, 45, 60, 75, 1440, 1455)]


def told(world: World, feed: str) -> list[str]:
    """In the end, when all is settled."""
    assert world.statuses(f"acme/{feed}") == {"2026-11-24": "LATE", "2026-11-25": "MET"}
    assert world.around.table.open_items() == []
    return [mail[0] for mail in world.mails() if mail[3]["feed"] == feed]


STORY = ["sla_due", "sla_breached", "sla_recovered"]


@pytest.mark.parametrize("operation", ["PutItem", "UpdateItem"])
def test_a_lost_answer_of_any_write_changes_nothing(
    world: World, fault: Callable[[str, Fault], None], monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda seconds: None)
    # each first answer is lost, each second, to the same request, arrives
    lost = Fault(lambda call: call % 2 == 1, lost_answer, after_effect=True)
    fault(f"dynamodb.{operation}", lost)
    assert story(world) == STORY
    assert lost.calls >= 20


@pytest.mark.parametrize("after_effect", [True, False])
def test_a_lost_answer_of_a_mail_is_not_repeated_and_the_check_says_so(
    world: World, fault: Callable[[str, Fault], None], after_effect: bool
) -> None:
    fault("sns.Publish", Fault(lambda call: call == 1, lost_answer, after_effect=after_effect))
    with pytest.raises(CheckIncompleteError, match="answer got lost"):
        world.check(DUE)
    world.check(minutes(15))
    assert world.events() == ["sla_due"] * after_effect
    world.check(minutes(30))
    assert world.events()[after_effect:] == ["sla_breached"]


def test_a_mail_that_surely_did_not_go_out_is_tried_again_and_goes_out_once(
    world: World, fault: Callable[[str, Fault], None]
) -> None:
    refused = Fault(
        lambda call: call == 1, lambda request: EndpointConnectionError(endpoint_url=request.url), after_effect=False
    )
    fault("sns.Publish", refused)
    world.check(DUE)
    assert refused.calls == 2
    assert world.events() == ["sla_due"]


def test_a_topic_out_of_order_fails_the_check_and_the_next_one_tells(world: World) -> None:
    broken = replace(
        world.around, topic=Topic(world.sns, "arn:aws:sns:eu-west-1:123456789012:gone", lambda seconds: None)
    )
    with pytest.raises(CheckIncompleteError, match="daily_sales: NotFound"):
        check(broken, minutes(30))
    assert world.mails() == []
    world.check(minutes(31))
    assert world.events() == ["sla_breached"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("operation", "after_effect", "doubled"),
    [
        ("dynamodb.PutItem", False, 0),
        ("dynamodb.PutItem", True, 0),
        ("dynamodb.UpdateItem", False, 3),  # each mail once: killed between publishing it and noting that
        ("dynamodb.UpdateItem", True, 0),
        ("sns.Publish", False, 0),
        ("sns.Publish", True, 3),  # the same moment, seen from the other side
    ],
)
def test_a_check_killed_at_any_call_loses_no_mail(
    world: World, fault: Callable[[str, Fault], None], operation: str, after_effect: bool, doubled: int
) -> None:
    dying = Fault(lambda call: False, killed, after_effect=after_effect)
    fault(operation, dying)
    world.feeds.delete_item(Key={"tenant": "acme", "feed": "daily_sales"})
    twice = nth = 0
    for nth in killed_at_each(steps(world, "other"), dying):
        events = told(world, "other")
        assert nth or events == STORY
        assert [event for event in STORY if event in events] == STORY
        assert len(events) <= 4
        twice += len(events) == 4
    assert nth >= 3
    assert twice == doubled
