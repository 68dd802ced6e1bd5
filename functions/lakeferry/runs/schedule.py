"""Whether a feed is due, by its schedule."""

from datetime import datetime, timedelta

from lakeferry.errors import FeedInvalidError
from lakeferry.feeds.schedule import next_due, rate_seconds


def is_due(schedule: object, *, last: datetime | None, now: datetime) -> bool:
    """Whether a feed last polled at `last` is to be polled at `now`; one never polled always is.

    Args:
        schedule: As it stands in the table: whatever somebody wrote there.

    Raises:
        FeedInvalidError: the schedule cannot be read.
    """
    if schedule is None:
        return True
    try:
        if not isinstance(schedule, str) or not schedule.startswith(("rate(", "cron(")):
            raise ValueError(f"{schedule!r:.200} is neither cron(...) nor rate(...)")
        if schedule.startswith("rate("):
            # a run that nothing scheduled starts at any second: half a minute's grace keeps rate(1 hour) hourly
            pause = timedelta(seconds=rate_seconds(schedule) - 30)
            return last is None or now - last >= pause
        due = next_due(schedule, now if last is None else last)
        return last is None or due <= now
    except ValueError as error:
        raise FeedInvalidError(f"$.schedule: {error}.") from error
