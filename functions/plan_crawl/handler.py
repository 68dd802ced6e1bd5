"""Lambda handler of state "Plan crawl"."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from lakeferry.clients import Clients, from_environment
from lakeferry.logs import logger_for
from plan_crawl.core import plan_crawl

logger = logger_for("plan_crawl")
clients = cache(from_environment)


@logger.inject_lambda_context(clear_state=True)
def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:
    """Tells whether the crawler has to run before the Glue job."""
    aws: Clients = clients()
    result = plan_crawl(aws.ledger, aws.glue, event["crawler"])
    logger.info("crawl planned", run=event["run"], **result)
    return result
