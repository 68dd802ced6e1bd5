"""What happens to the remote file once it is in the lake."""

import posixpath
import re
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from datetime import UTC, date, datetime

from lakeferry.errors import FileChangedError, LakeferryError, RemoteAccessError
from lakeferry.feeds import Feed
from lakeferry.feeds.files import companion_of
from lakeferry.file_at_work import FileAtWork
from lakeferry.models import FileItem, RemoteFile
from lakeferry.servers import Server
from lakeferry.servers.unchanged import check_unchanged


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
    after, remote = feed.files.after, item.remote
    check_unchanged(server, remote)
    folder = posixpath.dirname(item.path)
    companions = [posixpath.join(folder, companion_of(template, remote.name)) for template in feed.companions]
    if after.action == "delete":
        server.delete(item.path)
        for companion in companions:
            with suppress(FileChangedError):
                server.delete(companion)
    elif after.to is not None:
        target = _dated(after.to, date.fromisoformat(dt))
        server.move(item.path, _free_name(server, posixpath.join(target, remote.name), remote))
        for companion in companions:
            with suppress(FileChangedError):
                there = server.stat(companion)
                server.move(companion, _free_name(server, posixpath.join(target, there.name), there))


def _dated(folder: str, business_date: date) -> str:
    return re.sub(r"\{date:([^{}]+)\}", lambda match: business_date.strftime(match[1]), folder)


def _free_name(server: Server, target: str, remote: RemoteFile) -> str:
    """The target, or where it is taken a name that only this version of the file has."""
    try:
        server.stat(target)
    except (FileChangedError, RemoteAccessError):  # not there; or its folder is not, which moving makes
        return target
    stem, suffix = posixpath.splitext(target)
    moment = datetime.fromtimestamp(remote.mtime, UTC).strftime("%Y%m%dT%H%M%SZ")
    return f"{stem}.{moment}-{remote.size}{suffix}"
