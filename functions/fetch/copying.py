"""Bytes from the server into the parts of an upload, which a later call can go on from."""

from collections.abc import Callable
from typing import Any

from fetch import verify
from fetch.changed import Connect, grew
from fetch.verify import Expected
from lakeferry.errors import BalanceError, FileChangedError, LakeferryError, TransferInterruptedError
from lakeferry.file_at_work import FileAtWork
from lakeferry.lake import (
    PartWriter,
    Upload,
    abort_upload,
    buffers_for,
    complete_upload,
    list_parts,
    part_size,
    start_upload,
)
from lakeferry.models import FileItem
from lakeferry.servers import Server
from lakeferry.servers.unchanged import check_unchanged, read_listed

RESERVE_SECONDS = 45
"""Left of the function's time to send the last parts and write the ledger."""
Remaining = Callable[[], float]


def resume(work: FileAtWork) -> tuple[Upload, list[dict[str, Any]]]:
    bucket, key = work.settings.inbox_bucket, work.inbox_key
    if upload_id := work.entry.get("inbox_upload_id"):
        upload = Upload(bucket, key, upload_id)
        parts = list_parts(work.s3, upload)
        if parts is not None:
            return upload, parts
    upload = start_upload(work.s3, bucket, key, work.metadata)
    work.advance(inbox_key=key, inbox_upload_id=upload.upload_id)
    return upload, []


class Copying:
    """Bytes from the server into the parts of an upload, and what the server tells about them.

    Attributes:
        has_copied: Whether this call has spent its time on bytes.
        came: Bytes that have come, in this call or before.
    """

    def __init__(self, work: FileAtWork, connect: Connect, remaining_seconds: Remaining) -> None:
        self.has_copied, self.came = False, 0
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
        self.came = start
        if start == item.size and parts:
            return start, self.ask()
        missing = item.size - start
        size = part_size(missing, self._smallest_part, len(parts))
        writer = PartWriter(self._s3, upload, part_bytes=size, first_part=len(parts) + 1, buffers=buffers_for(size))
        expected: Expected | None = None
        is_whole = False

        def sink(data: memoryview) -> bool:
            self.came += len(data)
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
                raise grew(item)
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


def complete(work: FileAtWork, upload: Upload) -> None:
    try:
        complete_upload(work.s3, upload, work.item.size, work.metadata)
    except BalanceError as error:
        # parts of a dead run's Lambda got between ours: begin again rather than keep a doubtful file
        abort_upload(work.s3, upload)
        raise TransferInterruptedError(f"{work.item.path}: {error}") from error
