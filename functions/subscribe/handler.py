"""Lambda handler of subscribe: called by a schedule, or by hand."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from lakeferry.clients import Clients, from_environment
from lakeferry.ledger.queries import feed_documents
from lakeferry.logs import logger_for
from subscribe.core import subscribe

logger = logger_for("subscribe")
clients = cache(from_environment)


@logger.inject_lambda_context(clear_state=True)
def handler(event: Mapping[str, Any], context: object) -> dict[str, int]:
    """Brings the topic's mail subscriptions in step with the feeds."""
    aws: Clients = clients()
    told = subscribe(feed_documents(aws.feeds), aws.sns, aws.settings.topic, aws.ledger.asides)
    logger.info("subscriptions are in step", counts=told)
    return told
