"""The mail of a feed that asks for its own (`notify.success`): what landed in one run."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from lakeferry.counting import count_of
from lakeferry.ledger import Entry
from lakeferry.mails.mail import Mail, compose
from lakeferry.mails.text import cut, listed, one_line
from lakeferry.models import link_of

_NAME = 200
"""Characters of a file's name."""


def feed_succeeded(feed_id: str, entries: Sequence[Entry], lake_bucket: str, run: str) -> Mail:
    """Of a feed at least one file of which landed.

    Args:
        entries: The feed's files of the run.
    """
    tenant, _, feed = feed_id.partition("/")
    curated = [entry for entry in entries if entry["status"] == "CURATED"]
    rows = sum(entry["rows_curated"] for entry in curated)
    what = f"{_name(curated[0])} is" if len(curated) == 1 else f"{len(curated)} files are"
    reports = [f"- s3://{lake_bucket}/{entry['report_key']}" for entry in curated if entry.get("rows_rejected")]
    failed = sum(entry["status"] == "FAILED" for entry in entries)
    lines = listed([f"- {_line(entry)}" for entry in curated], "files")
    partitions = listed(list(_partitions(curated)), "partitions")
    return Mail(
        "feed_succeeded",
        "info",
        f"{feed_id}: {what} in the lake",
        compose(
            "\n".join([f"{what} in the lake for {feed_id}, {count_of(rows, 'row')} in all.", *lines]),
            "\n".join(["The run fetched, checked and curated them, and every file adds up. Partitions:", *partitions]),
            "Nothing more about these files."
            + (f" {count_of(failed, 'other file')} failed; see the separate mail." if failed else ""),
            "Nothing."
            if not reports
            else "\n".join(
                ["Ask the partner about the rows that were left out. The reasons are in:", *listed(reports, "reports")]
            ),
            link_of(run),
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


def _partitions(curated: Sequence[Entry]) -> Iterator[str]:
    files: dict[str, int] = defaultdict(int)
    for entry in curated:
        files[entry["dt"]] += 1
    for dt, count in sorted(files.items()):
        yield f"- dt={dt}: {count_of(count, 'file')}"


def _name(entry: Entry) -> str:
    return cut(one_line(str(entry["path"]).rsplit("/", 1)[-1]), _NAME)
