"""Lambda handler of state "Fetch file"."""

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from fetch.core import fetch
from lakeferry.clients import Clients, from_environment
from lakeferry.feeds import load_feed
from lakeferry.logs import identify, logger_for
from lakeferry.models import FileItem
from lakeferry.partner import connect

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

logger = logger_for("fetch")
clients = cache(from_environment)

WAIT_SECONDS = 240
"""For a connection to the server; the state machine calls again after that."""


@logger.inject_lambda_context(clear_state=True)
def handler(event: Mapping[str, Any], context: "LambdaContext") -> dict[str, Any]:
    """Copies the file, or what time allows of it; not done means: call again."""
    aws: Clients = clients()
    item = FileItem.from_event(event)
    identify(logger, item)
    feed = load_feed(aws.feeds, item.tenant, item.feed)
    result = fetch(
        feed,
        item,
        lambda: connect(aws, feed, WAIT_SECONDS),
        aws.ledger,
        aws.s3,
        aws.settings,
        remaining_seconds=lambda: context.get_remaining_time_in_millis() / 1000,
    )
    logger.info("file fetched" if result["done"] else "fetch to be continued", **result)
    return result
