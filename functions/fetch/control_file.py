"""The control file beside a data file: small, and kept beside it in the inbox, where validate reads it."""

import posixpath
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from lakeferry.errors import FileRejectedError
from lakeferry.feeds import Feed
from lakeferry.feeds.files import companion_of
from lakeferry.lake import control_key
from lakeferry.models import FileItem
from lakeferry.servers import Server

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

LARGEST = 64 * 1024
"""Bytes; what is larger is no control file."""


def keep_control_file(
    feed: Feed, item: FileItem, connect: Callable[[], AbstractContextManager[Server]], s3: "S3Client", bucket: str
) -> None:
    """Copies the control file of a data file to the inbox; nothing to do where the feed has none.

    Raises:
        FileChangedError: it is not there any more; the next run waits for it.
        FileRejectedError: it is too large to be one.
    """
    if feed.checks.control_file is None:
        return
    name = companion_of(feed.checks.control_file.pattern, item.remote.name)
    path = posixpath.join(posixpath.dirname(item.path), name)
    data = bytearray()

    def take(view: memoryview) -> bool:
        data.extend(view)
        return len(data) <= LARGEST

    with connect() as server:
        server.stat(path)
        server.read(path, 0, take)
    if len(data) > LARGEST:
        raise FileRejectedError(
            f"{item.path}: its control file {path} is larger than {LARGEST} bytes. Correct checks.control_file.pattern."
        )
    s3.put_object(Bucket=bucket, Key=control_key(feed, item.remote), Body=bytes(data))
