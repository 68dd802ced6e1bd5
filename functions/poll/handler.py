"""Lambda handler of state "Poll server"."""

import time
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from lakeferry.clients import Clients, from_environment
from lakeferry.feeds import load_feed
from lakeferry.logs import identify, logger_for, measured
from lakeferry.models import FeedItem
from lakeferry.partner import connect
from lakeferry.runs.budget import Budget
from lakeferry.runs.running import RunningRuns
from poll.balance import metrics_of
from poll.core import Surroundings
from poll.dealing import Limits
from poll.in_time import limited, poll_in_time

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

logger = logger_for("poll")
clients = cache(from_environment)

PARTING_SECONDS = 20
"""Left of the function's time when a connection is ended that is still at work."""
WAIT_SECONDS = 180
"""For a connection to the server; the state machine tries again after that."""


@logger.inject_lambda_context(clear_state=True)
def handler(event: Mapping[str, Any], context: "LambdaContext") -> dict[str, Any]:
    """Claims what is new on the feed's server, or the files it is given, and tells where their list is."""
    item = FeedItem.from_event(event)
    identify(logger, item)
    aws: Clients = clients().for_tenant(item.tenant)
    feed = load_feed(aws.feeds, item.tenant, item.feed)
    item = limited(item, feed, time.time())
    budget = Budget(item.deadline, item.part_ends, lambda: aws.ledger.feeds.have_all_begun(item.run))

    def remaining() -> float:
        return min(context.get_remaining_time_in_millis() / 1000, budget.left())

    around = Surroundings(
        connect=lambda: connect(aws, feed, min(WAIT_SECONDS, budget.left()), remaining() - PARTING_SECONDS, _waits),
        ledger=aws.ledger,
        s3=aws.s3,
        work_bucket=aws.settings.work_bucket,
        lake_bucket=aws.settings.lake_bucket,
        is_running=RunningRuns(aws.states),
        clock=time.time,
        sleep=_settle,
        limits=Limits(aws.settings.batch_files, aws.settings.batch_bytes, aws.settings.max_fetches_at_once),
        budget=budget,
    )
    result = poll_in_time(feed, item, around)
    if result.get("out_of_time"):
        logger.warning("not polled: the run's time is over")
    if result.get("unread_lines"):
        logger.warning("lines of the listing cannot be read; what they stand for is not taken")
    if result.get("carried_over"):
        logger.warning("more new files than files.max_files_per_run; the next run takes the others")
    if (entries := result.get("entries")) is None:  # files that were given
        logger.info("server polled", **result)
        return result
    if entries.get("unaccounted"):
        logger.error("the listing does not balance: an error of Lakeferry's own", entries=entries)
    logger.info("server polled", **result, **measured(metrics_of(entries)))
    return result


def _waits(seconds: float) -> None:
    logger.info("waits for a connection to the server", waits_seconds=round(seconds))


def _settle(seconds: float) -> None:
    logger.info("waits for new files to settle", waits_seconds=round(seconds))
    time.sleep(seconds)
