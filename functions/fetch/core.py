"""Bytes from the server into the inbox, in parts that a later call can go on from."""

from collections.abc import Callable
from typing import Any

from fetch import verify
from fetch.changed import Connect, grew, note_what_came, what_it_means
from fetch.control_file import keep_control_file
from fetch.copying import RESERVE_SECONDS, Copying, Remaining, complete, resume
from fetch.verify import Expected
from lakeferry.aws.tables import utc_now
from lakeferry.errors import (
    ConnectionsBusyError,
    FileChangedError,
    FileRejectedError,
    ServerUnavailableError,
    TransferInterruptedError,
)
from lakeferry.file_at_work import FileAtWork
from lakeferry.lake import (
    ONE_CALL,
    abort_upload,
    is_there,
    put,
)
from lakeferry.ledger import LANDED, Entry
from lakeferry.servers.unchanged import check_unchanged, read_listed


def fetch(work: FileAtWork, connect: Connect, remaining_seconds: Remaining) -> dict[str, Any]:
    """Copies the file to the inbox, going on from the parts S3 already has.

    Returns:
        `done` and `bytes` (in the inbox so far). Not done: the time is nearly out, or all
        connections to the server are taken; call again.
    """
    try:
        return bring(work, connect, remaining_seconds)()
    except ConnectionsBusyError:  # only a matter of patience
        return {"done": False, "bytes": work.item.size if _is_in_inbox(work) else 0}


def bring(work: FileAtWork, connect: Connect, remaining_seconds: Remaining) -> Callable[[], dict[str, Any]]:
    """All of the fetch that needs the server.

    Returns:
        The rest, which answers as `fetch` does; so the next file's bytes come while this one's are put away.

    Raises:
        ConnectionsBusyError: all connections to the server are taken.
    """
    item, entry = work.item, work.entry
    if entry["status"] != "CLAIMED":
        return lambda: {"done": True, "bytes": item.size}
    _check_wanted(work)
    keep_control_file(work, connect)
    # an upload that an earlier call began is gone on with, whatever its size
    if item.size <= ONE_CALL and "inbox_upload_id" not in entry:
        return _bring_small(work, connect, remaining_seconds)
    answer = _fetch_parts(work, connect, remaining_seconds)
    return lambda: answer


def _bring_small(work: FileAtWork, connect: Connect, remaining_seconds: Remaining) -> Callable[[], dict[str, Any]]:
    """A file that S3 takes in one call: all of it is here before any of it is there."""
    item, data = work.item, bytearray()

    def sink(view: memoryview) -> bool:
        data.extend(view[: item.size - len(data) + 1])
        return len(data) <= item.size and remaining_seconds() > RESERVE_SECONDS

    try:
        with connect() as server:
            check_unchanged(server, item.remote)
            read_listed(server, item.remote, 0, sink)
            if len(data) >= item.size:
                check_unchanged(server, item.remote, was_read=True)
            if len(data) < item.size:
                raise TransferInterruptedError(
                    f"{item.path} ended after {len(data)} of {item.size} bytes; the transfer is tried again."
                )
            if len(data) > item.size:
                raise grew(item)
            expected = verify.ask(work.feed, item, server, max(1.0, remaining_seconds() - RESERVE_SECONDS))
    except FileChangedError as error:
        if not work.entry.get("refetch") and _is_in_inbox(work):  # by a call whose answer got lost
            return lambda: _fetched(work, None)
        raise what_it_means(work, error, connect, len(data)) from error
    except (ServerUnavailableError, TransferInterruptedError):
        if data and len(data) == item.size:  # a server that gives a file once has no more of it: the next call finds it
            put(work.s3, work.settings.inbox_bucket, work.inbox_key, data, work.metadata)
        else:
            note_what_came(work, len(data))
        raise

    def put_away() -> dict[str, Any]:
        if expected is not None and (found := expected.checksum_of(data)) != expected.checksum.value:
            verify.refuse(work, expected, found)
        put(work.s3, work.settings.inbox_bucket, work.inbox_key, data, work.metadata)
        return _fetched(work, expected)

    return put_away


def _fetch_parts(work: FileAtWork, connect: Connect, remaining_seconds: Remaining) -> dict[str, Any]:
    """A file in parts, which a later call can go on from."""
    item, entry, s3, bucket = work.item, work.entry, work.s3, work.settings.inbox_bucket
    copying = Copying(work, connect, remaining_seconds)
    # a key belongs to one version: an object of full size there was completed by a call whose answer got lost
    if not entry.get("refetch") and _is_in_inbox(work):
        expected = copying.ask()
    else:
        upload, parts = resume(work)
        try:
            offset, expected = copying.copy(upload, parts)
        except FileChangedError as error:
            meant = what_it_means(work, error, connect, copying.came)
            if not meant.retryable or not parts:  # what came may be gone on with, should the file come back
                abort_upload(s3, upload)
            raise meant from error
        except FileRejectedError:
            abort_upload(s3, upload)
            raise
        except (ServerUnavailableError, TransferInterruptedError):
            note_what_came(work, copying.came)
            raise
        if offset < item.size:
            return {"done": False, "bytes": offset}
        complete(work, upload)
        if entry.get("refetch"):  # done: a further call only compares the checksum
            work.advance(remove=("refetch",))
    if expected is not None:
        found = verify.digest(expected, s3, bucket, work.inbox_key, lambda: remaining_seconds() > RESERVE_SECONDS)
        if found is None and copying.has_copied:
            return {"done": False, "bytes": item.size}  # the next call has all its time for it
        if found is None:
            expected = None
        elif found != expected.checksum.value:
            verify.refuse(work, expected, found)
    return _fetched(work, expected)


def _fetched(work: FileAtWork, expected: Expected | None) -> dict[str, Any]:
    size = work.item.size
    values: dict[str, Any] = {"status": "FETCHED", "inbox_key": work.inbox_key, "bytes_fetched": size}
    if expected is not None:
        values["verified_by"] = f"{expected.checksum.algorithm} of {expected.source}"
    work.advance(**values, fetched_at=utc_now(), remove=("inbox_upload_id", "wrong_checksum", "refetch", "bytes_came"))
    return {"done": True, "bytes": size}


def _is_in_inbox(work: FileAtWork) -> bool:
    return is_there(work.s3, work.settings.inbox_bucket, work.inbox_key, work.item.size, work.metadata)


def _check_wanted(work: FileAtWork) -> None:
    feed, item = work.feed, work.item
    size = feed.files.size
    if item.size < size.min_bytes:
        raise FileRejectedError(
            f"{item.path} has {item.size} bytes; the feed takes files from {size.min_bytes} bytes on. "
            "Ask the partner to deliver it again, or lower files.size.min_bytes."
        )
    if size.max_bytes is not None and item.size > size.max_bytes:
        raise FileRejectedError(
            f"{item.path} has {item.size} bytes; the feed takes at most {size.max_bytes}. "
            "Ask the partner, or raise files.size.max_bytes."
        )
    if feed.files.on_redelivery != "replace":
        for other in work.ledger.versions(item.feed_id, item.path):
            if other["file_id"] != item.file_id and other["status"] in LANDED:
                _check_redelivery(work, other)


def _check_redelivery(work: FileAtWork, other: Entry) -> None:
    item, how = work.item, work.feed.files.on_redelivery
    if how == "newer" and other["mtime"] <= item.mtime:
        return
    before = f"{item.path} was ingested before ({other['size']} bytes, {other['uploaded_at']})"
    if how == "newer":
        raise FileRejectedError(
            f"{before} with a later time of its own, and the feed takes none that is older than what it has. Set "
            "files.on_redelivery to replace to take it, or ask the partner which one is right."
        )
    raise FileRejectedError(
        f"{before} and the feed rejects redeliveries. Set files.on_redelivery to replace to take the new version."
    )
