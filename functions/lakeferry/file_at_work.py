"""One file in the hands of a stage: all that the stage's parts need to know of it, and the clients to act with."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lakeferry.feeds import Feed
from lakeferry.lake import file_metadata, inbox_key
from lakeferry.ledger import Entry, Ledger
from lakeferry.models import FileItem, RemoteFile
from lakeferry.settings import Settings
from lakeferry.waiting import Waiting

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@dataclass(frozen=True, slots=True)
class FileAtWork:
    """One file that a run owns.

    Attributes:
        entry: What the ledger had of it when the stage began; writes depend on its status being the same still.
    """

    feed: Feed
    item: FileItem
    entry: Entry
    ledger: Ledger
    s3: "S3Client"
    settings: Settings

    @property
    def remote(self) -> RemoteFile:
        return self.item.remote

    @property
    def dt(self) -> str:
        """Business date, `YYYY-MM-DD`."""
        return str(self.entry["dt"])

    @property
    def status(self) -> str:
        return str(self.entry["status"])

    @property
    def metadata(self) -> dict[str, str]:
        """Of each object that is made of the file."""
        return file_metadata(self.item.feed_id, self.item.file_id)

    @property
    def inbox_key(self) -> str:
        return inbox_key(self.feed, self.remote)

    @property
    def waiting(self) -> Waiting:
        return Waiting(self.s3, self.settings, self.metadata)

    def advance(self, *, remove: Sequence[str] = (), **values: Any) -> None:  # noqa: ANN401
        """Writes attributes of the file; see `Ledger.advance`."""
        self.ledger.advance(self.item, was=self.status, remove=remove, **values)


def file_at_work(feed: Feed, item: FileItem, ledger: Ledger, s3: "S3Client", settings: Settings) -> FileAtWork:
    """One file alone.

    Raises:
        ClaimLostError: another run owns it.
    """
    return FileAtWork(feed, item, ledger.owned(item), ledger, s3, settings)
