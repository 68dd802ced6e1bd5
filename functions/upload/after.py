"""What happens to the remote file once it is in the lake."""

import posixpath
import re
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from datetime import UTC, date, datetime
from functools import partial

from lakeferry.errors import FileChangedError, LakeferryError, RemoteAccessError
from lakeferry.feeds import Feed
from lakeferry.feeds.files import companion_of
from lakeferry.file_at_work import FileAtWork
from lakeferry.models import FileItem, RemoteFile
from lakeferry.servers import Server
from lakeferry.servers.unchanged import by_listing, check_unchanged, is_listed

Look = Callable[[str], RemoteFile]
"""What is at a path; raises as `Server.stat` does."""


def finish_remote(work: FileAtWork, connect: Callable[[], AbstractContextManager[Server]]) -> str | None:
    """Moves or deletes the remote file and its companions, if its feed wants that and it has not been done.

    A failure does not undo the ingest: it is kept in the ledger as `after_error`, and the next run that
    lists the file tries again.

    Returns:
        What went wrong, or None.
    """
    item, ledger = work.item, work.ledger
    if not work.entry.get("after_due"):
        return None
    try:
        with connect() as server:
            _act(work.feed, item, work.dt, server)
    except FileChangedError:
        pass  # not there any more, or a newer version is: this version needs no action
    except LakeferryError as error:
        ledger.advance(item, after_error=f"{type(error).__name__}: {error}")
        return str(error)
    ledger.advance(item, remove=("after_due", "after_error"))
    return None


def _act(feed: Feed, item: FileItem, dt: str, server: Server) -> None:
    """
    Raises:
        FileChangedError: the file is not there any more, or a newer version is.
        RemoteAccessError: it is there, and stays so.
    """
    can_be_asked = check_unchanged(server, item.remote)
    try:
        _move_or_delete(feed, item.remote, dt, server, server.stat if can_be_asked else partial(_listed, server))
    except FileChangedError as error:
        if not is_listed(server, item.remote):
            raise
        raise RemoteAccessError(
            f"cannot {feed.files.after.action} {item.path}, which is listed as before: {error} Ask the partner for the "
            "permission, and whether the folder that it goes to is there."
        ) from error


def _move_or_delete(feed: Feed, remote: RemoteFile, dt: str, server: Server, look: Look) -> None:
    after, folder = feed.files.after, posixpath.dirname(remote.path)
    companions = [posixpath.join(folder, companion_of(template, remote.name)) for template in feed.companions]
    if after.action == "delete":
        server.delete(remote.path)
        for companion in companions:
            with suppress(FileChangedError):
                server.delete(companion)
    elif after.to is not None:
        target = _dated(after.to, date.fromisoformat(dt))
        server.move(remote.path, _free_name(look, posixpath.join(target, remote.name), remote))
        for companion in companions:
            with suppress(FileChangedError):
                there = look(companion)
                server.move(companion, _free_name(look, posixpath.join(target, there.name), there))


def _listed(server: Server, path: str) -> RemoteFile:
    """As `Server.stat`, of a server that cannot be asked about a file that it lists."""
    if (found := by_listing(server, path)) is None:
        raise FileChangedError(f"{path} is not listed.")
    return found


def _dated(folder: str, business_date: date) -> str:
    return re.sub(r"\{date:([^{}]+)\}", lambda match: business_date.strftime(match[1]), folder)


def _free_name(look: Look, target: str, remote: RemoteFile) -> str:
    """The target, or where it is taken a name that only this version of the file has."""
    try:
        look(target)
    except (FileChangedError, RemoteAccessError):  # not there; or its folder is not, which moving makes
        return target
    stem, suffix = posixpath.splitext(target)
    moment = datetime.fromtimestamp(remote.mtime, UTC).strftime("%Y%m%dT%H%M%SZ")
    return f"{stem}.{moment}-{remote.size}{suffix}"
