"""What earlier polls of a feed found out, so that a poll's cost does not grow with what the server keeps.

The ledger has the truth of every version, but to ask it about a hundred thousand each hour costs minutes and money.
So each poll leaves behind which of the versions listed are done with for ever, and which have been seen but may still
be uploading. It is a help only: without it, or with a broken one, the ledger is asked about everything. A small
share is asked about at every poll anyway, so that what somebody changed in the ledger by hand is noticed.

A ledger that was restored to a moment before the memory was made does not know what is done with since. So a memory
keeps when the ledger noted the poll that left it, which the ledger has, or something later, unless it was restored.
"""

import gzip
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from botocore.exceptions import ClientError

from lakeferry.models import FeedItem, RemoteFile, file_id_of
from poll.watch import Watch

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

DIGEST_BYTES = 16
SHARES = 256
"""One of so many versions is asked about again at each poll, another each hour."""
_FORMAT = 1


@dataclass(slots=True)
class Memory:
    """What is known of the versions that the last poll listed.

    Attributes:
        done: Digests of versions that no poll takes any more; when loaded, without the share that the ledger is asked
            about.
        seen: Versions that may not be complete yet, and since when they have been seen so; UTC epoch seconds.
        watch: What polls have left, in a row.
        stored: What S3 has of the three.
        noted_at: When the ledger noted the poll that left it; empty of one from before that was kept.
    """

    done: set[bytes] = field(default_factory=set)
    seen: Mapping[str, float] = field(default_factory=dict)
    watch: Watch = field(default_factory=Watch)
    stored: tuple[frozenset[bytes], Mapping[str, float], Watch] | None = None
    noted_at: str = ""

    @classmethod
    def load(cls, s3: "S3Client", bucket: str, item: FeedItem, share: int) -> Self:
        """An empty one if there is none that can be read.

        Args:
            share: Digests that begin with this byte are left out.
        """
        try:
            body = s3.get_object(Bucket=bucket, Key=_key(item))["Body"].read()
        except ClientError as error:
            if error.response["Error"]["Code"] in {"NoSuchKey", "404"}:
                return cls()
            raise
        try:
            head, _, digests = gzip.decompress(body).partition(b"\n")
            fields = json.loads(head)
            if fields["format"] != _FORMAT or len(digests) % DIGEST_BYTES:
                return cls()
            stored = frozenset(digests[at : at + DIGEST_BYTES] for at in range(0, len(digests), DIGEST_BYTES))
            seen = dict(fields["seen"])
            watch = Watch.of(fields["watch"]) if "watch" in fields else Watch()
            done = {digest for digest in stored if digest[0] != share}
            return cls(done, seen, watch, (stored, seen, watch), str(fields.get("noted_at", "")))
        except (OSError, EOFError, ValueError, KeyError, TypeError):
            return cls()

    def forget_done(self, s3: "S3Client", bucket: str, item: FeedItem) -> None:
        """The ledger is older than the memory, so it is asked about everything.

        Kept at once: a poll that is killed once the ledger has noted it leaves nothing that tells the next one.
        """
        self.done, self.stored, self.noted_at = set(), (frozenset(), self.seen, self.watch), ""
        self._put(s3, bucket, item, "")

    def save(self, s3: "S3Client", bucket: str, item: FeedItem, noted_at: str) -> None:
        """Where the next poll finds it, if it is another than the last one left, or nothing tells when that was.

        Args:
            noted_at: When the ledger noted this poll.
        """
        if self.noted_at and self.stored is not None:
            done, seen, watch = self.stored
            if done == self.done and seen == self.seen and watch == self.watch:
                return
        self._put(s3, bucket, item, noted_at)

    def _put(self, s3: "S3Client", bucket: str, item: FeedItem, noted_at: str) -> None:
        watched = {} if self.watch == Watch() else {"watch": self.watch.to_json()}
        marked = {"noted_at": noted_at} if noted_at else {}
        head = json.dumps({"format": _FORMAT, "seen": dict(self.seen), **watched, **marked}).encode()
        # digests do not compress, names do
        has_names = self.seen or self.watch.stays
        body = gzip.compress(head + b"\n" + b"".join(self.done), compresslevel=1 if has_names else 0)
        s3.put_object(Bucket=bucket, Key=_key(item), Body=body)


def share_at(now: float) -> int:
    """Which share is asked about at that time: hourly, daily and weekly polls come to all of them."""
    hours = int(now // 3600)
    return (hours + hours // 24) % SHARES


def digest_of(remote: RemoteFile) -> bytes:
    """Stands for one version of one file."""
    return _digest(file_id_of(remote.path, remote.size, remote.mtime))


def listed_digest_of(remote: RemoteFile) -> bytes:
    """Stands for all versions of one file that look the same in a listing whose times are not exact."""
    return _digest(f"listed {file_id_of(remote.path, remote.size, remote.listed_mtime or 0)}")


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=DIGEST_BYTES).digest()


def _key(item: FeedItem) -> str:
    return f"polls/{item.tenant}/{item.feed}"
