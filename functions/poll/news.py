"""What a poll has to tell of what is stuck, or of a feed that has nothing."""

from dataclasses import replace

from lakeferry.feeds import Feed
from lakeferry.mails.mail import Mail
from lakeferry.mails.stuck import Stuck, feed_has_nothing, files_stuck, files_unstuck
from poll.balance import Balance
from poll.listing import Listing
from poll.nearest import nearest_of
from poll.watch import EMPTY, MOST_WATCHED, UNFIT, Watch


def fits_nothing(feed: Feed, listing: Listing, balance: Balance) -> dict[str, str]:
    """`fits_nothing`, a sentence, where the folder has names and none is the feed's; else nothing."""
    if not balance.not_the_feeds or balance.of_the_feed or listing.is_empty_ignored:
        return {}
    return {"fits_nothing": nearest_of(feed.files, listing.missed, balance.not_the_feeds)}


def idle_for(balance: Balance, unfit: dict[str, str]) -> str:
    """Why a feed that has never taken a file has nothing; empty where something of it is there, or may be."""
    if unfit:
        return UNFIT
    is_empty = balance.listed == balance.not_regular + balance.gone
    return EMPTY if is_empty else ""


def news_of(watch: Watch, feed: Feed, run: str, now: float, lake: str, unfit: str) -> tuple[Watch, Mail | None]:
    """The mail that is due, and what is known once it is sent.

    Args:
        lake: Bucket of the lake, where the run's report will be.
        unfit: What was told of names that do not fit.
    """
    enough = feed.files.stuck_after_polls
    stuck = watch.stuck(enough)
    if watch.is_due(stuck, now):
        of_mail = [Stuck(key, stay.why, stay.since) for key, stay in stuck]
        is_all = len(watch.stays) < MOST_WATCHED
        mail = files_stuck(feed.tenant, feed.feed, run, of_mail, enough, is_all, lake)
        return watch.telling(stuck, now), mail
    if watch.told and not stuck:
        mail = files_unstuck(feed.tenant, feed.feed, run, watch.told, watch.told_since, lake)
        return watch.telling([], now), mail
    idle, polls = watch.idle
    if polls < enough or watch.idle_told == idle or (idle == EMPTY and feed.sla is not None):
        return watch, None  # that files are missing is told by the SLA's own mails, when they are due
    told = feed_has_nothing(feed.tenant, feed.feed, run, polls, unfit, feed.files.directory, lake)
    return replace(watch, idle_told=idle), told
