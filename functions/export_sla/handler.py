"""Lambda handler of the rule "every 15 minutes, 5 minutes after check_sla"."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from functools import cache
from typing import Any

from export_sla.core import export_sla
from lakeferry.clients import Clients, from_environment
from lakeferry.logs import logger_for

logger = logger_for("export_sla")
clients = cache(from_environment)


@logger.inject_lambda_context(clear_state=True)
def handler(event: Mapping[str, Any], context: object) -> dict[str, int]:
    """Takes EventBridge's event, or by hand `{"since": "YYYY-MM-DD"}`: all days from then on are looked at."""
    aws: Clients = clients()
    since = date.fromisoformat(event["since"]) if "since" in event else None
    days = export_sla(aws.sla, aws.s3, aws.settings.lake_bucket, datetime.now(UTC), since)
    logger.info("SLAs exported", days=days)
    return {"days": days}
