"""The control file beside a data file: small, and kept beside it in the inbox, where validate reads it."""

import posixpath
from collections.abc import Callable
from contextlib import AbstractContextManager

from lakeferry.errors import FileRejectedError
from lakeferry.feeds.files import companion_of
from lakeferry.file_at_work import FileAtWork
from lakeferry.lake import control_key, put
from lakeferry.servers import Server

LARGEST = 64 * 1024
"""Bytes; what is larger is no control file."""


def keep_control_file(work: FileAtWork, connect: Callable[[], AbstractContextManager[Server]]) -> None:
    """Copies the control file of a data file to the inbox; nothing to do where the feed has none.

    Raises:
        FileChangedError: it is not there any more; the next run waits for it.
        FileRejectedError: it is too large to be one.
    """
    feed, item = work.feed, work.item
    if feed.checks.control_file is None:
        return
    name = companion_of(feed.checks.control_file.pattern, item.remote.name)
    path = posixpath.join(posixpath.dirname(item.path), name)
    data = bytearray()

    def take(view: memoryview) -> bool:
        data.extend(view)
        return len(data) <= LARGEST

    with connect() as server:
        server.read(path, 0, take)
    if len(data) > LARGEST:
        raise FileRejectedError(
            f"{item.path}: its control file {path} is larger than {LARGEST} bytes. Correct checks.control_file.pattern."
        )
    put(work.s3, work.settings.inbox_bucket, control_key(feed, item.remote), data, {})
