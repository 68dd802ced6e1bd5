"""Lambda handler of subscribe: called by a schedule, or by hand."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from lakeferry.clients import Clients, from_environment
from lakeferry.ledger.queries import feed_documents
from lakeferry.ledger.seeding import seed_addresses
from lakeferry.logs import logger_for
from lakeferry.mails.subscriptions import subscribed
from lakeferry.models import stack_of
from subscribe.core import subscribe

logger = logger_for("subscribe")
clients = cache(from_environment)


@logger.inject_lambda_context(clear_state=True)
def handler(event: Mapping[str, Any], context: object) -> dict[str, int]:
    """Brings the topic's mail subscriptions in step with the feeds."""
    aws: Clients = clients()
    documents = list(feed_documents(aws.feeds))
    topic, ledger = aws.settings.topic, aws.ledger
    seed_addresses(ledger, lambda: documents, lambda: subscribed(aws.sns, topic))
    where = f"--stack {stack_of(aws.settings.state_machine)}"
    told = subscribe(documents, aws.sns, topic, ledger.asides, ledger.addresses, where)
    logger.info("subscriptions are in step", counts=told)
    return told
