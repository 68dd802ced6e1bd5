"""Lambda handler of state "Upload file"."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from lakeferry.clients import Clients, from_environment
from lakeferry.feeds import load_feed
from lakeferry.logs import identify, logger_for
from lakeferry.models import FileItem
from lakeferry.partner import connect
from upload.after import finish_remote
from upload.core import upload

logger = logger_for("upload")
clients = cache(from_environment)

WAIT_SECONDS = 120
"""For a connection to the server; the next run that lists the file tries again after that."""


@logger.inject_lambda_context(clear_state=True)
def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:
    """Makes the validated file visible, then does the after-action on the server."""
    aws: Clients = clients()
    item = FileItem.from_event(event)
    identify(logger, item)
    feed = load_feed(aws.feeds, item.tenant, item.feed)
    result = upload(feed, item, aws.ledger, aws.s3, aws.settings)
    problem = finish_remote(feed, item, aws.ledger, lambda: connect(aws, feed, WAIT_SECONDS))
    if problem:
        logger.warning("after-action failed", reason=problem)
    logger.info("file uploaded", **result)
    return result
