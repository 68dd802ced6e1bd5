"""The decoded files of one delivered file on their way to the raw zone: parts of uploads that are not completed here.

A large one is sent while it is written. A small one waits in memory until it is complete, and then goes its way beside
the next ones: an archive of 10,000 small members is as good as 20,000 calls to S3.
"""

from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING

from lakeferry.aws.side_by_side import THREADS, side_by_side
from lakeferry.lake import PartWriter, Upload, abort_upload, start_upload

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

SMALL = 1024 * 1024
"""Bytes up to which an output is sent in one go."""
MAX_NOTED = 10
"""Uploads whose ids are kept while they are filled; S3's lifecycle rule drops what a killed function leaves of more."""
_MAX_WAITING = 2 * THREADS
"""Small outputs in memory at the same time."""


class RawOutput:
    """One decoded file."""

    def __init__(self, s3: "S3Client", begin: Callable[[], Upload], part_bytes: int) -> None:
        self._s3, self._begin, self._part_bytes = s3, begin, part_bytes
        self._small = bytearray()
        self._writer: PartWriter | None = None
        self.upload: Upload | None = None
        self.bytes = 0

    def begin(self) -> Upload:
        """Begins the upload, if it is not begun."""
        if self.upload is None:
            self.upload = self._begin()
        return self.upload

    def write(self, data: bytes | memoryview) -> None:
        """Takes the next bytes."""
        self.bytes += len(data)
        if self._writer is None:
            if len(self._small) + len(data) <= SMALL:
                self._small += data
                return
            self._writer = PartWriter(self._s3, self.begin(), part_bytes=self._part_bytes)
            self._writer.write(self._small)
            self._small = bytearray()
        self._writer.write(data)

    @property
    def is_small(self) -> bool:
        return self._writer is None

    def finish(self) -> None:
        """Waits until all of it is with S3."""
        if self._writer is not None:
            self._writer.flush(partial=True)
            return
        upload = self.begin()
        self._s3.upload_part(
            Bucket=upload.bucket,
            Key=upload.key,
            UploadId=upload.upload_id,
            PartNumber=1,
            Body=self._small,  # type: ignore[arg-type]  # botocore takes a bytearray as it is, bytes() would copy
        )
        self._small = bytearray()

    def abandon(self) -> None:
        """Drops it all."""
        if self._writer is not None:
            self._writer.abandon()
        if self.upload is not None:
            abort_upload(self._s3, self.upload)


class RawOutputs:
    """All of them, by name, in their order."""

    def __init__(
        self,
        s3: "S3Client",
        bucket: str,
        key_of: Callable[[str], str],
        metadata: Mapping[str, str],
        part_bytes: int,
        note: Callable[[list[Upload]], object],
    ) -> None:
        """Opens nothing yet.

        Args:
            key_of: The raw key for an output's name.
            note: Keeps the first uploads, so that whoever takes over from a killed function can abort them.
        """
        self._s3, self._bucket, self._key_of, self._metadata = s3, bucket, key_of, metadata
        self._part_bytes, self._note = part_bytes, note
        self._pool = ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="output")
        self._waiting: deque[Future[None]] = deque()
        self._open: RawOutput | None = None
        self.by_name: dict[str, RawOutput] = {}

    def open(self, name: str) -> RawOutput:
        """The next output; the one before is complete by then."""
        self._close()
        key = self._key_of(name)
        output = RawOutput(
            self._s3, lambda: start_upload(self._s3, self._bucket, key, self._metadata), self._part_bytes
        )
        self.by_name[name] = self._open = output
        if len(self.by_name) <= MAX_NOTED:
            output.begin()
            self._note([each.upload for each in self.by_name.values() if each.upload])
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
        with suppress(Exception):  # what is left the lifecycle rule drops; the error that led here matters more
            side_by_side(RawOutput.abandon, list(self.by_name.values()))

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
