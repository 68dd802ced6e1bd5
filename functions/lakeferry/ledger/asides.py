"""Feeds that are set aside: what could not be done for them, with which document, and whether that was told.

An item each beside the files' items. It stays until the document is another, so what lasts is told once.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from boto3.dynamodb.conditions import Key
from botocore.exceptions import ClientError

from lakeferry.aws.tables import is_condition, pages, update, utc_now
from lakeferry.feeds.fingerprint import fingerprint_of
from lakeferry.models import key_path

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

ASIDES = "!aside"
"""Partition key of these items, which are no files."""
CURATE = "curate"
"""What the Glue job could not do: its files wait, off the work list, and Reconcile tells."""
ADDRESSES = "address"
"""Mail addresses that the operator has not approved; forgotten when they are."""
DELIVER = "deliver "
"""What begins so is a channel that could not be notified; the rest is the field of its URL."""
_LONGEST = 4_000
"""Characters of a cause."""


@dataclass(frozen=True, slots=True)
class Aside:
    """One feed for which one thing could not be done.

    Attributes:
        what: `curate`, `address`, a channel (`DELIVER`), or the function that could not serve the feed.
        fingerprint: Of the document it was tried with (`fingerprint_of`), and of who may write to its dataset where
            that is the trouble (`datasets.tried_with`).
        partitions: Of `curate`, how many; none where single files were left out.
        files: Of `curate`, how many were left out of days that were curated without them.
        told: By whom people were told, a run's ARN or a call's id; empty where nobody was.
        noted_at: When it last failed. ISO 8601 UTC.
    """

    feed_id: str
    what: str
    fingerprint: str
    error: str
    cause: str
    since: str
    partitions: int = 0
    files: int = 0
    told: str = ""
    noted_at: str = ""

    @classmethod
    def from_item(cls, item: dict[str, Any]) -> Self:
        what = item["file_id"].partition("#")[0]
        names = ("fingerprint", "error", "cause", "since", "partitions", "files", "told", "noted_at")
        return cls(feed_id=item["of"], what=what, **{name: item[name] for name in names if name in item})


class Asides:
    """Reads and writes them in one ledger table."""

    def __init__(self, table: "Table") -> None:
        self._table = table

    def __iter__(self) -> Iterator[Aside]:
        return iter(self.of(""))

    def of(self, what: str) -> list[Aside]:
        """Those of one kind, read consistently; of all where it is empty."""
        condition = Key("feed_id").eq(ASIDES)
        if what:
            condition &= Key("file_id").begins_with(f"{what}#")  # type: ignore[assignment]
        found = pages(self._table.query, KeyConditionExpression=condition, ConsistentRead=True)
        return [Aside.from_item(item) for item in found]

    def note(
        self,
        feed_id: str,
        what: str,
        *,
        fingerprint: str,
        error: str,
        cause: str,
        partitions: int = 0,
        files: int = 0,
    ) -> None:
        """Keeps that it could not be done; the same trouble with the same document stays as told as it is."""
        key = _key(what, feed_id)
        facts = {"cause": cause[:_LONGEST], "partitions": partitions, "files": files, "noted_at": utc_now()}
        try:
            update(
                self._table,
                key,
                facts,
                condition="#fingerprint = :fingerprint AND #error = :error",
                names={"#fingerprint": "fingerprint", "#error": "error"},
                expected={":fingerprint": fingerprint, ":error": error},
            )
        except ClientError as refused:
            if not is_condition(refused):
                raise
            facts |= {"of": feed_id, "fingerprint": fingerprint, "error": error, "since": utc_now()}
            update(self._table, key, facts, remove=("told",))

    def note_document(self, what: str, document: Mapping[str, Any], error: Exception) -> None:
        """Keeps that a function could not serve the feed of a document, valid or not."""
        feed_id = f"{document.get('tenant')}/{document.get('feed')}"
        self.note(
            feed_id,
            what,
            fingerprint=fingerprint_of(document),
            error=type(error).__name__,
            cause=str(error) or "none given",
        )

    def claim(self, aside: Aside, by: str) -> bool:
        """Whether `by` is to tell it; who asks again gets the same answer."""
        return self._changed(aside, {"told": by}, "attribute_not_exists(#told) OR #told = :by", {":by": by})

    def give_back(self, aside: Aside, by: str) -> None:
        """What `by` claimed and could not tell is to be told yet."""
        self._changed(aside, {}, "#told = :by", {":by": by}, remove=("told",))

    def reopen(self, aside: Aside) -> None:
        """It is tried again by a person: if it fails as before, that is news."""
        self._changed(aside, {"fingerprint": ""}, "attribute_exists(feed_id)", {})

    def clear(self, aside: Aside) -> None:
        """It is over, unless it was noted anew with another document."""
        self._delete(aside.what, aside.feed_id, aside.fingerprint)

    def clear_document(self, what: str, document: Mapping[str, Any]) -> None:
        """What could not be done with this document was done with it."""
        self._delete(what, f"{document.get('tenant')}/{document.get('feed')}", fingerprint_of(document))

    def _delete(self, what: str, feed_id: str, fingerprint: str) -> None:
        try:
            self._table.delete_item(
                Key=dict(zip(("feed_id", "file_id"), _key(what, feed_id), strict=True)),
                ConditionExpression="fingerprint = :fingerprint",
                ExpressionAttributeValues={":fingerprint": fingerprint},
            )
        except ClientError as error:
            if not is_condition(error):
                raise

    def _changed(
        self,
        aside: Aside,
        values: dict[str, Any],
        condition: str,
        expected: dict[str, Any],
        remove: tuple[str, ...] = (),
    ) -> bool:
        try:
            update(
                self._table,
                _key(aside.what, aside.feed_id),
                values,
                remove=remove,
                condition=f"attribute_exists(fingerprint) AND ({condition})",
                names={"#told": "told"},
                expected=expected,
            )
        except ClientError as error:
            if is_condition(error):
                return False
            raise
        return True


def _key(what: str, feed_id: str) -> tuple[str, str]:
    # a name written past `feeds put` may be as long as the feeds table's keys take
    return ASIDES, f"{what}#{key_path(feed_id)}"
