"""Which feeds are due in this run, as a list in S3 that the state machine's Distributed Map reads."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from lakeferry.errors import FeedInvalidError
from lakeferry.ledger import Ledger
from lakeferry.models import FeedItem, run_id_of
from lakeferry.schedule import is_due

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_s3 import S3Client


def list_feeds(
    feeds: "Table",
    ledger: Ledger,
    s3: "S3Client",
    work_bucket: str,
    run: str,
    execution_input: Mapping[str, Any],
    now: datetime,
) -> dict[str, Any]:
    """Writes a JSON array of `FeedItem` and returns its bucket, key and count.

    A document that is not valid is listed all the same: polling it fails by name, for that feed alone.

    Args:
        execution_input: Its `feeds`, a list of `tenant/feed`, takes exactly those, due or not.
    """
    wanted = execution_input.get("feeds")
    if wanted is None:
        names = [(item["tenant"], item["feed"]) for item in _scan(feeds) if _is_listed(item, ledger, now)]
    else:
        names = [_split(feed_id) for feed_id in wanted]
    items = [asdict(FeedItem(tenant, feed, run)) for tenant, feed in sorted(set(names))]
    key = f"runs/{run_id_of(run)}/feeds.json"
    s3.put_object(Bucket=work_bucket, Key=key, Body=json.dumps(items).encode(), ContentType="application/json")
    return {"bucket": work_bucket, "key": key, "feeds": len(items)}


def _scan(feeds: "Table") -> Iterator[dict[str, Any]]:
    arguments: dict[str, Any] = {
        "ProjectionExpression": "tenant, feed, enabled, #schedule",
        "ExpressionAttributeNames": {"#schedule": "schedule"},
        "ConsistentRead": True,
    }
    while True:
        page = feeds.scan(**arguments)
        yield from page["Items"]
        if "LastEvaluatedKey" not in page:
            return
        arguments["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def _is_listed(item: Mapping[str, Any], ledger: Ledger, now: datetime) -> bool:
    if item.get("enabled") is False:
        return False
    schedule = item.get("schedule")
    if schedule is None:
        return True
    polled_at = ledger.feed_state(f"{item['tenant']}/{item['feed']}").get("polled_at")
    try:
        return is_due(schedule, last=datetime.fromisoformat(polled_at) if polled_at else None, now=now)
    except FeedInvalidError:
        return True


def _split(feed_id: object) -> tuple[str, str]:
    tenant, slash, feed = str(feed_id).partition("/")
    if not (tenant and slash and feed):
        raise FeedInvalidError(f'$.feeds of the execution input: {feed_id!r} is not of the form "tenant/feed".')
    return tenant, feed
