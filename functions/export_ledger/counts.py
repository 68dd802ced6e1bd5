"""What a run's files came to, in sums: the metrics of the pipeline's work."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from lakeferry.ledger import LANDED, Entry

_ROWS = {"RowsRead": "rows_read", "RowsLanded": "rows_landed", "RowsRejected": "rows_rejected"}
NAMES = ("FilesSeen", "FilesLanded", "FilesFailed", "LandedBytes", *_ROWS, "RowsCurated")


class RunCounts:
    """Sums over a run's files, of all feeds and of those that have metrics of their own.

    Args:
        named: Tenants, and feeds as `tenant/feed`, that have them: each is paid for, so a parameter bounds them.
    """

    def __init__(self, named: Collection[str] = ()) -> None:
        self.total = Counter(dict.fromkeys(NAMES, 0))
        self._named: dict[str, Counter[str]] = {name: Counter(dict.fromkeys(NAMES, 0)) for name in named}
        self._seen: set[str] = set()

    def add(self, entry: Entry) -> None:
        """Counts one file, as the ledger has it."""
        counts = _counts(entry)
        self.total.update(counts)
        feed_id = str(entry["feed_id"])
        for name in {feed_id, feed_id.partition("/")[0]} & self._named.keys():
            self._named[name].update(counts)
            self._seen.add(name)

    def named(self) -> Iterator[tuple[dict[str, str], Mapping[str, int]]]:
        """Of each of those that had files: the dimensions' values, and the sums."""
        for name in sorted(self._seen):
            tenant, _, feed = name.partition("/")
            yield {"tenant": tenant, **({"feed": feed} if feed else {})}, self._named[name]


def _counts(entry: Entry) -> dict[str, int]:
    landed = entry.get("status") in LANDED
    counts = {"FilesSeen": 1, "FilesLanded": int(landed), "FilesFailed": int(entry.get("status") == "FAILED")}
    counts |= {name: _number(entry.get(attribute)) for name, attribute in _ROWS.items()}
    return counts | {
        "LandedBytes": _number(entry.get("size")) if landed else 0,
        "RowsCurated": _number(entry.get("rows_curated")),
    }


def _number(value: Any) -> int:  # noqa: ANN401  (whatever stands in the table)
    return value if isinstance(value, int) else 0
