"""An object in S3 whose bytes are made piece by piece, in memory that does not grow with it."""

from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

from lakeferry.lake import PartWriter, Upload, abort_upload, complete_upload

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PART_BYTES = 8 * 1024 * 1024
"""Of a part; one is filled while another is on its way."""


def write_streamed(
    s3: "S3Client", bucket: str, key: str, pieces: Iterable[bytes], content_type: str = "binary/octet-stream"
) -> None:
    """Writes an object, in one call where it is short; nothing where there are no bytes.

    It is visible only as a whole: where a piece cannot be made, what is there stays as it is.
    """
    begun: list[Upload] = []

    def begin() -> Upload:
        answer = s3.create_multipart_upload(Bucket=bucket, Key=key, ContentType=content_type)
        begun.append(Upload(bucket, key, answer["UploadId"]))
        return begun[0]

    writer = PartWriter(s3, begin, part_bytes=PART_BYTES, buffers=2)
    try:
        for piece in pieces:
            writer.write(piece)
        body = writer.whole()
        if body is None:
            writer.flush(partial=True)
            complete_upload(s3, begun[0], writer.bytes_written, {})
        elif body:
            s3.put_object(Bucket=bucket, Key=key, Body=bytes(body), ContentType=content_type)
    except BaseException:
        writer.abandon()
        for upload in begun:
            with suppress(Exception):  # the first error counts; S3 drops the parts after some days
                abort_upload(s3, upload)
        raise
