"""Reads a file's inbox object once: decoded, checked, and written to where its outputs wait for upload."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from botocore.exceptions import ClientError

from lakeferry.aws.side_by_side import side_by_side
from lakeferry.aws.tables import utc_now
from lakeferry.checks import BadRows
from lakeferry.decode import DecodeKeys, Readable
from lakeferry.errors import BalanceError, FileRejectedError
from lakeferry.feeds.files import companion_of
from lakeferry.feeds.fingerprint import checked_as
from lakeferry.file_at_work import FileAtWork
from lakeferry.inspect import Report, inspect
from lakeferry.inspect.known import History, Known, Promise
from lakeferry.lake import control_key, raw_key
from lakeferry.ledger import ENDED, FINISHED
from lakeferry.ledger.feed_states import State, history_of
from lakeferry.ledger.outputs import keep_outputs, outputs_of
from lakeferry.mails.reports import with_report
from validate.control_file import parse_control_file
from validate.fallout import Quarantine, fallout_key, write_rejection, write_report
from validate.outputs import RawOutput, RawOutputs

_IF_ANY = ("bad_rows", "bad_rows_key", "report_key")
"""Attributes of the ledger that only a file with bad rows has."""


def validate(
    work: FileAtWork, state: State, keys: DecodeKeys | None = None, body: Readable | None = None
) -> dict[str, Any]:
    """Decodes and checks one fetched file.

    Args:
        state: What is kept of the feed as a whole.
        keys: What opens encrypted files, asked only if it is one.
        body: The bytes in the inbox, where they are here already.

    Returns:
        `rows`: data rows that wait to become visible.

    Raises:
        FileRejectedError: it fails a check; a report, which the message names, and its bad rows are under `fallout/`,
            nothing else was written.
        BalanceError: the bytes in the inbox are not those that were fetched.
        ClaimLostError: another run owns the file.
    """
    return read(work, state, keys, body)()


def read(
    work: FileAtWork, state: State, keys: DecodeKeys | None = None, body: Readable | None = None
) -> Callable[[], dict[str, Any]]:
    """All that takes the processor's time.

    Returns:
        The rest, which waits for AWS and answers as `validate` does; so the next file is read meanwhile.
    """
    entry, item = work.entry, work.item
    if is_done(work):
        return lambda: {"rows": entry["rows_landed"]}
    _drop_stale(work)
    outputs = RawOutputs(work, lambda name: raw_key(work.feed, work.dt, item.remote, name))
    quarantine = Quarantine(work, fallout_key(work, "bad.jsonl"))
    bad_rows = BadRows(item.remote.name, work.feed.checks.bad_rows, quarantine.write)

    def attempt(step: Callable[[], Any]) -> Any:  # noqa: ANN401
        try:
            return step()
        except FileRejectedError as error:
            outputs.abandon()
            key = _write_rejection(work, error, bad_rows, quarantine)
            # of the same name, by which a mail finds its words
            raise type(error)(with_report(str(error), work.settings.lake_bucket, key)) from error
        except BaseException:
            outputs.abandon()
            quarantine.abandon()
            raise

    def inspected() -> Report:
        known = Known(_promise(work), History(*history_of(state, item.file_id)))
        source = body if body is not None else open_inbox(work)
        report = inspect(work.feed, item.remote.name, source, outputs.open, bad_rows=bad_rows, known=known, keys=keys)
        _check_bytes(work, report)
        return report

    report: Report = attempt(inspected)

    def record() -> dict[str, Any]:
        written = outputs.finish()
        _record(work, report, written, _write_fallout(work, report, bad_rows, quarantine))
        return {"rows": sum(output.rows_landed for output in report.outputs)}

    return lambda: attempt(record)


def open_inbox(work: FileAtWork) -> Any:  # noqa: ANN401  (botocore's body)
    """The bytes as delivered."""
    return work.s3.get_object(Bucket=work.settings.inbox_bucket, Key=work.entry["inbox_key"])["Body"]


def is_done(work: FileAtWork) -> bool:
    """Whether nothing is left to validate: it is in the lake, or what an earlier call wrote waits or is visible."""
    if work.status in FINISHED | ENDED:
        return True
    if work.status != "VALIDATED":
        return False
    waiting = work.waiting

    def is_valid(output: Mapping[str, Any]) -> bool:
        # visible: completed by an upload whose ledger write got lost; neither: dropped by S3's lifecycle rule
        return waiting.holds(output) or waiting.is_visible(output)

    return all(side_by_side(is_valid, outputs_of(work.entry, work.s3, work.settings.lake_bucket)))


def _drop_stale(work: FileAtWork) -> None:
    """What an earlier attempt left waiting."""
    lake = work.settings.lake_bucket
    work.waiting.drop([*outputs_of(work.entry, work.s3, lake), *work.entry.get("uploads_begun", [])])


def _promise(work: FileAtWork) -> Promise | None:
    spec, name = work.feed.checks.control_file, work.remote.name
    if spec is None:
        return None
    companion = companion_of(spec.pattern, name)
    key = control_key(work.feed, work.remote)
    try:
        with work.s3.get_object(Bucket=work.settings.inbox_bucket, Key=key)["Body"] as body:
            return parse_control_file(spec, companion, body.read())
    except ClientError as error:
        # without leave to list a bucket, S3 says that of an object that is not there
        if error.response["Error"]["Code"] not in {"NoSuchKey", "404", "AccessDenied"}:
            raise
        raise FileRejectedError(
            f"{name}: its control file {companion} was not fetched with it, since the feed asked for none then. "
            "Reprocess the file."
        ) from error


def _check_bytes(work: FileAtWork, report: Report) -> None:
    if report.bytes_in != work.item.size:
        raise BalanceError(
            f"{work.item.path}: {work.item.size} bytes were fetched and {report.bytes_in} were read back from the "
            "inbox. Reprocess the file."
        )


def _record(work: FileAtWork, report: Report, outputs: dict[str, RawOutput], fallout: Mapping[str, Any]) -> None:
    found = []
    for each in report.outputs:
        output = outputs[each.name]
        if each.bytes != output.bytes:
            raise BalanceError(
                f"{work.item.path}: {each.name} was counted as {each.bytes} bytes and {output.bytes} were written."
            )
        found.append(
            {
                "name": each.name,
                **output.where(),
                "bytes": each.bytes,
                "rows": each.rows_landed,
                "sha256": each.sha256,
            }
        )
    kept, gone = keep_outputs(work.s3, work.settings.lake_bucket, work.item, found)
    work.advance(
        **kept,
        status="VALIDATED",
        rows_read=sum(output.rows_read for output in report.outputs),
        rows_landed=sum(output.rows_landed for output in report.outputs),
        rows_rejected=sum(output.rows_rejected for output in report.outputs),
        bytes_raw=sum(output.bytes for output in outputs.values()),
        sha256=report.sha256_in,
        columns=list(report.columns),
        schema_fingerprint=report.schema_fingerprint,
        checked_as=checked_as(work.feed),
        **({"drift": dict(report.drift)} if report.drift else {}),
        **({"notes": list(report.notes)} if report.notes else {}),
        seconds={stage: Decimal(f"{seconds:.3f}") for stage, seconds in report.seconds.items()},
        **fallout,
        validated_at=utc_now(),
        # those of an earlier attempt
        remove=("uploads_begun", *gone, *(name for name in _IF_ANY if name not in fallout)),
    )


def _write_fallout(work: FileAtWork, report: Report, bad_rows: BadRows, quarantine: Quarantine) -> dict[str, Any]:
    """What the ledger keeps of the bad rows of a file that lands without them; nothing if there are none."""
    key = quarantine.finish()
    if key is None:
        return {}
    rows_read = sum(output.rows_read for output in report.outputs)
    report_key = write_report(work, bad_rows, quarantine_key=key, rows_read=rows_read, notes=report.notes)
    return {"bad_rows": bad_rows.counts(), "bad_rows_key": key, "report_key": report_key}


def _write_rejection(work: FileAtWork, error: FileRejectedError, bad_rows: BadRows, quarantine: Quarantine) -> str:
    """Reports for a person and for programs, the first one's key; the delivered bytes stay in the inbox."""
    key = quarantine.finish()
    write_rejection(work, bad_rows, str(error))
    report_key = write_report(work, bad_rows, quarantine_key=key, reason=str(error))
    found: dict[str, Any] = {"bad_rows": bad_rows.counts(), "bad_rows_key": key} if key is not None else {}
    work.advance(report_key=report_key, **found)
    return report_key
