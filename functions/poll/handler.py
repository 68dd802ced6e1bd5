"""Lambda handler of state "Poll server"."""

import time
from collections.abc import Mapping
from functools import cache
from typing import Any

from lakeferry.clients import Clients, from_environment
from lakeferry.feeds import load_feed
from lakeferry.logs import identify, logger_for
from lakeferry.models import FeedItem
from lakeferry.secrets import load_secret
from lakeferry.servers import open_server
from poll.core import poll
from poll.runs import RunningRuns

logger = logger_for("poll")
clients = cache(from_environment)


def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:
    """Lists the feed's server, claims what is new, and tells where the list of claimed files is."""
    aws: Clients = clients()
    item = FeedItem.from_event(event)
    identify(logger, item)
    feed = load_feed(aws.feeds, item.tenant, item.feed)
    with open_server(feed.server, load_secret(aws.secrets, feed)) as server:
        result = poll(
            feed, item, server, aws.ledger, aws.s3, aws.settings.work_bucket, RunningRuns(aws.states), time.time()
        )
    if result["unread_lines"]:
        logger.warning("lines of the listing cannot be read; what they stand for is not taken")
    logger.info("server polled", **result)
    return result
