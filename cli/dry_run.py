"""What `reprocess` and `backfill` would start, on a lake whose functions are not up: the same code, called here."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from lakeferry.runs.dead_letters import DeadLetterQueue
from reprocess.backfill import backfill
from reprocess.core import Surroundings, reprocess
from reprocess.decide import Decider
from reprocess.executions import Starter
from reprocess.request import Request

if TYPE_CHECKING:
    from cli.stack import Stack

_MAX_ATTEMPTS = 5
"""Of the schedule's reprocessing; what a person asks for is tried whatever came before."""


def would_reprocess(stack: "Stack", event: Mapping[str, Any]) -> dict[str, Any]:
    """As the function `reprocess` answers to `"dry_run": true`."""
    request = Request.from_event({**event, "dry_run": True})
    now = datetime.now(UTC)
    starter = Starter(stack.client("stepfunctions"), stack.physical("IngestStateMachine"), now)
    if request.backfill is not None:
        return backfill(request.backfill, stack.ledger, starter, dry_run=True)
    queue = DeadLetterQueue(stack.client("sqs"), stack.physical("DeadLetterQueue"))
    decider = Decider(request, stack.is_running, _MAX_ATTEMPTS, now)
    return reprocess(Surroundings(stack.feeds, stack.ledger, queue, starter, decider))
