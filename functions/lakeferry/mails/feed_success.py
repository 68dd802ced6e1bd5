"""The mail of a feed that asks for its own (`notify.success`): what landed in one run."""

from collections import Counter

from lakeferry.counting import count_of
from lakeferry.ledger import Entry
from lakeferry.mails.commands import report_at
from lakeferry.mails.mail import Mail, compose
from lakeferry.mails.text import Lines, excerpt, listed
from lakeferry.models import link_of

_NAME = 200
"""Characters of a file's name."""
_CHECKED = "The run fetched, checked and curated them, and every file adds up. Partitions:"


ATTRIBUTES = ("path", "dt", "rows_curated", "rows_dropped", "rows_rejected", "report_key")
"""What is read of a file, besides its key."""


class FeedSuccess:
    """The mail of a feed at least one file of which landed; of its files no more is kept than the mail lists."""

    def __init__(self, feed_id: str, lake_bucket: str, run: str) -> None:
        self._feed_id, self._lake_bucket, self._run = feed_id, lake_bucket, run
        self._count = self._rows = 0
        self._first = ""
        self._lines, self._reports = Lines(), Lines()
        self._days: Counter[str] = Counter()

    def add(self, entry: Entry) -> None:
        """Takes a file that landed, in the order of the mail."""
        self._first = self._first or _name(entry)
        self._count += 1
        self._rows += entry["rows_curated"]
        self._days[entry["dt"]] += 1
        self._lines.add(f"- {_line(entry)}")
        if entry.get("rows_rejected"):
            self._reports.add(f"- s3://{self._lake_bucket}/{entry['report_key']}")

    def mail(self, failed: int) -> Mail:
        """About the files so far.

        Args:
            failed: Files of the feed that failed in the run.
        """
        tenant, _, feed = self._feed_id.partition("/")
        what = f"{self._first} is" if self._count == 1 else f"{self._count} files are"
        landed = f"{what} in the lake for {self._feed_id}, {count_of(self._rows, 'row')} in all."
        partitions = listed([f"- dt={dt}: {count_of(n, 'file')}" for dt, n in sorted(self._days.items())], "partitions")
        return Mail(
            "feed_succeeded",
            "info",
            f"{self._feed_id}: {what} in the lake",
            compose(
                "\n".join([landed, *self._lines.listed("files")]),
                "\n".join([_CHECKED, *partitions]),
                "Nothing more about these files."
                + (f" {count_of(failed, 'other file')} failed; see the separate mail." if failed else ""),
                "Nothing."
                if not self._reports.count
                else "\n".join(
                    [
                        "Ask the partner about the rows that were left out. The reasons are in:",
                        *self._reports.listed("reports"),
                    ]
                ),
                link_of(self._run),
                report_at(self._run, self._lake_bucket, tenant),
            ),
            tenant=tenant,
            feeds=(feed,),
        )


def _line(entry: Entry) -> str:
    left_out = [
        f"{count:,} dropped by {rule}" for rule, count in sorted(entry.get("rows_dropped", {}).items()) if count
    ]
    if count := entry.get("rows_rejected"):
        left_out.append(f"{count_of(count, 'bad row')} left out")
    return f"{_name(entry)}: {count_of(entry['rows_curated'], 'row')}" + (
        f" ({', '.join(left_out)})" if left_out else ""
    )


def _name(entry: Entry) -> str:
    return excerpt(str(entry["path"]).rsplit("/", 1)[-1], _NAME)
