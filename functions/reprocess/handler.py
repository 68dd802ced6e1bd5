"""Lambda handler of reprocess: called by a schedule, by the command line, or by hand."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

from lakeferry.clients import Clients, from_environment
from lakeferry.logs import logger_for, measured
from lakeferry.runs.dead_letters import DeadLetterQueue
from lakeferry.runs.running import RunningRuns
from reprocess.backfill import backfill
from reprocess.core import Surroundings, reprocess, waiting
from reprocess.decide import Decider
from reprocess.executions import Starter
from reprocess.request import Request

logger = logger_for("reprocess")
clients = cache(from_environment)


@logger.inject_lambda_context(clear_state=True)
def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:
    """Takes again what is asked for; unless the schedule asks, or `"dry_run": false` is said, it only tells."""
    aws: Clients = clients()
    request = Request.from_event(event)
    now = datetime.now(UTC)
    starter = Starter(aws.states, aws.settings.state_machine, now)
    if request.backfill is not None:
        result = backfill(request.backfill, aws.ledger, starter, dry_run=request.dry_run)
    else:
        around = Surroundings(
            feeds=aws.feeds,
            ledger=aws.ledger,
            queue=DeadLetterQueue(aws.sqs, aws.settings.dead_letter_queue),
            starter=starter,
            decider=Decider(request, RunningRuns(aws.states), aws.settings.max_attempts, now),
        )
        result = reprocess(around)
    backlog = result.pop("backlog", {})
    found = {name: value for name, value in result.items() if name != "open"}
    logger.info("reprocessed", **found, **(measured(waiting(backlog)) if backlog else {}))
    return result
