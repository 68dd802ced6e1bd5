"""Bytes from the server into the inbox, in parts that a later call can go on from."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from fetch import verify
from fetch.control_file import keep_control_file
from fetch.verify import Expected
from lakeferry.aws.tables import utc_now
from lakeferry.errors import (
    BalanceError,
    ConnectionsBusyError,
    FileChangedError,
    FileRejectedError,
    LakeferryError,
    RemoteAccessError,
    ServerUnavailableError,
    TransferInterruptedError,
)
from lakeferry.file_at_work import FileAtWork
from lakeferry.lake import (
    ONE_CALL,
    PartWriter,
    Upload,
    abort_upload,
    buffers_for,
    complete_upload,
    is_there,
    list_parts,
    part_size,
    put,
    start_upload,
)
from lakeferry.ledger import LANDED
from lakeferry.models import FileItem
from lakeferry.servers import Server
from lakeferry.servers.unchanged import check_unchanged, read_listed

RESERVE_SECONDS = 45
"""Left of the function's time to send the last parts and write the ledger."""


Connect = Callable[[], AbstractContextManager[Server]]
Remaining = Callable[[], float]


def fetch(work: FileAtWork, connect: Connect, remaining_seconds: Remaining) -> dict[str, Any]:
    """Copies the file to the inbox, going on from the parts S3 already has.

    Returns:
        `done` and `bytes` (in the inbox so far). Not done: the time is nearly out, or all
        connections to the server are taken; call again.
    """
    try:
        return bring(work, connect, remaining_seconds)()
    except ConnectionsBusyError:  # only a matter of patience
        return {"done": False, "bytes": work.item.size if _is_in_inbox(work) else 0}


def bring(work: FileAtWork, connect: Connect, remaining_seconds: Remaining) -> Callable[[], dict[str, Any]]:
    """All of the fetch that needs the server.

    Returns:
        The rest, which answers as `fetch` does; so the next file's bytes come while this one's are put away.

    Raises:
        ConnectionsBusyError: all connections to the server are taken.
    """
    item, entry = work.item, work.entry
    if entry["status"] != "CLAIMED":
        return lambda: {"done": True, "bytes": item.size}
    _check_wanted(work)
    keep_control_file(work, connect)
    # an upload that an earlier call began is gone on with, whatever its size
    if item.size <= ONE_CALL and "inbox_upload_id" not in entry:
        return _bring_small(work, connect, remaining_seconds)
    answer = _fetch_parts(work, connect, remaining_seconds)
    return lambda: answer


def _bring_small(work: FileAtWork, connect: Connect, remaining_seconds: Remaining) -> Callable[[], dict[str, Any]]:
    """A file that S3 takes in one call: all of it is here before any of it is there."""
    item, data = work.item, bytearray()

    def sink(view: memoryview) -> bool:
        data.extend(view[: item.size - len(data) + 1])
        return len(data) <= item.size and remaining_seconds() > RESERVE_SECONDS

    try:
        with connect() as server:
            check_unchanged(server, item.remote)
            read_listed(server, item.remote, 0, sink)
            if len(data) >= item.size:
                check_unchanged(server, item.remote, was_read=True)
            if len(data) < item.size:
                raise TransferInterruptedError(
                    f"{item.path} ended after {len(data)} of {item.size} bytes; the transfer is tried again."
                )
            if len(data) > item.size:
                raise _grew(item)
            expected = verify.ask(work.feed, item, server, max(1.0, remaining_seconds() - RESERVE_SECONDS))
    except FileChangedError as error:
        if not work.entry.get("refetch") and _is_in_inbox(work):  # by a call whose answer got lost
            return lambda: _fetched(work, None)
        raise _kept_as_it_was(work, error) from error
    except (ServerUnavailableError, TransferInterruptedError):
        if data and len(data) == item.size:  # a server that gives a file once has no more of it: the next call finds it
            put(work.s3, work.settings.inbox_bucket, work.inbox_key, data, work.metadata)
        raise

    def put_away() -> dict[str, Any]:
        if expected is not None and (found := expected.checksum_of(data)) != expected.checksum.value:
            verify.refuse(work, expected, found)
        put(work.s3, work.settings.inbox_bucket, work.inbox_key, data, work.metadata)
        return _fetched(work, expected)

    return put_away


def _fetch_parts(work: FileAtWork, connect: Connect, remaining_seconds: Remaining) -> dict[str, Any]:
    """A file in parts, which a later call can go on from."""
    item, entry, s3, bucket = work.item, work.entry, work.s3, work.settings.inbox_bucket
    copying = _Copying(work, connect, remaining_seconds)
    # a key belongs to one version: an object of full size there was completed by a call whose answer got lost
    if not entry.get("refetch") and _is_in_inbox(work):
        expected = copying.ask()
    else:
        upload, parts = _resume(work)
        try:
            offset, expected = copying.copy(upload, parts)
        except (FileChangedError, FileRejectedError) as error:
            abort_upload(s3, upload)
            if isinstance(error, FileChangedError):
                raise _kept_as_it_was(work, error) from error
            raise
        if offset < item.size:
            return {"done": False, "bytes": offset}
        _complete(work, upload)
        if entry.get("refetch"):  # done: a further call only compares the checksum
            work.advance(remove=("refetch",))
    if expected is not None:
        found = verify.digest(expected, s3, bucket, work.inbox_key, lambda: remaining_seconds() > RESERVE_SECONDS)
        if found is None and copying.has_copied:
            return {"done": False, "bytes": item.size}  # the next call has all its time for it
        if found is None:
            expected = None
        elif found != expected.checksum.value:
            verify.refuse(work, expected, found)
    return _fetched(work, expected)


def _fetched(work: FileAtWork, expected: Expected | None) -> dict[str, Any]:
    size = work.item.size
    values: dict[str, Any] = {"status": "FETCHED", "inbox_key": work.inbox_key, "bytes_fetched": size}
    if expected is not None:
        values["verified_by"] = f"{expected.checksum.algorithm} of {expected.source}"
    work.advance(**values, fetched_at=utc_now(), remove=("inbox_upload_id", "wrong_checksum", "refetch"))
    return {"done": True, "bytes": size}


def _is_in_inbox(work: FileAtWork) -> bool:
    return is_there(work.s3, work.settings.inbox_bucket, work.inbox_key, work.item.size, work.metadata)


def _kept_as_it_was(work: FileAtWork, error: FileChangedError) -> LakeferryError:
    """The error of a file that is in the lake and cannot be taken once more; else the error as it is."""
    if "landed" not in work.entry:
        return error
    return RemoteAccessError(
        f"{work.item.path} cannot be taken from the server once more: {error} What is in the lake stays there; take it "
        "from the inbox instead."
    )


def _grew(item: FileItem) -> FileChangedError:
    return FileChangedError(f"{item.path} grew beyond the {item.size} bytes it was listed with.")


def _check_wanted(work: FileAtWork) -> None:
    feed, item = work.feed, work.item
    size = feed.files.size
    if item.size < size.min_bytes:
        raise FileRejectedError(
            f"{item.path} has {item.size} bytes; the feed takes files from {size.min_bytes} bytes on. "
            "Ask the partner to deliver it again, or lower files.size.min_bytes."
        )
    if size.max_bytes is not None and item.size > size.max_bytes:
        raise FileRejectedError(
            f"{item.path} has {item.size} bytes; the feed takes at most {size.max_bytes}. "
            "Ask the partner, or raise files.size.max_bytes."
        )
    if feed.files.on_redelivery == "reject":
        for other in work.ledger.versions(item.feed_id, item.path):
            if other["file_id"] != item.file_id and other["status"] in LANDED:
                raise FileRejectedError(
                    f"{item.path} was ingested before ({other['size']} bytes, {other['uploaded_at']}) and the feed "
                    "rejects redeliveries. Set files.on_redelivery to replace to take the new version."
                )


def _resume(work: FileAtWork) -> tuple[Upload, list[dict[str, Any]]]:
    bucket, key = work.settings.inbox_bucket, work.inbox_key
    if upload_id := work.entry.get("inbox_upload_id"):
        upload = Upload(bucket, key, upload_id)
        parts = list_parts(work.s3, upload)
        if parts is not None:
            return upload, parts
    upload = start_upload(work.s3, bucket, key, work.metadata)
    work.advance(inbox_key=key, inbox_upload_id=upload.upload_id)
    return upload, []


class _Copying:
    """Bytes from the server into the parts of an upload, and what the server tells about them.

    Attributes:
        has_copied: Whether this call has spent its time on bytes.
    """

    def __init__(self, work: FileAtWork, connect: Connect, remaining_seconds: Remaining) -> None:
        self.has_copied = False
        self._feed, self._item, self._connect, self._s3 = work.feed, work.item, connect, work.s3
        self._smallest_part, self._remaining_seconds = work.settings.part_bytes, remaining_seconds

    def ask(self) -> Expected | None:
        """The checksum to compare with, of a file that is in the inbox already."""
        if not verify.is_wanted(self._feed):
            return None
        try:
            with self._connect() as server:
                check_unchanged(server, self._item.remote, was_read=True)
                return self._ask(server)
        except FileChangedError:  # it was the right version when its last byte came: nobody can be asked any more
            return None

    def copy(self, upload: Upload, parts: list[dict[str, Any]]) -> tuple[int, Expected | None]:
        """Reads on from the parts there are; how many bytes the upload has now, and, with the last, their checksum."""
        item = self._item
        start: int = sum(part["Size"] for part in parts)
        if start == item.size and parts:
            return start, self.ask()
        missing = item.size - start
        size = part_size(missing, self._smallest_part, len(parts))
        writer = PartWriter(self._s3, upload, part_bytes=size, first_part=len(parts) + 1, buffers=buffers_for(size))
        expected: Expected | None = None
        is_whole = False

        def sink(data: memoryview) -> bool:
            writer.write(data[: missing - writer.bytes_written + 1])
            return writer.bytes_written <= missing and self._has_time()

        try:
            with self._connect() as server:
                self.has_copied = True
                check_unchanged(server, item.remote)
                read_listed(server, item.remote, start, sink)
                if writer.bytes_written == missing:
                    is_whole = True
                    check_unchanged(server, item.remote, was_read=True)
                    expected = self._ask(server)
            if writer.bytes_written > missing:
                raise _grew(item)
            if writer.bytes_written == missing:
                writer.flush(partial=True)
                return item.size, expected
            if self._has_time():
                raise TransferInterruptedError(
                    f"{item.path} ended after {start + writer.bytes_written} of {item.size} bytes; "
                    "what arrived is kept and the transfer is tried again."
                )
            return start + _keep(writer, item), None
        except FileChangedError:
            writer.abandon()
            raise
        except LakeferryError:
            writer.flush(partial=is_whole)
            if not parts and not writer.parts_sent:  # nothing to go on from
                abort_upload(self._s3, upload)
            raise
        except BaseException:
            writer.abandon()
            raise

    def _ask(self, server: Server) -> Expected | None:
        return verify.ask(self._feed, self._item, server, max(1.0, self._remaining_seconds() - RESERVE_SECONDS))

    def _has_time(self) -> bool:
        return self._remaining_seconds() > RESERVE_SECONDS


def _keep(writer: PartWriter, item: FileItem) -> int:
    """Sends what a later call can go on from; bytes kept."""
    kept = writer.checkpoint()
    if kept == 0:
        raise TransferInterruptedError(
            f"{item.path}: only {writer.bytes_written} bytes came in one call, too few for a part that S3 keeps "
            "(5 MiB). The server is too slow; ask the partner."
        )
    return kept


def _complete(work: FileAtWork, upload: Upload) -> None:
    try:
        complete_upload(work.s3, upload, work.item.size, work.metadata)
    except BalanceError as error:
        # parts of a dead run's Lambda got between ours: begin again rather than keep a doubtful file
        abort_upload(work.s3, upload)
        raise TransferInterruptedError(f"{work.item.path}: {error}") from error
