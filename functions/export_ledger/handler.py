"""Lambda handler of the rule on ended executions."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from export_ledger.core import export_ledger
from export_ledger.counts import RunCounts
from lakeferry.clients import Clients, from_environment
from lakeferry.logs import logger_for, measured

logger = logger_for("export_ledger")
clients = cache(from_environment)


@logger.inject_lambda_context(clear_state=True)
def handler(event: Mapping[str, Any], context: object) -> dict[str, int]:
    """Takes EventBridge's "Step Functions Execution Status Change"."""
    aws: Clients = clients()
    run = event["detail"]["executionArn"]
    counts = RunCounts(aws.settings.metrics_of)
    files = export_ledger(aws.ledger, aws.s3, aws.settings.lake_bucket, run, event["detail"]["startDate"], counts.add)
    logger.info("ledger exported", run=run, files=files, **measured(counts.total))
    for whose, values in counts.named():
        logger.info("counted", run=run, extra=whose, **measured(values, tuple(whose)))
    return {"files": files}
