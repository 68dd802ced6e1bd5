"""The feed document as a whole: checked when it is written and again when it is read, then frozen.

The contract is `feed_schema.json` (JSON Schema 2020-12) and the rules that a schema cannot say.
"""

import hashlib
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from lakeferry.errors import FeedGoneError, FeedInvalidError
from lakeferry.feeds.bounds import Bounded, BoundsError, cut
from lakeferry.feeds.catalog import CatalogSpec, build_catalog
from lakeferry.feeds.checks import ChecksSpec, build_checks
from lakeferry.feeds.content import build_format
from lakeferry.feeds.decode import DecodeSpec, build_decode
from lakeferry.feeds.files import FilesSpec, build_files
from lakeferry.feeds.notify import NotifySpec, build_notify
from lakeferry.feeds.problems import document_problems, validator
from lakeferry.feeds.retention import RetentionSpec
from lakeferry.feeds.server import build_server
from lakeferry.feeds.sla import SlaSpec, build_sla
from lakeferry.feeds.transform import CurateSpec, TransformSpec, build_transform
from lakeferry.formats import FormatSpec
from lakeferry.servers.spec import ServerSpec

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table


_log = logging.getLogger(__name__)
_TOLD = 5
_MOST_SOUND = 10_000
_sound: set[bytes] = set()
"""Digests of documents that have no problem: a process reads the feed of each batch anew, and most say the same."""


@dataclass(frozen=True, slots=True)
class Feed:
    """One configured FTP location and file pattern of one tenant."""

    tenant: str
    feed: str
    server: ServerSpec
    files: FilesSpec
    format: FormatSpec
    dataset: str
    enabled: bool = True
    schedule: str | None = None
    decode: tuple[str, ...] | None = None
    decode_options: DecodeSpec = field(default_factory=DecodeSpec)
    checks: ChecksSpec = field(default_factory=ChecksSpec)
    sla: SlaSpec | None = None
    transform: TransformSpec = field(default_factory=TransformSpec)
    curate: CurateSpec = field(default_factory=CurateSpec)
    retention: RetentionSpec = field(default_factory=RetentionSpec)
    notify: NotifySpec = field(default_factory=NotifySpec)
    catalog: CatalogSpec = field(default_factory=CatalogSpec)

    @property
    def feed_id(self) -> str:
        return f"{self.tenant}/{self.feed}"

    @property
    def companions(self) -> tuple[str, ...]:
        """Templates of the names of the files that have to be there before one is taken."""
        control = self.checks.control_file
        return self.files.companions if control is None else (*self.files.companions, control.pattern)


def parse_feed(document: Mapping[str, Any]) -> Feed:
    """Checks a feed document and returns its frozen form.

    Raises:
        FeedInvalidError: names every offending JSON path, what is wrong there, and what is expected. Nothing else
            is raised, whatever the document is.
    """
    name = f"{_shown(document, 'tenant')}/{_shown(document, 'feed')}"
    try:
        document = Bounded().copy(document)
        problems = _problems(document)
        if not problems:
            return _build(document)
    except BoundsError as error:
        problems = [str(error)]
    except Exception as error:
        # a rule that the schema and the sections' own checks do not have yet: the feed's fault all the same, and
        # nobody else's trouble. What it was stands in the log
        _log.exception("feed document of %s cannot be read", name)
        raise FeedInvalidError(
            f"feed document of {name} cannot be read: {type(error).__name__}, {cut(str(error))}. Take back the last "
            "change and run `./lakeferry feeds put` again."
        ) from error
    more = len(problems) - _TOLD
    raise FeedInvalidError(
        f"feed document of {name} is not valid: {'; '.join(map(cut, problems[:_TOLD]))}"
        f"{f' (and {more} more)' if more > 0 else ''}. "
        "Correct the feed document and run `./lakeferry feeds put` again."
    )


def _problems(document: Mapping[str, Any]) -> list[str]:
    """A sound document is checked once a process: the answer rests on nothing but what the document says."""
    digest = hashlib.sha256(json.dumps(document).encode()).digest()
    if digest in _sound:
        return []
    problems = [str(problem) for problem in document_problems(document)]
    if not problems:
        if len(_sound) >= _MOST_SOUND:
            _sound.clear()
        _sound.add(digest)
    return problems


def _shown(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name, "?")
    return cut(value, 60).encode("utf-8", "replace").decode() if isinstance(value, str) else "?"


def _build(document: Mapping[str, Any]) -> Feed:
    decode = document.get("decode")
    return Feed(
        tenant=document["tenant"],
        feed=document["feed"],
        enabled=document.get("enabled", True),
        schedule=document.get("schedule"),
        server=build_server(document["server"]),
        files=build_files(document["files"]),
        decode=None if decode is None else tuple(decode),
        decode_options=build_decode(document.get("decode_options", {})),
        format=build_format(document["format"]),
        checks=build_checks(document.get("checks", {})),
        sla=build_sla(document["sla"]) if "sla" in document else None,
        dataset=document["dataset"],
        transform=build_transform(document.get("transform", {})),
        curate=CurateSpec(**document.get("curate", {})),
        retention=RetentionSpec(**document.get("retention", {})),
        notify=build_notify(document.get("notify", {})),
        catalog=build_catalog(document.get("catalog", {})),
    )


def is_address(text: str) -> bool:
    """Whether `notify.emails` takes it."""
    whole = validator()
    emails = whole.schema["properties"]["notify"]["properties"]["emails"]  # type: ignore[index]
    return bool(whole.evolve(schema=emails["items"]).is_valid(text))


def load_feed(table: "Table", tenant: str, feed: str) -> Feed:
    """Reads a feed's document and checks it.

    Raises:
        FeedGoneError: there is no such document.
        FeedInvalidError: it breaks its contract.
    """
    return found_feed(table, tenant, feed, read_document(table, tenant, feed))


def read_document(table: "Table", tenant: str, feed: str) -> Mapping[str, Any] | None:
    """A feed's document, valid or not, read consistently."""
    return table.get_item(Key={"tenant": tenant, "feed": feed}, ConsistentRead=True).get("Item")


def found_feed(table: "Table", tenant: str, feed: str, document: Mapping[str, Any] | None) -> Feed:
    """Checks what `read_document` found.

    Raises:
        FeedGoneError: there is no such document.
        FeedInvalidError: it breaks its contract.
    """
    if document is None:
        raise FeedGoneError(
            f"feed {tenant}/{feed} has no document in table {table.name}: it was deleted, or never put."
        )
    return parse_feed(document)


def put_feed(table: "Table", document: Mapping[str, Any], admit: Callable[[Feed], object] | None = None) -> Feed:
    """Checks a document and writes it, so that only valid ones get in.

    Args:
        admit: Called in between, with the feed; where it raises, nothing is written.

    Raises:
        FeedInvalidError: it breaks its contract; nothing was written.
    """
    feed = parse_feed(document)
    if admit is not None:
        admit(feed)
    # DynamoDB takes no floats: numbers pass through their text
    table.put_item(Item=json.loads(json.dumps(document), parse_float=Decimal))
    return feed
