"""Scheduled runs that did not start: counted for alarm RunMissingAlarm, whatever the schedule is."""

from datetime import datetime, timedelta

from lakeferry.feeds.schedule import next_due, rate_seconds

GRACE = timedelta(hours=1)
"""EventBridge tries to start a run for 55 minutes (HourlyRule)."""
MOST = 100
"""Counted at most: one is enough for the alarm."""


def runs_missed(schedule: str, begun: datetime, now: datetime) -> int:
    """How often a run was due after `begun` and had not started within the grace.

    Args:
        schedule: Of the stack, as EventBridge takes it; one that cannot be read is none of ours to judge.
        begun: For when the last run was due that has started, or since when somebody looks (UTC).
    """
    missed, latest = 0, now - GRACE
    try:
        if schedule.startswith("rate("):
            return max(0, min(int((latest - begun).total_seconds()) // rate_seconds(schedule), MOST))
        while missed < MOST and (begun := next_due(schedule, begun)) <= latest:
            missed += 1
    except ValueError:
        return 0
    return missed
