"""Lambda handler of the rule "every minute"."""

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from emit.bus import Bus
from emit.core import emit
from emit.known import Documents
from lakeferry.clients import Clients, from_environment
from lakeferry.ledger.outbox import Outbox
from lakeferry.logs import logger_for, measured
from lakeferry.models import stack_of

if TYPE_CHECKING:
    from emit.channel import Channel

logger = logger_for("emit")
clients = cache(from_environment)


@logger.inject_lambda_context(clear_state=True)
def handler(event: Mapping[str, Any], context: object) -> dict[str, int]:
    """Tells what happened since; the event has nothing in it that matters."""
    aws: Clients = clients()
    known = Documents(aws.feeds, aws.sla)
    channels: list[Channel] = [Bus(aws.events, aws.settings.event_bus, stack_of(aws.settings.state_machine))]
    post = None
    if aws.settings.openlineage_url:
        from emit.lineage import wiring  # its package costs time and memory: where it is wanted alone

        channels.append(wiring.channel(aws, known))
        post = wiring.delivered
    counts = emit(
        Outbox(aws.table(aws.settings.ledger_table), ("feed_id", "file_id")),
        Outbox(aws.table(aws.settings.sla_table), ("feed_id", "due")),
        known,
        channels,
    )
    if counts["items"]:
        logger.info("events told", extra=counts, **measured({"EventsTold": counts["events"]}))
    if post is not None and (came := post(aws)) is not None:
        counts |= came
        logger.info("lineage", extra=came, **measured({"LineageWaiting": came["lineage_waiting"]}))
    return counts
