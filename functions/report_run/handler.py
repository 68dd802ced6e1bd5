"""Lambda handler of the rule on ended executions that has reports written."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from lakeferry.clients import Clients, from_environment
from lakeferry.logs import logger_for
from lakeferry.models import link_of
from lakeferry.reports.gather import Sources
from report_run.core import report, run_of

logger = logger_for("report_run")
clients = cache(from_environment)


@logger.inject_lambda_context(clear_state=True)
def handler(event: Mapping[str, Any], context: Any) -> dict[str, int]:  # noqa: ANN401  (Lambda's)
    """Takes EventBridge's "Step Functions Execution Status Change"."""
    aws: Clients = clients()
    run = run_of(event["detail"])
    keys = report(
        Sources(aws.ledger, aws.feeds, aws.sla, aws.states),
        aws.s3,
        aws.settings.lake_bucket,
        run,
        link=link_of(run.arn),
        left=lambda: context.get_remaining_time_in_millis() / 1000,
    )
    logger.info("reports written", run=run.arn, reports=len(keys), key=keys[0])
    return {"reports": len(keys)}
