"""Lambda handler of state "List feeds"."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

from lakeferry.clients import Clients, from_environment
from lakeferry.logs import logger_for
from list_feeds.core import list_feeds

logger = logger_for("list-feeds")
clients = cache(from_environment)


@logger.inject_lambda_context(clear_state=True)
def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:
    """Writes the run's feed list to S3 and tells where it is."""
    aws: Clients = clients()
    listing = list_feeds(
        aws.feeds,
        aws.ledger,
        aws.s3,
        aws.settings.work_bucket,
        event["run"],
        event.get("input") or {},
        datetime.now(UTC),
        aws.settings.run_minutes,
        aws.settings.max_feeds_at_once,
    )
    logger.info("feeds listed", run=event["run"], feeds=listing["feeds"])
    if listing["waiting"]:
        logger.warning("more feeds are due than one run takes", run=event["run"], waiting=listing["waiting"])
    return listing
