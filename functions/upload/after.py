"""What happens to the remote file once it is in the lake."""

import posixpath
from collections.abc import Callable
from contextlib import AbstractContextManager

from lakeferry.errors import FileChangedError, LakeferryError
from lakeferry.feeds import Feed
from lakeferry.ledger import Ledger
from lakeferry.models import FileItem
from lakeferry.servers import Server


def finish_remote(
    feed: Feed, item: FileItem, ledger: Ledger, connect: Callable[[], AbstractContextManager[Server]]
) -> str | None:
    """Moves or deletes the remote file, if its feed wants that and it has not been done.

    A failure does not undo the ingest: it is kept in the ledger as `after_error`, and the next run that
    lists the file tries again.

    Returns:
        What went wrong, or None.
    """
    if not ledger.owned(item).get("after_due"):
        return None
    try:
        with connect() as server:
            _act(feed, item, server)
    except FileChangedError:
        pass  # not there any more, or a newer version is: this version needs no action
    except LakeferryError as error:
        ledger.advance(item, after_error=f"{type(error).__name__}: {error}")
        return str(error)
    ledger.advance(item, remove=("after_due", "after_error"))
    return None


def _act(feed: Feed, item: FileItem, server: Server) -> None:
    now = server.stat(item.path)
    if (now.size, now.mtime) != (item.size, item.mtime):
        return
    if feed.files.after.action == "delete":
        server.delete(item.path)
    elif feed.files.after.to is not None:
        server.move(item.path, posixpath.join(feed.files.after.to, item.remote.name))
