"""Whether a feed's document, or its checks, are still those that something was tried with."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from lakeferry.aws.items import plain

if TYPE_CHECKING:
    from lakeferry.feeds import ColumnSpec, Feed

_LONGEST = 24


def fingerprint_of(document: Mapping[str, Any] | None) -> str:
    """A short text that changes with the document, whatever stands in it; of none, `none`."""
    if document is None:
        return "none"
    # what JSON does not know (bytes, written past `feeds put`) counts by how Python shows it
    text = json.dumps(plain(document), sort_keys=True, default=repr)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_LONGEST]


def checked_as(feed: "Feed") -> str:
    """A short text that changes with how the feed's files are read and what types their columns have to be of."""
    kinds = [
        (each.name, each.type, each.format, each.timezone, _beyond_microseconds(each), each.nonexistent)
        for each in feed.checks.columns
    ]
    text = json.dumps([asdict(feed.format), kinds], sort_keys=True, default=repr)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_LONGEST]


def _beyond_microseconds(column: "ColumnSpec") -> str:
    # without a format they were cut until December 2026, whatever the setting: such rows may be in the raw zone
    is_new = column.type == "timestamp" and column.format is None
    return f"{column.beyond_microseconds}, without a format too" if is_new else column.beyond_microseconds
