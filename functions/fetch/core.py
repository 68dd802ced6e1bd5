"""Bytes from the server into the inbox, in parts that a later call can go on from."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

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
    TransferInterruptedError,
)
from lakeferry.feeds import Feed
from lakeferry.lake import (
    PartWriter,
    Upload,
    abort_upload,
    buffers_for,
    complete_upload,
    file_metadata,
    inbox_key,
    is_there,
    list_parts,
    part_size,
    start_upload,
)
from lakeferry.ledger import LANDED, Entry, Ledger
from lakeferry.models import FileItem
from lakeferry.servers import Server
from lakeferry.servers.unchanged import check_unchanged
from lakeferry.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

RESERVE_SECONDS = 45
"""Left of the function's time to send the last parts and write the ledger."""


def fetch(
    feed: Feed,
    item: FileItem,
    connect: Callable[[], AbstractContextManager[Server]],
    ledger: Ledger,
    s3: "S3Client",
    settings: Settings,
    remaining_seconds: Callable[[], float],
) -> dict[str, Any]:
    """Copies the file to the inbox, going on from the parts S3 already has.

    Returns:
        `done` and `bytes` (in the inbox so far). Not done: the time is nearly out, or all
        connections to the server are taken; call again.

    Raises:
        FileRejectedError: its size is outside the feed's limits, or it is a redelivery the feed rejects, or its
            checksum is wrong for the second time.
        FileChangedError: it is not the version that was listed any more; what was copied is dropped.
        RemoteAccessError: the same of a file that is in the lake and was to be taken once more.
        TransferInterruptedError: the bytes came up short, and whole parts are kept for the next call; or their
            checksum is wrong, and nothing is kept.
        ClaimLostError: another run owns the file.
    """
    entry = ledger.owned(item)
    if entry["status"] != "CLAIMED":
        return {"done": True, "bytes": item.size}
    _check_wanted(feed, item, ledger)
    try:
        keep_control_file(feed, item, connect, s3, settings.inbox_bucket)
    except ConnectionsBusyError:
        return {"done": False, "bytes": 0}
    key = inbox_key(feed, item.remote)
    # a key belongs to one version: an object of full size there was completed by a call whose answer got lost
    metadata = file_metadata(item.feed_id, item.file_id)
    kept = 0
    copying = _Copying(feed, item, connect, s3, settings.part_bytes, remaining_seconds)
    try:
        if not entry.get("refetch") and is_there(s3, settings.inbox_bucket, key, item.size, metadata):
            kept = item.size
            expected = copying.ask()
        else:
            upload, parts = _resume(entry, item, ledger, s3, settings.inbox_bucket, key)
            kept = sum(part["Size"] for part in parts)
            try:
                offset, expected = copying.copy(upload, parts)
            except (FileChangedError, FileRejectedError) as error:
                abort_upload(s3, upload)
                if isinstance(error, FileChangedError) and "landed" in entry:
                    raise RemoteAccessError(
                        f"{item.path} cannot be taken from the server once more: {error} What is in the lake stays "
                        "there; take it from the inbox instead."
                    ) from error
                raise
            if offset < item.size:
                return {"done": False, "bytes": offset}
            _complete(item, s3, upload, metadata)
            if entry.get("refetch"):  # done: a further call only compares the checksum
                ledger.advance(item, remove=("refetch",))
    except ConnectionsBusyError:  # only a matter of patience
        return {"done": False, "bytes": kept}
    values: dict[str, Any] = {"status": "FETCHED", "inbox_key": key, "bytes_fetched": item.size}
    if expected is not None:
        found = verify.digest(expected, s3, settings.inbox_bucket, key, lambda: remaining_seconds() > RESERVE_SECONDS)
        if found is None and copying.has_copied:
            return {"done": False, "bytes": item.size}  # the next call has all its time for it
        if found is not None:
            if found != expected.checksum.value:
                verify.refuse(item, expected, found, ledger, s3, settings.inbox_bucket, key)
            values["verified_by"] = f"{expected.checksum.algorithm} of {expected.source}"
    ledger.advance(item, **values, fetched_at=utc_now(), remove=("inbox_upload_id", "wrong_checksum"))
    return {"done": True, "bytes": item.size}


def _check_wanted(feed: Feed, item: FileItem, ledger: Ledger) -> None:
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
        for other in ledger.versions(item.feed_id, item.path):
            if other["file_id"] != item.file_id and other["status"] in LANDED:
                raise FileRejectedError(
                    f"{item.path} was ingested before ({other['size']} bytes, {other['uploaded_at']}) and the feed "
                    "rejects redeliveries. Set files.on_redelivery to replace to take the new version."
                )


def _resume(
    entry: Entry, item: FileItem, ledger: Ledger, s3: "S3Client", bucket: str, key: str
) -> tuple[Upload, list[dict[str, Any]]]:
    if upload_id := entry.get("inbox_upload_id"):
        upload = Upload(bucket, key, upload_id)
        parts = list_parts(s3, upload)
        if parts is not None:
            return upload, parts
    upload = start_upload(s3, bucket, key, file_metadata(item.feed_id, item.file_id))
    ledger.advance(item, inbox_key=key, inbox_upload_id=upload.upload_id)
    return upload, []


class _Copying:
    """Bytes from the server into the parts of an upload, and what the server tells about them.

    Attributes:
        has_copied: Whether this call has spent its time on bytes.
    """

    def __init__(
        self,
        feed: Feed,
        item: FileItem,
        connect: Callable[[], AbstractContextManager[Server]],
        s3: "S3Client",
        smallest_part: int,
        remaining_seconds: Callable[[], float],
    ) -> None:
        self.has_copied = False
        self._feed, self._item, self._connect, self._s3 = feed, item, connect, s3
        self._smallest_part, self._remaining_seconds = smallest_part, remaining_seconds

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
                server.read(item.path, start, sink, item.size)
                if writer.bytes_written == missing:
                    is_whole = True
                    check_unchanged(server, item.remote, was_read=True)
                    expected = self._ask(server)
            if writer.bytes_written > missing:
                raise FileChangedError(f"{item.path} grew beyond the {item.size} bytes it was listed with.")
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


def _complete(item: FileItem, s3: "S3Client", upload: Upload, metadata: Mapping[str, str]) -> None:
    try:
        complete_upload(s3, upload, item.size, metadata)
    except BalanceError as error:
        # parts of a dead run's Lambda got between ours: begin again rather than keep a doubtful file
        abort_upload(s3, upload)
        raise TransferInterruptedError(f"{item.path}: {error}") from error
