"""Whether the bytes in the inbox are those that the server, or a file beside them, has told the checksum of.

They are read back from the inbox, where all of them are whatever the number of calls that it took to bring them there.
"""

import posixpath
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from fetch.checksum_file import parse_checksum_file
from lakeferry.errors import FileChangedError, FileRejectedError, TransferInterruptedError
from lakeferry.feeds import Feed
from lakeferry.file_at_work import FileAtWork
from lakeferry.models import FileItem
from lakeferry.servers import Server
from lakeferry.servers.checksums import Checksum, new_hash
from lakeferry.servers.unchanged import by_listing

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

CHUNK_BYTES = 1024 * 1024
LARGEST_CHECKSUM_FILE = 64 * 1024


@dataclass(frozen=True, slots=True)
class Expected:
    """What the bytes have to come to, and who says so."""

    checksum: Checksum
    source: str

    def checksum_of(self, data: bytes | bytearray) -> str:
        """What these bytes come to."""
        hashed = new_hash(self.checksum.algorithm)
        hashed.update(data)  # type: ignore[arg-type]  # any buffer does
        return hashed.hexdigest()


def is_wanted(feed: Feed) -> bool:
    """Whether there is anything to be asked."""
    return feed.files.checksum_file is not None or feed.files.verify_checksum


def ask(feed: Feed, item: FileItem, server: Server, seconds: float) -> Expected | None:
    """The checksum from the file beside the file if the feed names one, else from the server.

    All bytes have come: where both files are gone by now, there is no other word than the listing's.

    Args:
        seconds: How long the server may compute.

    Raises:
        FileRejectedError: the file beside it has none that can be compared.
        FileChangedError: that file is not there any more, and the file itself is.
        TransferInterruptedError: the connection broke.
    """
    if feed.files.checksum_file is not None:
        try:
            return _of_file(feed.files.checksum_file, item, server)
        except FileChangedError:
            if by_listing(server, item.path) is not None:
                raise
            return None
    if not feed.files.verify_checksum:
        return None
    told = server.checksum(item.path, seconds)
    return None if told is None else Expected(told, "the server")


def _of_file(template: str, item: FileItem, server: Server) -> Expected:
    path = posixpath.join(posixpath.dirname(item.path), template.replace("{name}", item.remote.name))
    data = bytearray()

    def keep(view: memoryview) -> bool:
        data.extend(view)
        return len(data) <= LARGEST_CHECKSUM_FILE

    server.read(path, 0, keep)
    checksum = parse_checksum_file(bytes(data), item.remote.name) if len(data) <= LARGEST_CHECKSUM_FILE else None
    if checksum is None:
        raise FileRejectedError(
            f"{item.path}: {path} has no checksum of it that can be read ({bytes(data[:80])!r}). It must be SHA-256, "
            "SHA-512, SHA-384, SHA-1, MD5 or CRC-32 in hexadecimal digits, alone or as sha256sum writes it. Ask the "
            "partner to deliver both files again."
        )
    return Expected(checksum, path)


def digest(expected: Expected, s3: "S3Client", bucket: str, key: str, has_time: Callable[[], bool]) -> str | None:
    """What the inbox object comes to; None when time is up before its end."""
    hashed = new_hash(expected.checksum.algorithm)
    with s3.get_object(Bucket=bucket, Key=key)["Body"] as body:
        while data := body.read(CHUNK_BYTES):
            hashed.update(data)
            if not has_time():
                return None
    return hashed.hexdigest()


def refuse(work: FileAtWork, expected: Expected, found: str) -> NoReturn:
    """Drops the bytes; what was the same when it was fetched before is no matter of the line.

    Raises:
        TransferInterruptedError: it is to be fetched again.
        FileRejectedError: it has been, and was the same.
    """
    item, told = work.item, f"{expected.checksum.algorithm}:{found}"
    before = work.entry.get("wrong_checksum")
    # the object first: without it a call that comes after a lost answer fetches anew
    work.s3.delete_object(Bucket=work.settings.inbox_bucket, Key=work.inbox_key)
    work.advance(wrong_checksum=told, remove=("inbox_key", "inbox_upload_id"))
    what = (
        f"{item.path}: the {expected.checksum.algorithm} of what was fetched is {found}, and {expected.source} tells "
        f"{expected.checksum.value}"
    )
    if before == told:
        raise FileRejectedError(
            f"{what}. It was fetched twice with the same result, so the network is not the cause. Ask the "
            "partner to deliver it again; if the checksum is what is wrong, switch the comparison off "
            "(files.verify_checksum, files.checksum_file) and reprocess the file."
        )
    raise TransferInterruptedError(f"{what}. Nothing of it is kept, and it is fetched again.")
