"""The detail types of Lakeferry's events: one card each. A new one is a card here and a schema in `schemas/`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from lakeferry.models import link_of, run_id_of

KEYS = 10
"""Objects that an event names; it counts all."""
_CAUSE = 2_000
Item = Mapping[str, Any]


class Known(Protocol):
    """What an event may have to look up: of the item's own tenant alone."""

    def dataset(self, feed_id: str) -> str | None:
        """Of a feed; None where the feed is gone."""

    def day(self, feed_id: str, date: str) -> "Day | None":
        """What the feed's tenant promised for its dataset and that business date; None while something is missing."""


@dataclass(frozen=True, slots=True)
class Day:
    """A complete day of a tenant's dataset.

    Attributes:
        feeds: Of the tenant, which promised files for it.
        completed_at: When the last of them was there, ISO 8601 UTC.
    """

    dataset: str
    feeds: tuple[str, ...]
    completed_at: str
    on_time: bool


@dataclass(frozen=True, slots=True)
class Card:
    """A detail type.

    Attributes:
        detail_type: As rules match it.
        what: What the ledger or the SLA table has in its outbox.
        identity: What makes an event the same when it is told again.
        detail: What it tells besides tenant and feed; None where there is nothing to tell (yet).
        is_once: It happens once to what its identity names. A file or feed may fail again, and a file land again: each
            time is an event of its own.
        is_of_feed: It names the item's feed.
    """

    detail_type: str
    what: str
    identity: Callable[[Item, Known], tuple[str, ...]]
    detail: Callable[[Item, Known], dict[str, Any] | None]
    version: int = 1
    is_once: bool = False
    is_of_feed: bool = True

    @property
    def schema(self) -> str:
        """File in `schemas/`."""
        return f"{self.what}.v{self.version}.json"


def _file(item: Item, known: Known) -> tuple[str, ...]:
    return (str(item["feed_id"]), str(item["file_id"]))


def _landed(item: Item, known: Known) -> dict[str, Any] | None:
    keys = [str(key) for key in item.get("raw_keys", ())]
    if item.get("status") not in {"UPLOADED", "CURATED"}:
        return None  # replaced before this was told
    return {
        "path": item["path"],
        "size": item["size"],
        "date": item["dt"],
        "dataset": known.dataset(item["feed_id"]),
        "rows": item.get("rows_landed"),
        "rows_rejected": item.get("rows_rejected"),
        "keys": keys[:KEYS],
        "key_count": len(keys),
        "run": run_id_of(str(item["run"])),
    }


def _curated(item: Item, known: Known) -> dict[str, Any] | None:
    if "curated_run" not in item:
        return None
    dataset = known.dataset(item["feed_id"])
    tenant, _, feed = str(item["feed_id"]).partition("/")
    prefix = f"curated/{dataset}/tenant={tenant}/feed={feed}/dt={item['dt']}/" if dataset else None
    return {"dataset": dataset, "date": item["dt"], "prefix": prefix, "run": run_id_of(str(item["curated_run"]))}


def _partition(item: Item, known: Known) -> tuple[str, ...]:
    return (str(item["feed_id"]), str(item.get("dt")), str(item.get("curated_run")))


def _file_failed(item: Item, known: Known) -> dict[str, Any] | None:
    return {"path": item["path"], "size": item["size"], "date": item.get("dt"), **_failure(item)}


def _feed_failed(item: Item, known: Known) -> dict[str, Any] | None:
    return {"failing_since": item.get("failing_since"), "failed_polls": item.get("failed_polls", 1), **_failure(item)}


def _failure(item: Item) -> dict[str, Any]:
    run = str(item.get("failed_run", ""))
    return {
        "error": str(item.get("error", "")),
        "cause": str(item.get("cause", ""))[:_CAUSE],
        "stage": item.get("stage"),
        "retried": item.get("retryable"),
        "run": run_id_of(run),
        "link": link_of(run) if run.count(":") > 3 else None,
    }


def _late(item: Item, known: Known) -> dict[str, Any] | None:
    return {
        "dataset": known.dataset(item["feed_id"]),
        "date": item["business_date"],
        "expected_at": item["expected_at"],
        "deadline": item["deadline"],
        "missing": [str(name) for name in item.get("missing", ())][:KEYS],
        "arrived": item.get("arrived", 0),
    }


def _promise(item: Item, known: Known) -> tuple[str, ...]:
    return (str(item["feed_id"]), str(item["due"]))


def _complete(item: Item, known: Known) -> dict[str, Any] | None:
    day = known.day(item["feed_id"], item["business_date"])
    if day is None:
        return None
    return {
        "dataset": day.dataset,
        "date": item["business_date"],
        "feeds": list(day.feeds),
        "completed_at": day.completed_at,
        "on_time": day.on_time,
    }


def _day(item: Item, known: Known) -> tuple[str, ...]:
    tenant = str(item["feed_id"]).partition("/")[0]
    return (tenant, known.dataset(item["feed_id"]) or "", str(item["business_date"]))


OF_LEDGER = (
    Card("File Landed", "file_landed", _file, _landed),
    Card("Partition Curated", "partition_curated", _partition, _curated, is_once=True),
    Card("File Failed", "file_failed", _file, _file_failed),
    Card("Feed Failed", "feed_failed", _file, _feed_failed),
)
OF_PROMISES = (
    Card("Feed Late", "feed_late", _promise, _late),
    Card("Dataset Day Complete", "dataset_day_complete", _day, _complete, is_once=True, is_of_feed=False),
)
CARDS = (*OF_LEDGER, *OF_PROMISES)
