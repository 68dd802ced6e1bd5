"""Where a check looks: read only, a feed's day at a time, so that memory does not grow with the lake."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from cli.stack import Stack
from lakeferry.errors import FeedInvalidError
from lakeferry.feeds import Feed, parse_feed
from lakeferry.feeds.document import read_document
from lakeferry.lake import file_id_of
from lakeferry.ledger import Ledger
from lakeferry.ledger.queries import feed_documents
from retain.due import dates_under

if TYPE_CHECKING:
    from mypy_boto3_glue import GlueClient
    from mypy_boto3_s3 import S3Client

RAW = "raw/"


@dataclass(frozen=True, slots=True)
class Place:
    """A stack's ledger, lake and catalog.

    Attributes:
        is_running: Whether a run still is.
        tells_times: Whether an object's time is that of its upload; files of a folder may have been copied.
    """

    ledger: Ledger
    s3: "S3Client"
    bucket: str
    glue: "GlueClient"
    database: str
    is_running: Callable[[str], bool]
    tells_times: bool = True

    @classmethod
    def of(cls, stack: Stack) -> "Place":
        # clients first: a lake in a folder makes what they are asked for
        s3, glue = stack.client("s3"), stack.client("glue")
        bucket, database = stack.physical("LakeBucket"), stack.physical("GlueDatabase")
        return cls(stack.ledger, s3, bucket, glue, database, _once(stack.is_running), not stack.is_local)

    def read(self, key: str) -> bytes:
        """A small object of the lake."""
        return self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()

    def file_of(self, key: str) -> str | None:
        """The ledger key that an object says it is of, empty where it says none; None where it is gone by now."""
        try:
            return file_id_of(self.s3.head_object(Bucket=self.bucket, Key=key)["Metadata"])
        except ClientError as error:
            if error.response["Error"]["Code"] in {"404", "NoSuchKey"}:
                return None
            raise

    def is_empty(self, prefix: str) -> bool:
        """Whether there is no object below."""
        return not self.s3.list_objects_v2(Bucket=self.bucket, Prefix=prefix, MaxKeys=1).get("KeyCount")


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a feed as a whole.

    Attributes:
        feed: None where it was deleted, or its document cannot be read.
        state: Its own item in the ledger.
    """

    feed_id: str
    feed: Feed | None
    state: Mapping[str, Any]

    @property
    def folder(self) -> str:
        """Where the raw zone has its days."""
        return f"{RAW}{self.feed_id.replace('/', '_', 1)}/"


def known_of(stack: Stack, place: Place, feed_id: str) -> Known:
    """Reads what there is of a feed."""
    tenant, _, name = feed_id.partition("/")
    document = read_document(stack.feeds, tenant, name)
    try:
        feed = None if document is None else parse_feed(document)
    except FeedInvalidError:
        feed = None
    return Known(feed_id, feed, place.ledger.feeds.get(feed_id))


def feeds_of(stack: Stack, place: Place) -> list[str]:
    """Every feed with a document, and every one with files in the raw zone."""
    found = {f"{document['tenant']}/{document['feed']}" for document in feed_documents(stack.feeds)}
    listing = place.s3.get_paginator("list_objects_v2").paginate(Bucket=place.bucket, Prefix=RAW, Delimiter="/")
    for page in listing:
        for folder in page.get("CommonPrefixes", ()):
            tenant, is_feed, name = folder["Prefix"][len(RAW) : -1].partition("_")  # no tenant has one in its name
            if is_feed:
                found.add(f"{tenant}/{name}")
    return sorted(found)


def raw_days(place: Place, known: Known) -> Iterator[str]:
    """Days of which the raw zone has something."""
    return dates_under(place.s3, place.bucket, known.folder)


def _once(ask: Callable[[str], bool]) -> Callable[[str], bool]:
    answers: dict[str, bool] = {}

    def asked(run: str) -> bool:
        if run not in answers:
            answers[run] = ask(run)
        return answers[run]

    return asked
