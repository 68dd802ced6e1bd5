"""Reads a file's inbox object once: decoded, checked and written to multipart uploads at its raw keys."""

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from lakeferry.aws.side_by_side import side_by_side
from lakeferry.aws.tables import utc_now
from lakeferry.checks import BadRows
from lakeferry.decode import DecodeKeys
from lakeferry.errors import BalanceError, FileRejectedError
from lakeferry.feeds import Feed
from lakeferry.feeds.files import companion_of
from lakeferry.inspect import Report, inspect
from lakeferry.inspect.known import History, Known, Promise
from lakeferry.lake import Upload, abort_upload, control_key, file_metadata, is_there, list_parts, raw_key
from lakeferry.ledger import ENDED, FINISHED, Entry, Ledger
from lakeferry.ledger.outputs import keep_outputs, outputs_of
from lakeferry.mails.reports import with_report
from lakeferry.models import FileItem
from lakeferry.settings import Settings
from validate.control_file import parse_control_file
from validate.fallout import Quarantine, fallout_key, write_rejection, write_report
from validate.outputs import RawOutput, RawOutputs

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_IF_ANY = ("bad_rows", "bad_rows_key", "report_key")
"""Attributes of the ledger that only a file with bad rows has."""


def validate(
    feed: Feed, item: FileItem, ledger: Ledger, s3: "S3Client", settings: Settings, keys: DecodeKeys | None = None
) -> dict[str, Any]:
    """Decodes and checks one fetched file.

    Args:
        keys: What opens encrypted files, asked only if it is one.

    Returns:
        `rows`: data rows that wait to become visible.

    Raises:
        FileRejectedError: it fails a check; a report, which the message names, and its bad rows are under `fallout/`,
            nothing else was written.
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
    key = fallout_key(feed, entry["dt"], item, "bad.jsonl")
    quarantine = Quarantine(s3, settings.lake_bucket, key, settings.part_bytes)
    bad_rows = BadRows(item.remote.name, feed.checks.bad_rows, quarantine.write)
    try:
        known = _known(feed, item, ledger, s3, settings.inbox_bucket)
        body = s3.get_object(Bucket=settings.inbox_bucket, Key=entry["inbox_key"])["Body"]
        with body:
            report = inspect(feed, item.remote.name, body, outputs.open, bad_rows=bad_rows, known=known, keys=keys)
        _check_bytes(item, report)
        written = outputs.finish()
        fallout = _write_fallout(feed, item, entry, report, bad_rows, quarantine, s3, settings.lake_bucket)
        _record(item, ledger, s3, settings.lake_bucket, report, written, fallout)
    except FileRejectedError as error:
        outputs.abandon()
        key = _write_rejection(feed, item, entry, error, bad_rows, quarantine, ledger, s3, settings.lake_bucket)
        raise FileRejectedError(with_report(str(error), settings.lake_bucket, key)) from error
    except BaseException:
        outputs.abandon()
        quarantine.abandon()
        raise
    return {"rows": sum(output.rows_landed for output in report.outputs)}


def _known(feed: Feed, item: FileItem, ledger: Ledger, s3: "S3Client", bucket: str) -> Known:
    rows, columns = ledger.feeds.history(item)
    return Known(_promise(feed, item, s3, bucket), History(rows, columns))


def _promise(feed: Feed, item: FileItem, s3: "S3Client", bucket: str) -> Promise | None:
    spec = feed.checks.control_file
    if spec is None:
        return None
    name = companion_of(spec.pattern, item.remote.name)
    try:
        with s3.get_object(Bucket=bucket, Key=control_key(feed, item.remote))["Body"] as body:
            return parse_control_file(spec, name, body.read())
    except ClientError as error:
        # without leave to list a bucket, S3 says that of an object that is not there
        if error.response["Error"]["Code"] not in {"NoSuchKey", "404", "AccessDenied"}:
            raise
        raise FileRejectedError(
            f"{item.remote.name}: its control file {name} was not fetched with it, since the feed asked for none then. "
            "Reprocess the file."
        ) from error


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
    item: FileItem,
    ledger: Ledger,
    s3: "S3Client",
    bucket: str,
    report: Report,
    outputs: dict[str, RawOutput],
    fallout: Mapping[str, Any],
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
        **({"drift": dict(report.drift)} if report.drift else {}),
        **({"notes": list(report.notes)} if report.notes else {}),
        seconds={stage: Decimal(f"{seconds:.3f}") for stage, seconds in report.seconds.items()},
        **fallout,
        validated_at=utc_now(),
        # those of an earlier attempt
        remove=("uploads_begun", *gone, *(name for name in _IF_ANY if name not in fallout)),
    )


def _write_fallout(
    feed: Feed,
    item: FileItem,
    entry: Entry,
    report: Report,
    bad_rows: BadRows,
    quarantine: Quarantine,
    s3: "S3Client",
    bucket: str,
) -> dict[str, Any]:
    """What the ledger keeps of the bad rows of a file that lands without them; nothing if there are none."""
    key = quarantine.finish()
    if key is None:
        return {}
    report_key = write_report(
        feed,
        item,
        entry["dt"],
        s3,
        bucket,
        bad_rows=bad_rows,
        quarantine_key=key,
        rows_read=sum(output.rows_read for output in report.outputs),
        inbox_key=entry["inbox_key"],
        notes=report.notes,
    )
    return {"bad_rows": bad_rows.counts(), "bad_rows_key": key, "report_key": report_key}


def _write_rejection(
    feed: Feed,
    item: FileItem,
    entry: Entry,
    error: FileRejectedError,
    bad_rows: BadRows,
    quarantine: Quarantine,
    ledger: Ledger,
    s3: "S3Client",
    bucket: str,
) -> str:
    """Reports for a person and for programs, the first one's key; the delivered bytes stay in the inbox."""
    reason, inbox_key = str(error), entry["inbox_key"]
    key = quarantine.finish()
    write_rejection(feed, item, entry["dt"], s3, bucket, reason=reason, inbox_key=inbox_key, bad_rows=bad_rows)
    report_key = write_report(
        feed,
        item,
        entry["dt"],
        s3,
        bucket,
        bad_rows=bad_rows,
        quarantine_key=key,
        rows_read=None,
        inbox_key=inbox_key,
        reason=reason,
    )
    found: dict[str, Any] = {"bad_rows": bad_rows.counts(), "bad_rows_key": key} if key is not None else {}
    ledger.advance(item, report_key=report_key, **found)
    return report_key
