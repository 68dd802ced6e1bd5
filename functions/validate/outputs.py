"""The decoded files of one delivered file on their way to the raw zone; nobody sees them before upload.

One that fills no part of an upload is staged: one call, and one more to copy it. A larger one is sent while it is
written, as parts of an upload that is not completed here. A small one waits in memory until it is complete, and then
goes its way beside the next ones: an archive of 10,000 small members is as good as 10,000 calls to S3.
"""

import hashlib
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress

from lakeferry.aws.side_by_side import THREADS, side_by_side
from lakeferry.file_at_work import FileAtWork
from lakeferry.lake import PartWriter, Upload, abort_upload, put, start_upload

SMALL = 1024 * 1024
"""Bytes up to which an output waits in memory, apart from a buffer for parts."""
MAX_NOTED = 10
"""Uploads whose ids are kept while they are filled; S3's lifecycle rule drops what a killed function leaves of more."""
_MAX_WAITING = 2 * THREADS
"""Small outputs in memory at the same time."""


def staging_key(work: FileAtWork, number: int) -> str:
    """Where an output waits in the work bucket: the same at each attempt, and another for each version."""
    version = hashlib.sha256(work.item.file_id.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    return f"staging/{work.item.tenant}_{work.item.feed}/{version}/{number}"


class RawOutput:
    """One decoded file."""

    def __init__(self, work: FileAtWork, key: str, staged: str, begin: Callable[[str], Upload]) -> None:
        self._work, self.key, self._staged, self._begin = work, key, staged, begin
        self._small = bytearray()
        self._writer: PartWriter | None = None
        self._upload: Upload | None = None
        self._etag = ""
        self.bytes = 0

    def write(self, data: bytes | memoryview) -> None:
        """Takes the next bytes."""
        self.bytes += len(data)
        if self._writer is None:
            if len(self._small) + len(data) <= SMALL:
                self._small += data
                return
            self._writer = PartWriter(self._work.s3, self._begin_upload, part_bytes=self._work.settings.part_bytes)
            self._writer.write(self._small)
            self._small = bytearray()
        self._writer.write(data)

    @property
    def is_small(self) -> bool:
        return self._writer is None

    def finish(self) -> None:
        """Waits until all of it is with S3."""
        whole = self._small if self._writer is None else self._writer.whole()
        if whole is None:
            assert self._writer is not None  # noqa: S101  (of a small one there is always the whole)
            self._writer.flush(partial=True)
        else:
            bucket = self._work.settings.work_bucket
            self._etag = put(self._work.s3, bucket, self._staged, whole, self._work.metadata)
        self._small = bytearray()

    def where(self) -> dict[str, str]:
        """For the ledger: for which key it waits, and where, if it does."""
        if self._upload is not None:
            return {"key": self.key, "upload_id": self._upload.upload_id}
        return {"key": self.key, **({"staged": self._staged, "etag": self._etag} if self._etag else {})}

    def abandon(self) -> None:
        """Drops what it has of an upload."""
        if self._writer is not None:
            self._writer.abandon()
        if self._upload is not None:
            abort_upload(self._work.s3, self._upload)

    def _begin_upload(self) -> Upload:
        self._upload = self._begin(self.key)
        return self._upload


class RawOutputs:
    """All of them, by name, in their order."""

    def __init__(self, work: FileAtWork, key_of: Callable[[str], str]) -> None:
        """Opens nothing yet.

        Args:
            key_of: The raw key for an output's name.
        """
        self._work, self._key_of = work, key_of
        self._pool = ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="output")
        self._waiting: deque[Future[None]] = deque()
        self._open: RawOutput | None = None
        self._begun: list[Upload] = []
        self.by_name: dict[str, RawOutput] = {}

    def open(self, name: str) -> RawOutput:
        """The next output; the one before is complete by then."""
        self._close()
        staged = staging_key(self._work, len(self.by_name))
        output = RawOutput(self._work, self._key_of(name), staged, self._begin)
        self.by_name[name] = self._open = output
        return output

    def finish(self) -> dict[str, RawOutput]:
        """Waits until everything is with S3."""
        self._close()
        while self._waiting:
            self._waiting.popleft().result()
        self._pool.shutdown()
        return self.by_name

    def abandon(self) -> None:
        """Drops everything."""
        self._pool.shutdown(cancel_futures=True)
        outputs = list(self.by_name.values())
        with suppress(Exception):  # what is left the lifecycle rule drops; the error that led here matters more
            side_by_side(RawOutput.abandon, outputs)
            self._work.waiting.clear([where for output in outputs if "staged" in (where := output.where())])

    def _begin(self, key: str) -> Upload:
        upload = start_upload(self._work.s3, self._work.settings.lake_bucket, key, self._work.metadata)
        self._begun.append(upload)
        if len(self._begun) <= MAX_NOTED:
            # a killed function aborts nothing; whoever takes the file over does
            self._work.advance(uploads_begun=[{"key": one.key, "upload_id": one.upload_id} for one in self._begun])
        return upload

    def _close(self) -> None:
        output, self._open = self._open, None
        if output is None:
            return
        if not output.is_small:
            output.finish()
            return
        while len(self._waiting) >= _MAX_WAITING:
            self._waiting.popleft().result()
        self._waiting.append(self._pool.submit(output.finish))
