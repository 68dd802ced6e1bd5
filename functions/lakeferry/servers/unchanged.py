"""Whether a file is still the version that was listed, whatever its server makes of being asked."""

import posixpath

from lakeferry.errors import FileChangedError, LakeferryError, RemoteAccessError, TransferInterruptedError
from lakeferry.models import RemoteFile
from lakeferry.servers.server import Server, Sink


def check_unchanged(server: Server, listed: RemoteFile, *, was_read: bool = False) -> bool:
    """Servers contradict themselves: before a file counts as changed, its folder is listed once more.

    Args:
        was_read: Exactly the bytes that were listed have come. That the file is gone means nothing then: there are
            servers that give a file once, and some that cannot be asked about it.

    Returns:
        Whether the server could be asked about the file; else only listings tell what is there.

    Raises:
        FileChangedError: the server shows another size or time, or no such file.
        RemoteAccessError: it refuses to tell.
    """
    try:
        now = server.stat(listed.path)
        if now == listed:
            return True
        verdict: LakeferryError = FileChangedError(
            f"{listed.path} was listed with {listed.size} bytes of time {listed.mtime} and now has {now.size} bytes of "
            f"time {now.mtime}: the next run takes the new version."
        )
    except (FileChangedError, RemoteAccessError) as error:
        if was_read:
            return False
        verdict = error
    if not is_listed(server, listed):
        raise verdict
    return False


def read_listed(server: Server, listed: RemoteFile, offset: int, sink: Sink) -> None:
    """Reads the file; that its server calls it gone counts only where it shows it no more as it was listed.

    FTP's 550 stands for a file that is missing, for one that is locked and for one that may not be read.

    Raises:
        FileChangedError: the server shows another size or time, or no such file.
        TransferInterruptedError: it is there, and is not given out.
    """
    try:
        server.read(listed.path, offset, sink, listed.size)
    except FileChangedError as error:
        check_unchanged(server, listed)
        raise TransferInterruptedError(
            f"{listed.path} is on the server as it was listed, and is not given out: {error} If it lasts, ask the "
            "partner whether it is locked, or may not be read."
        ) from error


def is_listed(server: Server, listed: RemoteFile) -> bool:
    """Whether its folder still shows the file as it was listed."""
    return by_listing(server, listed.path) == listed


def by_listing(server: Server, path: str) -> RemoteFile | None:
    """The file at that path, as its folder shows it; None where it shows none, or cannot be listed."""
    folder, name = posixpath.split(path)
    try:
        return next(iter(list(server.list_files(folder, wanted=name.__eq__))), None)
    except RemoteAccessError:
        return None
