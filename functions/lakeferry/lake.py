"""S3: keys, and multipart uploads whose parts are checked before the upload is completed.

An upload is resumed from what S3 lists of it, so nothing about parts is kept elsewhere, and a lost answer
costs at most one part sent again.
"""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from botocore.exceptions import ClientError

from lakeferry.errors import BalanceError
from lakeferry.feeds import Feed
from lakeferry.models import RemoteFile

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MAX_PARTS = 10_000
"""Amazon S3 User Guide, "Amazon S3 multipart upload limits"."""
_MEBIBYTE = 1024 * 1024
SMALLEST_PART = 5 * _MEBIBYTE
"""Bytes every part but the last must have (same page)."""
LARGEST_PART = 5 * 1024 * _MEBIBYTE
BUFFERED_BYTES = 512 * _MEBIBYTE
"""Of one transfer's parts in memory; parts are larger than 16 MiB from 140 GiB on, and than this from 4.4 TiB on."""
ONE_CALL = SMALLEST_PART
"""Bytes up to which a file goes to S3 in one call; of a smaller one S3 would keep no part to go on from."""
_NAME_LENGTH = 172
_DELETE_BATCH = 1000
"""Keys a DeleteObjects call takes (Amazon S3 API Reference, "DeleteObjects")."""


def part_size(missing: int, smallest: int, parts: int = 0) -> int:
    """Bytes a part must have so that what is missing fits into the parts that S3 still takes; whole MiB.

    A tenth of them is spared: each call of a transfer that takes several ends with a smaller part.

    Args:
        parts: Those there are already.
    """
    room = MAX_PARTS - parts
    needed = -(-missing // max(1, room - room // 10))
    return max(smallest, min(-(-needed // _MEBIBYTE) * _MEBIBYTE, LARGEST_PART))


def buffers_for(part_bytes: int) -> int:
    """How many parts may be in memory at a time."""
    return max(1, min(3, BUFFERED_BYTES // part_bytes))


def safe_name(path: str, name: str, digits: int = 16) -> str:
    """A key's last part for a remote path: clean, short, and different for different paths.

    Args:
        path: Remote path, any text; its hash keeps equal names of different folders apart.
        name: What the file is called once decoded.
        digits: Of the hash, hexadecimal: two paths of one hash are found in a third of a second where it has 32 bits.
    """
    digest = hashlib.sha256(path.encode("utf-8", "surrogateescape")).hexdigest()[:digits]
    clean = re.sub(r"[^A-Za-z0-9._-]+", "_", name).lstrip("._-") or "file"
    stem, dot, suffix = clean.rpartition(".")
    if not dot or not stem or len(suffix) > 10:
        stem, suffix = clean, ""
    return f"{stem[:_NAME_LENGTH]}-{digest}{'.' + suffix if suffix else ''}"


def inbox_key(feed: Feed, remote: RemoteFile) -> str:
    """Where a version's bytes as delivered are kept."""
    version = hashlib.sha256(remote.file_id.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    # the version alone keeps files apart; those under way across an upgrade have their keys by eight digits
    return f"{feed.tenant}/{feed.feed}/{version}/{safe_name(remote.path, remote.name, digits=8)}"


def control_key(feed: Feed, remote: RemoteFile) -> str:
    """Where a version's control file is kept: beside its bytes."""
    return inbox_key(feed, remote) + ".control"


def raw_key(feed: Feed, dt: str, remote: RemoteFile, name: str) -> str:
    """Where a decoded file is in the raw zone: the same for each version of one remote path and date.

    Args:
        name: What it is called once decoded; a member of an archive has a `/` in it, and its whole name counts, so
            that `a/b.csv` and `a_b.csv` do not meet. No part of it becomes a folder.
    """
    _, is_member, last = name.rpartition("/")
    path = f"{remote.path}\0{name}" if is_member else remote.path
    return f"raw/{feed.tenant}_{feed.feed}/dt={dt}/{safe_name(path, last)}"


def file_metadata(feed_id: str, file_id: str) -> dict[str, str]:
    """Object metadata that leads from a raw object back to the ledger (ASCII, as S3 asks)."""
    return {"feed-id": feed_id, "file-id": quote(file_id.encode("utf-8", "surrogateescape"), safe="/#")}


def file_id_of(metadata: Mapping[str, str]) -> str:
    """The ledger's sort key from a raw object's metadata; empty when it has none."""
    return unquote(metadata.get("file-id", ""), errors="surrogateescape")


@dataclass(frozen=True, slots=True)
class Upload:
    """One multipart upload that is not completed."""

    bucket: str
    key: str
    upload_id: str


def put(s3: "S3Client", bucket: str, key: str, body: bytes | bytearray, metadata: Mapping[str, str]) -> str:
    """Writes a small object in one call, which S3 refuses where the bytes are not those that were sent; its ETag."""
    # botocore takes a bytearray as it is, bytes() would copy
    return s3.put_object(Bucket=bucket, Key=key, Body=body, Metadata=dict(metadata))["ETag"]  # type: ignore[arg-type]


def start_upload(s3: "S3Client", bucket: str, key: str, metadata: Mapping[str, str] | None = None) -> Upload:
    """Begins a multipart upload; nothing is visible under the key until it is completed."""
    answer = s3.create_multipart_upload(Bucket=bucket, Key=key, Metadata=dict(metadata or {}))
    return Upload(bucket, key, answer["UploadId"])


def list_parts(s3: "S3Client", upload: Upload) -> list[dict[str, Any]] | None:
    """The parts S3 has, in order, up to the first gap; None when the upload is over or was aborted."""
    parts: list[dict[str, Any]] = []
    try:
        pages = s3.get_paginator("list_parts").paginate(Bucket=upload.bucket, Key=upload.key, UploadId=upload.upload_id)
        for page in pages:
            parts += [dict(part) for part in page.get("Parts", [])]
    except ClientError as error:
        if error.response["Error"]["Code"] in {"NoSuchUpload", "404"}:
            return None
        raise
    parts.sort(key=lambda part: part["PartNumber"])
    return [part for index, part in enumerate(parts, 1) if part["PartNumber"] == index]


def complete_upload(s3: "S3Client", upload: Upload, expected_bytes: int, metadata: Mapping[str, str]) -> None:
    """Makes the object visible, all at once. Does nothing when that has happened already.

    Args:
        metadata: What the upload was started with; it tells this version's object from an older one's.

    Raises:
        BalanceError: S3 has not got exactly the bytes that were written; nothing became visible.
    """
    parts = list_parts(s3, upload)
    if parts is None:
        if not is_there(s3, upload.bucket, upload.key, expected_bytes, metadata):
            raise BalanceError(
                f"s3://{upload.bucket}/{upload.key}: its multipart upload is gone and no object of {expected_bytes} "
                "bytes of this version is there. Reprocess the file."
            )
        return
    found = sum(part["Size"] for part in parts)
    if found != expected_bytes:
        raise BalanceError(
            f"s3://{upload.bucket}/{upload.key}: S3 holds {found} bytes of the upload where {expected_bytes} were "
            "written; it was not completed. Reprocess the file."
        )
    s3.complete_multipart_upload(
        Bucket=upload.bucket,
        Key=upload.key,
        UploadId=upload.upload_id,
        MultipartUpload={
            "Parts": [
                # an upload made with per-part checksums asks for them again here
                {k: v for k, v in part.items() if k in {"PartNumber", "ETag"} or k.startswith("Checksum")}  # type: ignore[misc]
                for part in parts
            ]
        },
    )


def abort_upload(s3: "S3Client", upload: Upload) -> None:
    """Drops an upload and its parts; one that is gone already is fine."""
    try:
        s3.abort_multipart_upload(Bucket=upload.bucket, Key=upload.key, UploadId=upload.upload_id)
    except ClientError as error:
        if error.response["Error"]["Code"] not in {"NoSuchUpload", "404"}:
            raise


def delete_objects(s3: "S3Client", bucket: str, keys: Sequence[str]) -> None:
    """Deletes objects; those that are gone already are fine.

    Raises:
        BalanceError: S3 would not.
    """
    for start in range(0, len(keys), _DELETE_BATCH):
        batch = keys[start : start + _DELETE_BATCH]
        answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key} for key in batch], "Quiet": True})
        for error in answer.get("Errors", []):
            raise BalanceError(f"s3://{bucket}/{error.get('Key')} could not be deleted: {error.get('Message')}")


def is_there(s3: "S3Client", bucket: str, key: str, size: int, metadata: Mapping[str, str]) -> bool:
    """Whether an object of that many bytes and that metadata is visible."""
    try:
        found = s3.head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error.response["Error"]["Code"] in {"404", "NoSuchKey", "NotFound"}:
            return False
        raise
    return found["ContentLength"] == size and metadata.items() <= found["Metadata"].items()


class PartWriter:
    """Cuts a byte stream into parts of an upload and sends a few at a time.

    Holds at most `buffers` of `part_bytes`, and of a short stream no more than its bytes; `write` waits while all are
    on their way.
    """

    def __init__(
        self,
        s3: "S3Client",
        upload: Upload | Callable[[], Upload],
        *,
        part_bytes: int,
        first_part: int = 1,
        buffers: int = 3,
    ) -> None:
        """Sends nothing yet.

        Args:
            upload: A function begins it with the first part: a stream that fills none needs no upload (`whole`).
        """
        self._s3, self._begin, self._part_bytes = s3, upload, part_bytes
        self._number = self._first = first_part
        self._pool = ThreadPoolExecutor(max_workers=max(1, buffers - 1), thread_name_prefix="part")
        self._spare = buffers
        self._sent: list[Future[bytearray]] = []
        self._buffer: bytearray | None = None
        self._filled = 0
        self.bytes_written = 0

    @property
    def parts_sent(self) -> int:
        """Parts that are with S3 or on their way."""
        return self._number - self._first

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Takes the next bytes; they are copied, so the caller may reuse its buffer."""
        view = memoryview(data).cast("B")
        self.bytes_written += len(view)
        while view:
            if self._buffer is None:
                self._buffer, self._filled = self._take_buffer(), 0
            room = self._part_bytes - self._filled
            chunk = view[:room]
            # at the end of a new buffer this makes it longer: to zero a whole one costs more than to send a small file
            self._buffer[self._filled : self._filled + len(chunk)] = chunk
            self._filled += len(chunk)
            view = view[room:]
            if self._filled == self._part_bytes:
                self._send()

    def flush(self, *, partial: bool) -> None:
        """Waits until every part is with S3.

        Args:
            partial: Send the last, smaller part too (and an empty one where there is none at all): the
                stream is at its end. Otherwise what does not fill a part is dropped.
        """
        if partial and (self._filled or self._number == 1):
            self._send_partial()
        self._buffer, self._filled = None, 0
        self._pool.shutdown(wait=True)
        for future in self._sent:
            future.result()

    def whole(self) -> bytearray | None:
        """All there is, of a stream that is at its end and has filled no part; None if some are with S3 already."""
        if self._number != self._first:
            return None
        self._pool.shutdown(wait=True)
        return self._buffer if self._buffer is not None else bytearray()

    def checkpoint(self) -> int:
        """Waits until every part is with S3 and the last one too, if S3 keeps one so small; bytes sent."""
        dropped = self._filled
        if self._filled >= SMALLEST_PART:
            self._send_partial()
            dropped = 0
        self.flush(partial=False)
        return self.bytes_written - dropped

    def abandon(self) -> None:
        """Stops sending; parts already on their way may still arrive."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _send_partial(self) -> None:
        if self._buffer is None:
            self._buffer = self._take_buffer()
        del self._buffer[self._filled :]
        self._send()

    def _send(self) -> None:
        buffer, number = self._buffer, self._number
        assert buffer is not None  # noqa: S101  (write and flush fill it first)
        if not isinstance(self._begin, Upload):
            self._begin = self._begin()
        self._number += 1
        self._buffer, self._filled = None, 0
        self._sent.append(self._pool.submit(self._put, self._begin, buffer, number))

    def _put(self, upload: Upload, buffer: bytearray, number: int) -> bytearray:
        self._s3.upload_part(
            Bucket=upload.bucket,
            Key=upload.key,
            UploadId=upload.upload_id,
            PartNumber=number,
            Body=buffer,  # type: ignore[arg-type]  # botocore takes a bytearray as it is, bytes() would copy
        )
        return buffer

    def _take_buffer(self) -> bytearray:
        if self._spare:
            self._spare -= 1
            return bytearray()
        return self._sent.pop(0).result()
