"""What became of each state of the machine; those of the maps are told by what files and feeds went through."""

from collections.abc import Iterable, Mapping

from lakeferry.reports.facts import StateFacts
from lakeferry.reports.feed import FeedFacts

_STAGES = {"Fetch files": "fetch", "Validate files": "check", "Upload files": "upload"}


def states_of(top: Mapping[str, StateFacts], feeds: Iterable[FeedFacts]) -> dict[str, StateFacts]:
    """By name.

    Args:
        top: Of the execution's history, which has the run's own states; those of a Distributed Map's items are in
            executions of their own.
        feeds: Of whom the report is.
    """
    found = dict(top)
    feeds = list(feeds)
    polled = StateFacts(sum(feed.was_polled for feed in feeds), sum(feed.poll_failed for feed in feeds), 0, "feed")
    mine: dict[str, StateFacts] = {"Poll server": polled}
    for state, stage in _STAGES.items():
        good = sum(feed.passed[stage] for feed in feeds)
        mine[state] = StateFacts(good, sum(feed.failed_in[state] for feed in feeds), 0, "file")
    failed = sum(feed.statuses["FAILED"] for feed in feeds)
    for state in ("For each failed file", "Record file failure", "Send file to dead-letter queue"):
        mine[state] = StateFacts(failed, 0, 0, "file")
    for state in ("Record feed failure", "Send feed to dead-letter queue"):
        mine[state] = StateFacts(polled.failed, 0, 0, "feed")
    batched = sum(feed.count > 0 for feed in feeds)
    mine["For each batch"] = StateFacts(batched, 0, 0, "feed")
    return found | {name: facts for name, facts in mine.items() if facts.good or facts.failed}
