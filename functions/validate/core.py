"""Reads a file's inbox object once: decoded, checked and written to multipart uploads at its raw keys."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from lakeferry.checks import BadRows, Report, inspect
from lakeferry.decode import DecodeKeys
from lakeferry.errors import BalanceError, FileRejectedError
from lakeferry.feeds import Feed
from lakeferry.lake import Upload, abort_upload, file_metadata, is_there, list_parts, raw_key, safe_name
from lakeferry.ledger import ENDED, FINISHED, Entry, Ledger, utc_now
from lakeferry.models import FileItem
from lakeferry.outputs import keep_outputs, outputs_of, side_by_side
from lakeferry.settings import Settings
from validate.outputs import RawOutput, RawOutputs

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def validate(
    feed: Feed, item: FileItem, ledger: Ledger, s3: "S3Client", settings: Settings, keys: DecodeKeys | None = None
) -> dict[str, Any]:
    """Decodes and checks one fetched file.

    Args:
        keys: What opens encrypted files, asked only if it is one.

    Returns:
        `rows`: data rows that wait to become visible.

    Raises:
        FileRejectedError: it fails a check; a report is under `fallout/`, nothing else was written.
        BalanceError: the bytes in the inbox are not those that were fetched.
        ClaimLostError: another run owns the file.
    """
    entry = ledger.owned(item)
    if entry["status"] in FINISHED | ENDED or _still_valid(item, entry, s3, settings.lake_bucket):
        return {"rows": entry["rows_landed"]}
    stale = [*outputs_of(entry, s3, settings.lake_bucket), *entry.get("uploads_begun", [])]
    side_by_side(lambda each: abort_upload(s3, Upload(settings.lake_bucket, each["key"], each["upload_id"])), stale)

    def note(uploads: list[Upload]) -> None:
        """A killed function aborts nothing; whoever takes the file over does."""
        begun = [{"key": each.key, "upload_id": each.upload_id} for each in uploads]
        ledger.advance(item, uploads_begun=begun)

    outputs = RawOutputs(
        s3,
        settings.lake_bucket,
        lambda name: raw_key(feed, entry["dt"], item.remote, name),
        file_metadata(item.feed_id, item.file_id),
        settings.part_bytes,
        note,
    )
    bad_rows = BadRows(item.remote.name, feed.checks.bad_rows, lambda _: None)
    try:
        body = s3.get_object(Bucket=settings.inbox_bucket, Key=entry["inbox_key"])["Body"]
        with body:
            report = inspect(feed, item.remote.name, body, outputs.open, bad_rows=bad_rows, keys=keys)
        _check_bytes(item, report)
        _record(item, ledger, s3, settings.lake_bucket, report, outputs.finish())
    except BaseException as error:
        outputs.abandon()
        if isinstance(error, FileRejectedError):
            _write_fallout(feed, item, entry, error, s3, settings.lake_bucket)
        raise
    return {"rows": sum(output.rows_landed for output in report.outputs)}


def _still_valid(item: FileItem, entry: Entry, s3: "S3Client", bucket: str) -> bool:
    """Whether an earlier run's validated uploads still wait, or are visible already."""
    if entry["status"] != "VALIDATED":
        return False

    def is_valid(output: Mapping[str, Any]) -> bool:
        parts = list_parts(s3, Upload(bucket, output["key"], output["upload_id"]))
        if parts is None:
            # completed by an upload whose ledger write got lost, or dropped by S3's lifecycle rule
            metadata = file_metadata(item.feed_id, item.file_id)
            return is_there(s3, bucket, output["key"], output["bytes"], metadata)
        return bool(sum(part["Size"] for part in parts) == output["bytes"])

    return all(side_by_side(is_valid, outputs_of(entry, s3, bucket)))


def _check_bytes(item: FileItem, report: Report) -> None:
    if report.bytes_in != item.size:
        raise BalanceError(
            f"{item.path}: {item.size} bytes were fetched and {report.bytes_in} were read back from the inbox. "
            "Reprocess the file."
        )


def _record(
    item: FileItem, ledger: Ledger, s3: "S3Client", bucket: str, report: Report, outputs: dict[str, RawOutput]
) -> None:
    found = []
    for each in report.outputs:
        output = outputs[each.name]
        if each.bytes != output.bytes:
            raise BalanceError(
                f"{item.path}: {each.name} was counted as {each.bytes} bytes and {output.bytes} were written."
            )
        upload = output.begin()
        found.append(
            {
                "name": each.name,
                "key": upload.key,
                "upload_id": upload.upload_id,
                "bytes": each.bytes,
                "rows": each.rows_landed,
                "sha256": each.sha256,
            }
        )
    kept, gone = keep_outputs(s3, bucket, item, found)
    ledger.advance(
        item,
        **kept,
        status="VALIDATED",
        rows_read=sum(output.rows_read for output in report.outputs),
        rows_landed=sum(output.rows_landed for output in report.outputs),
        rows_rejected=sum(output.rows_rejected for output in report.outputs),
        bytes_raw=sum(output.bytes for output in outputs.values()),
        sha256=report.sha256_in,
        columns=list(report.columns),
        schema_fingerprint=report.schema_fingerprint,
        validated_at=utc_now(),
        remove=("uploads_begun", *gone),
    )


def _write_fallout(
    feed: Feed, item: FileItem, entry: Entry, error: FileRejectedError, s3: "S3Client", bucket: str
) -> None:
    """A report a person reads; the delivered bytes stay in the inbox."""
    key = f"fallout/{feed.tenant}_{feed.feed}/dt={entry['dt']}/{safe_name(item.path, item.remote.name)}.rejected.json"
    report = {
        "tenant": item.tenant,
        "feed": item.feed,
        **asdict(item.remote),
        "reason": str(error),
        "inbox_key": entry["inbox_key"],
        "run": item.run,
        "rejected_at": utc_now(),
    }
    s3.put_object(Bucket=bucket, Key=key, Body=json.dumps(report, indent=1).encode(), ContentType="application/json")
