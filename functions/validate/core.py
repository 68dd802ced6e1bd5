"""Reads a file's inbox object once: decoded, checked and written to multipart uploads at its raw keys."""

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from lakeferry.checks import BadRows, Report, inspect
from lakeferry.checks.known import History, Known, Promise
from lakeferry.errors import BalanceError, FileRejectedError
from lakeferry.feeds import Feed
from lakeferry.feeds.files import companion_of
from lakeferry.lake import (
    PartWriter,
    Upload,
    abort_upload,
    control_key,
    file_metadata,
    is_there,
    list_parts,
    raw_key,
    start_upload,
)
from lakeferry.ledger import ENDED, FINISHED, Entry, Ledger, utc_now
from lakeferry.models import FileItem
from lakeferry.settings import Settings
from validate.control_file import parse_control_file
from validate.fallout import Quarantine, fallout_key, write_rejection, write_report

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


MAX_NOTED_UPLOADS = 10
"""Uploads of a file whose ids are kept while they are filled; S3's lifecycle rule drops what is left of more."""


_IF_ANY = ("bad_rows", "bad_rows_key", "report_key")
"""Attributes of the ledger that only a file with bad rows has."""


class RawOutput:
    """One decoded file on its way to the raw zone: parts of an upload that is not completed here."""

    def __init__(self, s3: "S3Client", upload: Upload, part_bytes: int) -> None:
        self.upload = upload
        self._writer = PartWriter(s3, upload, part_bytes=part_bytes)

    def write(self, data: bytes | memoryview) -> None:
        """Takes the next bytes of decoded text."""
        self._writer.write(data)

    def finish(self) -> int:
        """Waits until all of it is with S3; bytes written."""
        self._writer.flush(partial=True)
        return self._writer.bytes_written

    def abandon(self, s3: "S3Client") -> None:
        """Drops it all."""
        self._writer.abandon()
        abort_upload(s3, self.upload)


def validate(feed: Feed, item: FileItem, ledger: Ledger, s3: "S3Client", settings: Settings) -> dict[str, Any]:
    """Decodes and checks one fetched file.

    Returns:
        `rows`: data rows that wait to become visible.

    Raises:
        FileRejectedError: it fails a check; a report and its bad rows are under `fallout/`, nothing else was written.
        BalanceError: the bytes in the inbox are not those that were fetched.
        ClaimLostError: another run owns the file.
    """
    entry = ledger.owned(item)
    if entry["status"] in FINISHED | ENDED or _still_valid(item, entry, s3, settings.lake_bucket):
        return {"rows": entry["rows_landed"]}
    for stale in [*entry.get("outputs", []), *entry.get("uploads_begun", [])]:
        abort_upload(s3, Upload(settings.lake_bucket, stale["key"], stale["upload_id"]))
    outputs: dict[str, RawOutput] = {}

    def open_output(name: str) -> RawOutput:
        key = raw_key(feed, entry["dt"], item.remote, name)
        upload = start_upload(s3, settings.lake_bucket, key, file_metadata(item.feed_id, item.file_id))
        outputs[name] = RawOutput(s3, upload, settings.part_bytes)
        if len(outputs) <= MAX_NOTED_UPLOADS:
            # a killed function aborts nothing; whoever takes the file over does
            begun = [{"key": each.upload.key, "upload_id": each.upload.upload_id} for each in outputs.values()]
            ledger.advance(item, uploads_begun=begun)
        return outputs[name]

    key = fallout_key(feed, entry["dt"], item, "bad.jsonl")
    quarantine = Quarantine(s3, settings.lake_bucket, key, settings.part_bytes)
    bad_rows = BadRows(item.remote.name, feed.checks.bad_rows, quarantine.write)
    try:
        known = _known(feed, item, ledger, s3, settings.inbox_bucket)
        body = s3.get_object(Bucket=settings.inbox_bucket, Key=entry["inbox_key"])["Body"]
        with body:
            report = inspect(feed, item.remote.name, body, open_output, bad_rows=bad_rows, known=known)
        _check_bytes(item, report)
        written = {name: output.finish() for name, output in outputs.items()}
        fallout = _write_fallout(feed, item, entry, report, bad_rows, quarantine, s3, settings.lake_bucket)
        _record(item, ledger, report, outputs, written, fallout)
    except FileRejectedError as error:
        for output in outputs.values():
            output.abandon(s3)
        _write_rejection(feed, item, entry, error, bad_rows, quarantine, ledger, s3, settings.lake_bucket)
        raise
    except BaseException:
        for output in outputs.values():
            output.abandon(s3)
        quarantine.abandon()
        raise
    return {"rows": sum(output.rows_landed for output in report.outputs)}


def _known(feed: Feed, item: FileItem, ledger: Ledger, s3: "S3Client", bucket: str) -> Known:
    rows, columns = ledger.history(item)
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
    for output in entry["outputs"]:
        parts = list_parts(s3, Upload(bucket, output["key"], output["upload_id"]))
        if parts is None:
            # completed by an upload whose ledger write got lost, or dropped by S3's lifecycle rule
            metadata = file_metadata(item.feed_id, item.file_id)
            if not is_there(s3, bucket, output["key"], output["bytes"], metadata):
                return False
        elif sum(part["Size"] for part in parts) != output["bytes"]:
            return False
    return True


def _check_bytes(item: FileItem, report: Report) -> None:
    if report.bytes_in != item.size:
        raise BalanceError(
            f"{item.path}: {item.size} bytes were fetched and {report.bytes_in} were read back from the inbox. "
            "Reprocess the file."
        )


def _record(
    item: FileItem,
    ledger: Ledger,
    report: Report,
    outputs: dict[str, RawOutput],
    written: dict[str, int],
    fallout: Mapping[str, Any],
) -> None:
    by_name = {output.name: output for output in report.outputs}
    for name, size in written.items():
        if by_name[name].bytes != size:
            raise BalanceError(
                f"{item.path}: {name} was counted as {by_name[name].bytes} bytes and {size} were written."
            )
    ledger.advance(
        item,
        status="VALIDATED",
        outputs=[
            {
                "name": name,
                "key": output.upload.key,
                "upload_id": output.upload.upload_id,
                "bytes": by_name[name].bytes,
                "rows": by_name[name].rows_landed,
                "sha256": by_name[name].sha256,
            }
            for name, output in outputs.items()
        ],
        rows_read=sum(output.rows_read for output in report.outputs),
        rows_landed=sum(output.rows_landed for output in report.outputs),
        rows_rejected=sum(output.rows_rejected for output in report.outputs),
        bytes_raw=sum(written.values()),
        sha256=report.sha256_in,
        columns=list(report.columns),
        schema_fingerprint=report.schema_fingerprint,
        **({"drift": dict(report.drift)} if report.drift else {}),
        **({"notes": list(report.notes)} if report.notes else {}),
        seconds={stage: Decimal(f"{seconds:.3f}") for stage, seconds in report.seconds.items()},
        **fallout,
        validated_at=utc_now(),
        # those of an earlier attempt
        remove=("uploads_begun", *(name for name in _IF_ANY if name not in fallout)),
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
) -> None:
    """Reports for a person and for programs; the delivered bytes stay in the inbox."""
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
