"""Lambda handler of state "Fetch file"."""

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from fetch.core import fetch
from lakeferry.clients import Clients, from_environment
from lakeferry.feeds import load_feed
from lakeferry.logs import identify, logger_for
from lakeferry.models import FileItem
from lakeferry.secrets import load_secret
from lakeferry.servers import open_server

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

logger = logger_for("fetch")
clients = cache(from_environment)


def handler(event: Mapping[str, Any], context: "LambdaContext") -> dict[str, Any]:
    """Copies the file, or what time allows of it; not done means: call again."""
    aws: Clients = clients()
    item = FileItem.from_event(event)
    identify(logger, item)
    feed = load_feed(aws.feeds, item.tenant, item.feed)
    result = fetch(
        feed,
        item,
        lambda: open_server(feed.server, load_secret(aws.secrets, feed)),
        aws.ledger,
        aws.s3,
        aws.settings,
        remaining_seconds=lambda: context.get_remaining_time_in_millis() / 1000,
    )
    logger.info("file fetched" if result["done"] else "fetch to be continued", **result)
    return result
