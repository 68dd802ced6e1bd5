"""A poll within the time there is: not begun where there is none, and not repeated where that would help nobody."""

from dataclasses import replace
from typing import Any

from lakeferry.errors import LakeferryError
from lakeferry.feeds import Feed
from lakeferry.mails.delays import feed_out_of_time, is_told
from lakeferry.models import FeedItem
from lakeferry.runs.budget import BEGIN_SECONDS, REPEAT_SECONDS
from poll.core import Surroundings, poll, write_list
from poll.given import claim_given


def poll_in_time(feed: Feed, item: FeedItem, around: Surroundings) -> dict[str, Any]:
    """Polls the feed, or claims the files that are given.

    Returns:
        What `poll` and `claim_given` do. `error`, its name and cause, in place of an error that would be repeated: a
        feed that failed in the run before has one try in each, and none is left for after the run's time. `news`, a
        mail, where time was over again and again before the feed's turn came.

    Raises:
        LakeferryError: what the poll raises; the state machine repeats it if it may pass.
    """
    if item.is_last:
        around.ledger.feeds.note_all_begun(item.run)
    if not around.budget.allows(BEGIN_SECONDS):
        runs = around.ledger.feeds.note_out_of_time(item.feed_id, item.run)
        news = {}
        if is_told(runs):
            mail = feed_out_of_time(item.tenant, item.feed, item.run, runs, around.lake_bucket)
            news = {"news": mail.to_json()}
        return _nothing(feed, item, around) | news | {"out_of_time": True}
    try:
        return poll(feed, item, around) if item.files is None else claim_given(feed, item, around)
    except LakeferryError as error:
        if not error.retryable or not _is_last_try(item, around):
            raise
        return _nothing(feed, item, around) | {"error": {"Error": type(error).__name__, "Cause": str(error)}}


def limited(item: FeedItem, feed: Feed, now: float) -> FeedItem:
    """The item with the deadline that its feed sets itself, if that is sooner than the run's."""
    minutes = feed.files.max_minutes_per_run
    if minutes is None:
        return item
    ends = int(now if item.began is None else item.began) + minutes * 60
    return replace(item, deadline=ends if item.deadline is None else min(item.deadline, ends))


def _nothing(feed: Feed, item: FeedItem, around: Surroundings) -> dict[str, Any]:
    return write_list(feed, item, around, [], ".json")


def _is_last_try(item: FeedItem, around: Surroundings) -> bool:
    return not around.budget.allows(REPEAT_SECONDS) or "failing_since" in around.ledger.feeds.get(item.feed_id)
