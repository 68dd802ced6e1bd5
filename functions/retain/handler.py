"""Lambda handler of the daily rule."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from lakeferry.clients import Clients, from_environment
from lakeferry.ledger.queries import feed_documents
from lakeferry.logs import logger_for, measured
from retain.core import NAMES, Surroundings, retain
from retain.due import Day

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

logger = logger_for("retain")
clients = cache(from_environment)

PARTING_SECONDS = 120
"""Left of the function's time when no other day is begun."""


@logger.inject_lambda_context(clear_state=True)
def handler(event: Mapping[str, Any], context: "LambdaContext") -> dict[str, int]:
    """Deletes what feeds do not keep any longer; what there is no time for, the next day's call goes on with."""
    aws: Clients = clients()
    around = Surroundings(
        ledger=aws.ledger,
        s3=aws.s3,
        glue=aws.glue,
        lake_bucket=aws.settings.lake_bucket,
        database=aws.settings.database,
        least=aws.settings.min_retention_days,
        has_time=lambda: context.get_remaining_time_in_millis() / 1000 > PARTING_SECONDS,
        told=_told,
        failed=lambda document, error: logger.warning("retention of a feed cannot be read", reason=str(error)),
    )
    counts = retain(feed_documents(aws.feeds), around, datetime.now(UTC).date())
    logger.info("retention done", left=counts["left"], **measured({name: counts[name] for name in NAMES}))
    return counts


def _told(day: Day) -> None:
    tenant, feed = day.feed.tenant, day.feed.feed
    facts = {name: value for name, value in day.to_json().items() if name != "feed"}
    logger.info("day kept, though it is over" if day.waits else "day deleted", tenant=tenant, feed=feed, **facts)
