"""What did not land, and why: bad rows as JSON Lines, and a report that a person reads."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from hashlib import sha256
from typing import Any

from lakeferry.aws.tables import utc_now
from lakeferry.checks import BadRows
from lakeferry.checks.badrows import EXAMPLES, described
from lakeferry.file_at_work import FileAtWork
from lakeferry.lake import PartWriter, Upload, abort_upload, complete_upload, put, safe_name, start_upload


def fallout_key(work: FileAtWork, kind: str) -> str:
    """Where something about one version of a file is kept."""
    version = sha256(work.item.file_id.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    return f"{_folder(work)}/{safe_name(work.item.path, work.remote.name)}.{version}.{kind}"


class Quarantine:
    """The file of bad rows; it is begun with the first of them, and seen when it is whole."""

    def __init__(self, work: FileAtWork, key: str) -> None:
        self._s3, self._bucket, self.key = work.s3, work.settings.lake_bucket, key
        self._part_bytes = work.settings.part_bytes
        self._upload: Upload | None = None
        self._writer: PartWriter | None = None

    def write(self, data: bytes) -> None:
        """Takes whole lines."""
        if self._writer is None:
            self._writer = PartWriter(self._s3, self._begin, part_bytes=self._part_bytes)
        self._writer.write(data)

    def finish(self) -> str | None:
        """Makes it visible; its key, or None if there was no bad row."""
        if self._writer is None:
            return None
        if (whole := self._writer.whole()) is not None:
            put(self._s3, self._bucket, self.key, whole, {})
            return self.key
        assert self._upload is not None  # noqa: S101  (begun with its first part)
        self._writer.flush(partial=True)
        complete_upload(self._s3, self._upload, self._writer.bytes_written, {})
        return self.key

    def abandon(self) -> None:
        """Drops what was written."""
        if self._writer is not None:
            self._writer.abandon()
        if self._upload is not None:
            abort_upload(self._s3, self._upload)

    def _begin(self) -> Upload:
        self._upload = start_upload(self._s3, self._bucket, self.key)
        return self._upload


def write_report(
    work: FileAtWork,
    bad_rows: BadRows,
    *,
    quarantine_key: str | None,
    rows_read: int | None = None,
    reason: str | None = None,
    notes: Sequence[str] = (),
) -> str:
    """Writes the report of a file that was rejected, or of one that landed without some of its rows.

    Args:
        rows_read: None where the file was not read to its end.
        reason: Why the file was rejected; None if it was not.

    Returns:
        Its key.
    """
    item, bucket, key = work.item, work.settings.lake_bucket, fallout_key(work, "report.txt")
    if reason is not None:
        lines = [f"{item.path} of feed {item.feed_id} was REJECTED. Nothing of it is in the lake.", "", reason, ""]
    else:
        lines = [f"{item.path} of feed {item.feed_id} is in the lake without {bad_rows.count:,} of its rows.", ""]
    if bad_rows.count:
        of = f" of {rows_read:,}" if rows_read is not None else " were found until then"
        lines += [f"Bad rows: {bad_rows.count:,}{of}", "", *_counts(bad_rows), ""]
        lines += [f"The first {min(EXAMPLES, len(bad_rows.examples))}:", ""]
        for example in bad_rows.examples:
            lines += [f"- {described(example)}", f"    {example['raw']}"]
        lines += [""]
    lines += [f"Note: {note}" for note in notes]
    if quarantine_key is not None:
        lines += [f"All bad rows, as JSON Lines: s3://{bucket}/{quarantine_key}"]
    lines += [
        f"The file as delivered: inbox, {work.entry['inbox_key']} ({item.size:,} bytes)",
        f"Run: {item.run}",
        f"At: {utc_now()}",
    ]
    body = "\n".join(lines) + "\n"
    data = body.encode("utf-8", "backslashreplace")
    work.s3.put_object(Bucket=bucket, Key=key, Body=data, ContentType="text/plain; charset=utf-8")
    return key


def write_rejection(work: FileAtWork, bad_rows: BadRows, reason: str) -> None:
    """The same for programs; it replaces that of an earlier version of the path."""
    item = work.item
    key = f"{_folder(work)}/{safe_name(item.path, item.remote.name)}.rejected.json"
    report: dict[str, Any] = {
        "tenant": item.tenant,
        "feed": item.feed,
        **asdict(item.remote),
        "reason": reason,
        "inbox_key": work.entry["inbox_key"],
        "run": item.run,
        "rejected_at": utc_now(),
        "bad_rows": bad_rows.counts(),
        "examples": bad_rows.examples,
    }
    body = json.dumps(report, indent=1).encode()
    work.s3.put_object(Bucket=work.settings.lake_bucket, Key=key, Body=body, ContentType="application/json")


def _folder(work: FileAtWork) -> str:
    return f"fallout/{work.feed.tenant}_{work.feed.feed}/dt={work.dt}"


def _counts(bad_rows: BadRows) -> list[str]:
    width = max(len(column or "(row)") for _, column in bad_rows.by_rule)
    return [
        f"  {count:>12,}  {column or '(row)':<{width}}  {rule}"
        for (rule, column), count in bad_rows.by_rule.most_common(100)
    ]
