"""Whether the crawler has to run: a crawl is paid for ten minutes at least, so only for a schema no crawl has seen."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from lakeferry.feeds.each import each_feed
from lakeferry.ledger import Ledger

if TYPE_CHECKING:
    from mypy_boto3_glue import GlueClient

_NAMED = 5
"""Feeds the reason names."""


def plan_crawl(ledger: Ledger, glue: "GlueClient", crawler: str) -> dict[str, Any]:
    """Compares the schemas of the files that wait for the Glue job with what the last crawl can have seen.

    The ledger keeps, for each feed, when each schema landed first; the crawler tells when its last crawl began. So a
    crawl by schedule or by hand counts, and nothing has to be written after one. Partitions need none: the job
    registers them.

    Returns:
        `crawl`: whether it has to run; `reason`, for people; `feeds`: how many have such a schema.
    """
    last = glue.get_crawler(Name=crawler)["Crawler"].get("LastCrawl", {})
    succeeded = last.get("StartTime") if last.get("Status") == "SUCCEEDED" else None
    # what a crawl that failed or is under way has seen nobody knows
    since = None if succeeded is None else succeeded.astimezone(UTC)
    schemas = ledger.pending_schemas()

    def is_unseen(feed_id: str) -> tuple[str, bool]:
        times = ledger.feeds.schemas_since(feed_id, schemas[feed_id])
        return feed_id, since is None or any(datetime.fromisoformat(at) >= since for at in times.values())

    # of one that cannot be looked at nobody knows what was seen
    unknown: list[str] = []
    looked_at = each_feed(sorted(schemas), is_unseen, lambda feed_id, _: unknown.append(feed_id))
    unseen = sorted([*unknown, *(feed_id for feed_id, is_new in looked_at if is_new)])
    return {"crawl": bool(unseen), "feeds": len(unseen), "reason": _reason(unseen, last)}


def _reason(unseen: list[str], last: Any) -> str:  # noqa: ANN401  (part of a Glue answer)
    if not unseen:
        return "No schema is new since the last crawl."
    named = ", ".join(unseen[:_NAMED]) + (f" and {len(unseen) - _NAMED} more" if unseen[_NAMED:] else "")
    if last.get("Status") == "SUCCEEDED":
        return f"A new schema since the last crawl: {named}."
    before = f"the last crawl ended {last['Status']}" if last.get("Status") else "nothing was ever crawled"
    return f"{before[0].upper()}{before[1:]}: {named}."
