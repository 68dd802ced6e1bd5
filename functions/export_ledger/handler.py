"""Lambda handler of the rule on ended executions."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from export_ledger.core import export_ledger
from lakeferry.clients import Clients, from_environment
from lakeferry.logs import logger_for

logger = logger_for("export_ledger")
clients = cache(from_environment)


@logger.inject_lambda_context(clear_state=True)
def handler(event: Mapping[str, Any], context: object) -> dict[str, int]:
    """Takes EventBridge's "Step Functions Execution Status Change"."""
    aws: Clients = clients()
    run = event["detail"]["executionArn"]
    files = export_ledger(aws.ledger, aws.s3, aws.settings.lake_bucket, run, event["detail"]["startDate"])
    logger.info("ledger exported", run=run, files=files)
    return {"files": files}
