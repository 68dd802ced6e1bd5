"""Lambda handler of the rule "every 15 minutes"."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from check_sla.core import Surroundings, check
from lakeferry.clients import Clients, from_environment
from lakeferry.logs import logger_for, measured
from lakeferry.mails.topic import Topic

logger = logger_for("check-sla")
clients = cache(from_environment)

METRICS = {"runs_missed": "RunsMissed", "breached": "PromisesBreached", "late_seconds": "LateSeconds"}


@logger.inject_lambda_context(clear_state=True)
def handler(event: Mapping[str, Any], context: object) -> dict[str, int]:
    """Mails who is late and whether runs finish; the event has nothing in it that matters."""
    aws: Clients = clients()
    counts = check(
        Surroundings(
            feeds=aws.feeds,
            ledger=aws.ledger,
            table=aws.sla,
            topic=Topic(aws.sns_without_repeats, aws.settings.topic),
            states=aws.states,
            state_machine=aws.settings.state_machine,
            silent_after=timedelta(minutes=aws.settings.silent_after_minutes),
            schedule=aws.settings.schedule,
        ),
        datetime.now(UTC),
    )
    logger.info("SLAs checked", extra=counts, **measured({METRICS[name]: counts[name] for name in METRICS}))
    return counts
