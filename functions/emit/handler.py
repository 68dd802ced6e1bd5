"""Lambda handler of the rule "every minute"."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from emit.core import Bus, emit
from emit.known import Documents
from lakeferry.clients import Clients, from_environment
from lakeferry.ledger.outbox import Outbox
from lakeferry.logs import logger_for, measured
from lakeferry.models import stack_of

logger = logger_for("emit")
clients = cache(from_environment)


@logger.inject_lambda_context(clear_state=True)
def handler(event: Mapping[str, Any], context: object) -> dict[str, int]:
    """Tells what happened since; the event has nothing in it that matters."""
    aws: Clients = clients()
    counts = emit(
        Outbox(aws.table(aws.settings.ledger_table), ("feed_id", "file_id")),
        Outbox(aws.table(aws.settings.sla_table), ("feed_id", "due")),
        Documents(aws.feeds, aws.sla),
        Bus(aws.events, aws.settings.event_bus, stack_of(aws.settings.state_machine)),
    )
    if counts["items"]:
        logger.info("events told", extra=counts, **measured({"EventsTold": counts["events"]}))
    return counts
