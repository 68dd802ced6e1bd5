"""Success mails of the feeds that ask for one (`notify.success`), as a list in S3 that the state machine sends."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lakeferry.ledger import Entry
from lakeferry.mails.text import cut, subject_of, without_controls
from lakeferry.models import link_of, run_id_of

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_LISTED = 40
"""Files, and partitions, that a mail lists before it counts the rest."""
_NAME = 200
"""Characters of a file's name in a mail."""


def write_feed_mails(
    entries: Sequence[Entry],
    documents: Iterable[Mapping[str, Any]],
    s3: "S3Client",
    work_bucket: str,
    lake_bucket: str,
    run: str,
) -> dict[str, Any]:
    """Writes a JSON array of mails, one for each feed that asks for it and of which files landed in the run.

    Called again for the same run it writes the same object again.

    Args:
        entries: The run's files, of all feeds.
        documents: Feed documents, valid or not; read only if something landed.

    Returns:
        `bucket`, `key` and the count, `mails`.
    """
    by_feed: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        by_feed[entry["feed_id"]].append(entry)
    landed = {feed_id for feed_id, found in by_feed.items() if any(one["status"] == "CURATED" for one in found)}
    asking = sorted(landed & set(_asking(documents))) if landed else []
    mails = [_mail(feed_id, by_feed[feed_id], lake_bucket, run) for feed_id in asking]
    key = f"runs/{run_id_of(run)}/feed_mails.json"
    if mails:
        s3.put_object(Bucket=work_bucket, Key=key, Body=json.dumps(mails).encode(), ContentType="application/json")
    return {"bucket": work_bucket, "key": key, "mails": len(mails)}


def _asking(documents: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for document in documents:
        if (document.get("notify") or {}).get("success") == "feed":
            yield f"{document['tenant']}/{document['feed']}"


def _mail(feed_id: str, entries: Sequence[Entry], lake_bucket: str, run: str) -> dict[str, str]:
    """`tenant`, `feed`, `subject` and `message`."""
    tenant, _, feed = feed_id.partition("/")
    curated = [entry for entry in entries if entry["status"] == "CURATED"]
    rows = sum(entry["rows_curated"] for entry in curated)
    what = f"{_name(curated[0])} is" if len(curated) == 1 else f"{len(curated)} files are"
    lines = [f"- {_line(entry)}" for entry in curated]
    rejected = [entry for entry in curated if entry.get("rows_rejected")]
    reports = [f"- s3://{lake_bucket}/{entry['report_key']}" for entry in rejected]
    failed = sum(entry["status"] == "FAILED" for entry in entries)
    parts = [
        f"WHAT  {what} in the lake for {feed_id}, {rows:,} rows in all.\n" + _listed(lines, "files"),
        "WHY  The run fetched, checked and curated them, and every file adds up. Partitions:\n"
        + _listed(list(_partitions(curated)), "partitions"),
        "NEXT  Nothing more about these files."
        + (f" {failed} others of the feed failed; a mail of their own tells of them." if failed else ""),
        "DO  Nothing."
        if not reports
        else "DO  Ask the partner for the rows that were left out. Why they were is in these reports:\n"
        + _listed(reports, "reports"),
        link_of(run),
    ]
    subject = subject_of(f"[Lakeferry] {feed_id}: {what} in the lake")
    return {"tenant": tenant, "feed": feed, "subject": subject, "message": "\n\n".join(parts)}


def _line(entry: Entry) -> str:
    left_out = [
        f"{count:,} dropped by {rule}" for rule, count in sorted(entry.get("rows_dropped", {}).items()) if count
    ]
    if count := entry.get("rows_rejected"):
        left_out.append(f"{count:,} bad rows were left out")
    return f"{_name(entry)}: {entry['rows_curated']:,} rows" + (f" ({', '.join(left_out)})" if left_out else "")


def _partitions(curated: Sequence[Entry]) -> Iterator[str]:
    files: dict[str, int] = defaultdict(int)
    for entry in curated:
        files[entry["dt"]] += 1
    for dt, count in sorted(files.items()):
        yield f"- dt={dt}: {count} file{'s' if count > 1 else ''}"


def _listed(lines: Sequence[str], what: str) -> str:
    rest = [f"- and {len(lines) - _LISTED} more {what}; the ledger has all"] if len(lines) > _LISTED else []
    return "\n".join([*lines[:_LISTED], *rest])


def _name(entry: Entry) -> str:
    return cut(without_controls(str(entry["path"]).rsplit("/", 1)[-1]), _NAME)
