"""Lambda handler of state "Reconcile run"."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

from lakeferry.clients import Clients, from_environment
from lakeferry.ledger.queries import feed_documents
from lakeferry.logs import logger_for, measured
from lakeferry.runs.dead_letters import DeadLetterQueue
from reconcile.core import reconcile
from reconcile.sweep import sweep

logger = logger_for("reconcile")
clients = cache(from_environment)


@logger.inject_lambda_context(clear_state=True)
def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:
    """Proves the run's balance from the ledger and writes the success mails' texts."""
    aws: Clients = clients()
    queue = DeadLetterQueue(aws.sqs, aws.settings.dead_letter_queue)
    result = reconcile(aws.ledger, aws.s3, queue, aws.settings, event["run"], feed_documents(aws.feeds))
    logger.info("run reconciled", run=event["run"], files=result["files"], rows=result["rows"])
    return {**result, "uploads_aborted": _swept(aws)}


def _swept(aws: Clients) -> int:
    """Not the run's business: where it fails, the next run's sweep comes, and the lifecycle rules after it."""
    try:
        aborted = sweep(aws.ledger, aws.s3, aws.settings, datetime.now(UTC))
    except Exception:
        logger.exception("uploads were not swept")
        return 0
    logger.info("uploads swept", **measured({"UploadsAborted": aborted}))
    return aborted
