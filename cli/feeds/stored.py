"""Feed documents of a stack, and those that came before."""

import getpass
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cli.names import feed_of
from cli.problems import NothingMatchedError
from cli.stack import Stack
from lakeferry.aws.items import plain
from lakeferry.feeds.document import read_document
from lakeferry.ledger.documents import Documents, Version


@dataclass(frozen=True, slots=True)
class Stored:
    """Reads and changes the documents of one stack; each change keeps what was there before."""

    stack: Stack

    @property
    def kept(self) -> Documents:
        return Documents(self.stack.ledger.table)

    def find(self, feed_id: str) -> dict[str, Any] | None:
        """The document, valid or not; None where there is none."""
        tenant, _, feed = feed_id.partition("/")
        found = read_document(self.stack.feeds, tenant, feed)
        return None if found is None else dict(plain(found))

    def get(self, name: str) -> tuple[str, dict[str, Any]]:
        """A feed's id and document.

        Raises:
            NothingMatchedError: there is none; where one was deleted it says how it comes back.
        """
        feed_id = name
        if "/" not in name or self.find(name) is None:
            if self.kept.versions(name):
                raise NothingMatchedError(
                    f"feed {name} was deleted; it comes back with: lakeferry feeds history {name} --restore 1"
                )
            feed_id = feed_of(self.stack, name)
        document = self.find(feed_id)
        if document is None:
            raise NothingMatchedError(f"feed {feed_id} has files in the ledger and no document: put one.")
        return feed_id, document

    def keep(self, feed_id: str, document: Mapping[str, Any] | None, why: str) -> None:
        """Before a change: keeps what is there."""
        if document is not None:
            self.kept.keep(feed_id, document, by=_user(), why=why)

    def set_enabled(self, feed_id: str, document: Mapping[str, Any], *, is_enabled: bool) -> None:
        """Changes that setting alone: a document this version refuses can be disabled, too."""
        self.keep(feed_id, document, "enable" if is_enabled else "disable")
        tenant, _, feed = feed_id.partition("/")
        self.stack.feeds.update_item(
            Key={"tenant": tenant, "feed": feed},
            UpdateExpression="SET #enabled = :enabled",
            ExpressionAttributeNames={"#enabled": "enabled"},
            ExpressionAttributeValues={":enabled": is_enabled},
        )

    def delete(self, feed_id: str, document: Mapping[str, Any]) -> None:
        """Removes the document; the ledger and the lake keep what they have."""
        self.keep(feed_id, document, "delete")
        tenant, _, feed = feed_id.partition("/")
        self.stack.feeds.delete_item(Key={"tenant": tenant, "feed": feed})

    def versions(self, feed_id: str) -> list[Version]:
        """What came before, the newest first."""
        return self.kept.versions(feed_id)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return "unknown"
