"""In which order a run's feeds get its slots, and for how long each may keep one while others wait.

A Distributed Map takes its list in order, so many at a time, and knows no tenants. So the list is dealt round-robin
over tenants, and a tenant whose feeds are more than its share of the slots gets that share of the slots' time, in equal
parts: whatever its servers do, the others have theirs (docs/decisions.md).
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import zip_longest

from lakeferry.models import FeedItem

SLOTS = 100
"""Feeds at a time: `MaxConcurrency` of "For each feed", unless parameter MaxFeedsAtOnce says otherwise."""
MOST_FEEDS = 16_000
"""Of a run, which each hands a text: at 16 bytes, enough for 999 files a feed, all of them come to 256 KB. With more it
would end by its payload, once all had been polled (docs/scale.md)."""
SHORTEST_PART = 300
"""Seconds: in less a feed cannot be listed, settle and have a file taken."""


def longest_waiting(items: Sequence[FeedItem], most: int) -> list[FeedItem]:
    """As many as a run takes: those that were polled longest ago, so that all have their turn."""
    if len(items) <= most:
        return list(items)
    return sorted(items, key=lambda item: item.polled_at or "")[:most]


def dealt(items: Sequence[FeedItem], slow: Collection[str], seconds: int, slots: int = SLOTS) -> list[FeedItem]:
    """The items in their order, each with the part of its tenant's time that it may take.

    Args:
        slow: Ids of feeds that failed or were over their time last: they come after all others.
        seconds: What the run has for its feeds.
    """
    quick = [item for item in items if item.feed_id not in slow]
    ordered = _round_robin(quick) + _round_robin([item for item in items if item.feed_id in slow])
    if len(ordered) <= slots:  # all begin at once
        return ordered
    counts = Counter(item.tenant for item in ordered)
    share = shares(counts, slots)
    found = [
        replace(item, part=max(SHORTEST_PART, int(seconds * share[item.tenant] / counts[item.tenant])))
        if counts[item.tenant] > share[item.tenant]
        else item
        for item in ordered
    ]
    return [*found[:-1], replace(found[-1], is_last=True)]


def shares(wanted: Mapping[str, int], slots: int) -> dict[str, float]:
    """Slots for each tenant: nobody gets more than it wants, and what one leaves is the others'."""
    found: dict[str, float] = {}
    left = float(slots)
    for at, tenant in enumerate(sorted(wanted, key=lambda one: wanted[one])):
        found[tenant] = min(wanted[tenant], left / (len(wanted) - at))
        left -= found[tenant]
    return found


def _round_robin(items: Iterable[FeedItem]) -> list[FeedItem]:
    by_tenant: dict[str, list[FeedItem]] = defaultdict(list)
    for item in items:
        by_tenant[item.tenant].append(item)
    rounds = zip_longest(*(by_tenant[tenant] for tenant in sorted(by_tenant)))
    return [item for one in rounds for item in one if item is not None]
