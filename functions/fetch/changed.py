"""A file that is not as it was listed: what that means for one of which bytes have come, or which is in the lake."""

from collections.abc import Callable
from contextlib import AbstractContextManager

from lakeferry.errors import FileChangedError, LakeferryError, RemoteAccessError, TransferInterruptedError
from lakeferry.file_at_work import FileAtWork
from lakeferry.models import FileItem
from lakeferry.servers import Server
from lakeferry.servers.unchanged import by_listing

Connect = Callable[[], AbstractContextManager[Server]]


def what_it_means(work: FileAtWork, error: FileChangedError, connect: Connect, came: int) -> LakeferryError:
    """The error of a file that is in the lake and cannot be taken once more, or is lost; else the error as it is.

    A file that is gone before its first byte is no loss: it was not for us. One that has begun to come is: some servers
    give a file once, and count a broken line as that once.

    Args:
        came: Bytes of it that this call has had.
    """
    item = work.item
    if "landed" in work.entry:
        return RemoteAccessError(
            f"{item.path} cannot be taken from the server once more: {error} What is in the lake stays there; take it "
            "from the inbox instead."
        )
    came = max(came, int(work.entry.get("bytes_came", 0)))
    if not came or not _is_gone(item, connect):
        return error
    return TransferInterruptedError(
        f"{item.path} is gone from the server after {came} of {item.size} bytes of it had come. Lakeferry looks for it "
        "again; if it stays away, the server may give each file once: ask the partner to deliver it again."
    )


def note_what_came(work: FileAtWork, came: int) -> None:
    """For a later call, should the file be gone then."""
    if came and not work.entry.get("bytes_came"):
        work.advance(bytes_came=came)


def grew(item: FileItem) -> FileChangedError:
    """More came than was listed."""
    return FileChangedError(f"{item.path} grew beyond the {item.size} bytes it was listed with.")


def _is_gone(item: FileItem, connect: Connect) -> bool:
    try:
        with connect() as server:
            return by_listing(server, item.path) is None
    except LakeferryError:  # nobody knows
        return False
