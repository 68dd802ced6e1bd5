"""When a feed is due."""

from datetime import UTC, datetime, timedelta

import pytest

from lakeferry.errors import FeedInvalidError
from lakeferry.runs.schedule import is_due

MONDAY = datetime(2026, 11, 23, 6, 0, 5, tzinfo=UTC)


def test_without_a_schedule_every_run_polls() -> None:
    assert is_due(None, last=MONDAY, now=MONDAY)


def test_a_feed_never_polled_is_due() -> None:
    assert is_due("cron(0 3 * * ? *)", last=None, now=MONDAY)


@pytest.mark.parametrize(
    ("schedule", "hours_ago", "due"),
    [
        ("cron(0 6 * * ? *)", 1, True),
        ("cron(0 7 * * ? *)", 1, False),
        ("cron(0 7 * * ? *)", 24, True),  # a missed run catches up
        ("cron(0 6 ? * MON-FRI *)", 1, True),
        ("cron(0 6 ? * 2 *)", 1, True),  # EventBridge's 2 is Monday
        ("cron(0 6 ? * 1 *)", 1, False),
        ("cron(0 6 ? * 2-6 *)", 1, True),
        ("cron(0 6 ? * 7 *)", 1, False),
        ("cron(0/15 * * * ? *)", 1, True),
        ("cron(0 6 ? * 2#4 *)", 1, True),  # the fourth Monday
        ("cron(0 6 ? * 2#1 *)", 1, False),
        ("rate(1 hour)", 1, True),
        ("rate(2 hours)", 1, False),
        ("rate(1 day)", 24, True),
    ],
)
def test_due(schedule: str, hours_ago: int, due: bool) -> None:
    assert is_due(schedule, last=MONDAY - timedelta(hours=hours_ago), now=MONDAY) is due


@pytest.mark.parametrize(
    "schedule",
    ["cron(0 6 * * *)", "cron(0 6 * * * *)", "cron(99 6 * * ? *)", "cron(0 6 * * ? 2027)", "rate(0 hours)", "rate(x)"],
)
def test_an_unreadable_schedule_is_named(schedule: str) -> None:
    with pytest.raises(FeedInvalidError, match="schedule"):
        is_due(schedule, last=MONDAY, now=MONDAY)
