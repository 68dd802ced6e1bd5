"""Lambda handler of state "Curate small"."""

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from curate_small.core import counts_of, curate_small, left_of
from lakeferry.clients import Clients, from_environment
from lakeferry.logs import logger_for, measured

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

logger = logger_for("curate_small")
clients = cache(from_environment)


@logger.inject_lambda_context(clear_state=True)
def handler(event: Mapping[str, Any], context: "LambdaContext") -> dict[str, Any]:
    """Curates what is small, and tells how many partitions are left to the Glue job."""
    aws: Clients = clients()

    def left() -> float:
        return context.get_remaining_time_in_millis() / 1000

    report = curate_small(event["run"], context.aws_request_id[:8], aws.settings, left)
    logger.info("small partitions curated", run=event["run"], report=report.to_json(), **measured(counts_of(report)))
    return {"curated": report.partitions, "left": left_of(report)}
