"""Lambda handler of state "Poll server"."""

import time
from collections.abc import Mapping
from functools import cache
from typing import Any

from lakeferry.clients import Clients, from_environment
from lakeferry.feeds import load_feed
from lakeferry.logs import identify, logger_for
from lakeferry.models import FeedItem
from lakeferry.partner import connect
from lakeferry.runs.running import RunningRuns
from poll.core import Surroundings, poll
from poll.dealing import Limits
from poll.given import claim_given

logger = logger_for("poll")
clients = cache(from_environment)

WAIT_SECONDS = 180
"""For a connection to the server; the state machine tries again after that."""


@logger.inject_lambda_context(clear_state=True)
def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:
    """Claims what is new on the feed's server, or the files it is given, and tells where their list is."""
    aws: Clients = clients()
    item = FeedItem.from_event(event)
    identify(logger, item)
    feed = load_feed(aws.feeds, item.tenant, item.feed)
    around = Surroundings(
        connect=lambda: connect(aws, feed, WAIT_SECONDS),
        ledger=aws.ledger,
        s3=aws.s3,
        work_bucket=aws.settings.work_bucket,
        is_running=RunningRuns(aws.states),
        clock=time.time,
        sleep=time.sleep,
        limits=Limits(aws.settings.batch_files, aws.settings.batch_bytes),
    )
    result = poll(feed, item, around) if item.files is None else claim_given(feed, item, around)
    if result.get("unread_lines"):
        logger.warning("lines of the listing cannot be read; what they stand for is not taken")
    if result.get("carried_over"):
        logger.warning("more new files than files.max_files_per_run; the next run takes the others")
    logger.info("server polled", **result)
    return result
