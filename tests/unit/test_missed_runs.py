"""How many scheduled runs did not start, whatever the schedule is."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import boto3
import pytest

from check_sla.missed import MOST, runs_missed
from tests.conftest import RUN
from tests.unit.sla_world import NEVER, World

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

    from lakeferry.ledger import Ledger

BEGUN = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("schedule", "hours", "missed"),
    [
        ("cron(0 * * * ? *)", 1.9, 0),  # the one of 7:00 has an hour
        ("cron(0 * * * ? *)", 2, 1),
        ("cron(0 * * * ? *)", 5.5, 4),
        ("cron(0 6 * * ? *)", 24.9, 0),
        ("cron(0 6 * * ? *)", 25, 1),
        ("cron(0 6 ? * MON *)", 24 * 6, 0),  # a Tuesday; the next Monday is the 30th
        ("cron(0 6 ? * MON *)", 24 * 6 + 1, 1),
        ("rate(1 hour)", 1.9, 0),
        ("rate(1 hour)", 2, 1),
        ("rate(12 hours)", 26, 2),
        ("cron(0 * * * ? *)", 24 * 365, MOST),
        ("rate(1 minute)", 24 * 365, MOST),
        ("cron(0 * * * ? *)", -5, 0),
        ("rate(1 minute)", -5, 0),
        ("", 99, 0),
        ("cron(x)", 99, 0),
        ("rate(x)", 99, 0),
    ],
)
def test_a_run_is_missed_an_hour_after_it_was_due(schedule: str, hours: float, missed: int) -> None:
    assert runs_missed(schedule, BEGUN, BEGUN + timedelta(hours=hours)) == missed


def test_a_check_counts_from_the_last_scheduled_event_that_a_run_took(
    feeds_table: "Table", ledger: "Ledger", sla_table: "Table"
) -> None:
    world = World(feeds_table, ledger, boto3.resource("dynamodb").Table("ledger"), sla_table)

    def missed(hours: float) -> int:
        counts = world.check(BEGUN + timedelta(hours=hours), schedule="cron(0 * * * ? *)", silent_after=NEVER)
        return counts["runs_missed"]

    # the first day: nobody has looked before, so nothing was missed, and no run was ever started
    assert [missed(quarter / 4) for quarter in range(8)] == [0] * 8
    assert missed(2) == 1
    ledger.feeds.take_tick("2026-11-24T08:00:00Z", RUN)
    assert [missed(2.25), missed(3), missed(3.75), missed(4)] == [0, 0, 0, 1]
    ledger.feeds.take_tick("2026-11-24T10:00:00Z", RUN)
    assert missed(4.25) == 0
    # what somebody wrote by hand for a time is no time
    ledger.feeds.take_tick("whenever", RUN)
    assert missed(4.5) == 0
    # the schedule was off for a week, check_sla with it: both begin anew
    assert missed(24 * 7) == 0
    assert missed(24 * 7 + 0.5) == 0
