"""Lambda handler of state "Validate file"."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from lakeferry.aws.secrets import load_secret
from lakeferry.clients import Clients, from_environment
from lakeferry.decode import DecodeKeys
from lakeferry.feeds import load_feed
from lakeferry.logs import identify, logger_for
from lakeferry.models import FileItem
from validate.core import validate

logger = logger_for("validate")
clients = cache(from_environment)


@logger.inject_lambda_context(clear_state=True)
def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:
    """Decodes and checks the file; what the lake will show waits as an upload that is not completed."""
    aws: Clients = clients()
    item = FileItem.from_event(event)
    identify(logger, item)
    feed = load_feed(aws.feeds, item.tenant, item.feed)
    # read anew for each file: with a key that has been replaced since, the file would be rejected for good
    keys = DecodeKeys(
        lambda: load_secret(aws.secrets, feed.server.secret, feed.feed_id, fresh=True), feed.server.secret
    )
    result = validate(feed, item, aws.ledger, aws.s3, aws.settings, keys)
    logger.info("file validated", **result)
    return result
