"""The feed document: its contract, and the frozen form the rest of the code reads.

A document is checked when it is written and again when it is read, against `feed_schema.json`
(JSON Schema 2020-12) and against the rules that a schema cannot say.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from lakeferry.errors import FeedInvalidError

if TYPE_CHECKING:
    from jsonschema.protocols import Validator
    from mypy_boto3_dynamodb.service_resource import Table

DEFAULT_PORTS = {"sftp": 22, "ftp": 21, "ftps": 21, "ftps_implicit": 990}


@dataclass(frozen=True, slots=True)
class AlgorithmsSpec:
    """SSH algorithms to offer, best first, for a server that does not know today's; an empty list offers those.

    Attributes:
        host_keys: Of the server's signature; `user_keys` of ours, which matters for RSA only.
    """

    key_exchange: tuple[str, ...] = ()
    ciphers: tuple[str, ...] = ()
    macs: tuple[str, ...] = ()
    host_keys: tuple[str, ...] = ()
    user_keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ServerSpec:
    """Where the files are, and how to get in.

    Attributes:
        ca_bundle: PEM text of the authorities that may sign a TLS server's certificate; absent: the system's.
        encoding: Of file names on the server.
    """

    protocol: str
    host: str
    port: int
    username: str
    secret: str | None = None
    host_keys: tuple[str, ...] = ()
    allow_plaintext: bool = False
    ca_bundle: str | None = None
    max_connections: int = 4
    connect_timeout_seconds: float = 20
    read_timeout_seconds: float = 60
    timezone: str = "UTC"
    encoding: str = "utf-8"
    algorithms: AlgorithmsSpec = field(default_factory=AlgorithmsSpec)


@dataclass(frozen=True, slots=True)
class SizeSpec:
    """Bytes a remote file may have.

    Attributes:
        zero_bytes: `reject` an empty file that `min_bytes` does not allow, or `ignore` it.
    """

    min_bytes: int = 1
    max_bytes: int | None = None
    zero_bytes: str = "reject"


@dataclass(frozen=True, slots=True)
class AfterSpec:
    """What happens to the remote file once it is in the lake.

    Attributes:
        to: Directory it is moved to; may have `{date:...}`, its business date, in it.
    """

    action: str = "keep"
    to: str | None = None


@dataclass(frozen=True, slots=True)
class FilesSpec:
    """Which files of the server are this feed's.

    Attributes:
        regex: In place of `pattern`; a group `date` is read with `date_format`.
        exclude: Globs of names that are never taken: those that servers and clients give to half a file.
        marker: Name of the empty file that says that `{name}` is complete.
        same_content: `skip` a version whose bytes are those of one that was ingested from the same path.
        verify_checksum: Compare with the server's own checksum, where it can tell one.
    """

    directory: str
    pattern: str | None = None
    regex: str | None = None
    date_format: str | None = None
    exclude: tuple[str, ...] = ("*.part", "*.partial", "*.filepart", "*.tmp", ".in.*")
    marker: str | None = None
    recursive: bool = False
    settle_seconds: int | None = None
    same_content: str = "take"
    verify_checksum: bool = True
    size: SizeSpec = field(default_factory=SizeSpec)
    on_redelivery: str = "replace"
    max_files_per_run: int = 10_000
    after: AfterSpec = field(default_factory=AfterSpec)

    @property
    def settled_after(self) -> int:
        """Seconds for which a file must have been seen unchanged."""
        if self.settle_seconds is None:
            return 60 if self.marker is None else 0
        return self.settle_seconds


@dataclass(frozen=True, slots=True)
class FormatSpec:
    """How the decoded bytes are to be read."""

    type: str = "csv"
    delimiter: str = ","
    quote: str = '"'
    header: bool = True
    encoding: str = "utf-8"


@dataclass(frozen=True, slots=True)
class RowsSpec:
    """Data rows a file may have, the header not counted."""

    min: int = 0
    max: int | None = None


@dataclass(frozen=True, slots=True)
class ColumnSpec:
    """One declared column."""

    name: str
    type: str
    format: str | None = None
    timezone: str = "UTC"


@dataclass(frozen=True, slots=True)
class ChecksSpec:
    """What a file must fulfil before it may become visible."""

    rows: RowsSpec = field(default_factory=RowsSpec)
    columns: tuple[ColumnSpec, ...] = ()


@dataclass(frozen=True, slots=True)
class RuleSpec:
    """A named condition every curated row fulfils; `action` says what happens to one that does not."""

    name: str
    expression: str
    action: str


@dataclass(frozen=True, slots=True)
class EnrichSpec:
    """Columns taken over from a reference table.

    Attributes:
        on: The feed's column that has the key.
        key: The reference table's column for it; the same name when absent.
        missing: What happens to a row whose key is not there: `keep` (null), `drop`, `quarantine` or `fail`.
    """

    reference: str
    on: str
    columns: tuple[str, ...]
    key: str | None = None
    missing: str = "keep"


@dataclass(frozen=True, slots=True)
class DeduplicateSpec:
    """One row a key and partition is kept: the first by `order_by`, such as `sold_at desc`."""

    keys: tuple[str, ...]
    order_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TransformSpec:
    """What the Glue job does to the rows.

    Attributes:
        protect: Column → `hash`, `mask` or `drop`.
        rename: Column → its name in the curated table.
        target_file_mb: MiB a Parquet file should have.
    """

    filter: str | None = None
    enrich: tuple[EnrichSpec, ...] = ()
    derive: Mapping[str, str] = field(default_factory=dict)
    rules: tuple[RuleSpec, ...] = ()
    deduplicate: DeduplicateSpec | None = None
    protect: Mapping[str, str] = field(default_factory=dict)
    rename: Mapping[str, str] = field(default_factory=dict)
    compression: str = "zstd"
    target_file_mb: int = 256


@dataclass(frozen=True, slots=True)
class NotifySpec:
    """Who gets mails about this feed."""

    emails: tuple[str, ...] = ()


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
    checks: ChecksSpec = field(default_factory=ChecksSpec)
    transform: TransformSpec = field(default_factory=TransformSpec)
    notify: NotifySpec = field(default_factory=NotifySpec)

    @property
    def feed_id(self) -> str:
        return f"{self.tenant}/{self.feed}"


@cache
def _validator() -> "Validator":
    # imported late: Spark's executors and the CLI's help do not need it
    from jsonschema import Draft202012Validator

    text = resources.files("lakeferry").joinpath("feed_schema.json").read_text("utf-8")
    return Draft202012Validator(json.loads(text))


def plain(value: Any) -> Any:  # noqa: ANN401  (any JSON value)
    """A DynamoDB item as plain JSON: its `Decimal` numbers become int or float, sets become lists."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    return value


def parse_feed(document: Mapping[str, Any]) -> Feed:
    """Checks a feed document and returns its frozen form.

    Raises:
        FeedInvalidError: names every offending JSON path, what is wrong there, and what is expected.
    """
    document = plain(document)
    name = f"{document.get('tenant', '?')}/{document.get('feed', '?')}"
    problems = [
        f"{error.json_path}: {error.message}"
        for error in sorted(_validator().iter_errors(document), key=lambda e: e.json_path)
    ]
    if not problems:
        problems = list(_semantic_problems(document))
    if problems:
        raise FeedInvalidError(
            f"feed document of {name} is not valid: {'; '.join(problems[:5])}"
            f"{f' (and {len(problems) - 5} more)' if len(problems) > 5 else ''}. "
            "Mend the document and put it again."
        )
    return _build(document)


_RULES_OF_THE_JOB = {"filter", "malformed", "duplicate"}
_DATASETS_OF_THE_JOB = {"fallout", "quality"}


def _semantic_problems(document: Mapping[str, Any]) -> Iterator[str]:
    server, files = document["server"], document["files"]
    if server["protocol"] == "sftp" and not server.get("host_keys"):
        yield "$.server.host_keys: sftp needs the server's pinned host key (`ssh-keyscan`, checked with the partner)"
    if server["protocol"] == "ftp" and not server.get("allow_plaintext"):
        yield "$.server.allow_plaintext: ftp sends password and data unencrypted; set it to true if that is wanted"
    secret = server.get("secret")
    if secret is not None and not secret.startswith(f"lakeferry/{document['tenant']}/"):
        yield f"$.server.secret: must begin with lakeferry/{document['tenant']}/ (a tenant reads its own secrets only)"
    yield from _name_problems(files)
    size = files.get("size", {})
    if size.get("max_bytes") is not None and size["max_bytes"] < size.get("min_bytes", 1):
        yield "$.files.size: max_bytes is below min_bytes"
    rows = document.get("checks", {}).get("rows", {})
    if rows.get("max") is not None and rows["max"] < rows.get("min", 0):
        yield "$.checks.rows: max is below min"
    names = [column["name"].lower() for column in document.get("checks", {}).get("columns", [])]
    for repeated in sorted({name for name in names if names.count(name) > 1}):
        yield f"$.checks.columns: {repeated!r} is declared more than once"
    rules = [rule["name"] for rule in document.get("transform", {}).get("rules", [])]
    for repeated in sorted({name for name in rules if rules.count(name) > 1} | (_RULES_OF_THE_JOB & set(rules))):
        yield f"$.transform.rules: the rule name {repeated!r} is taken"
    dataset = document["dataset"]
    if dataset in _DATASETS_OF_THE_JOB or dataset.startswith("raw_"):
        yield f"$.dataset: {dataset!r} is taken: fallout, quality and raw_* are tables of Lakeferry's own"
    if not document["format"].get("header", True) and not names:
        yield "$.checks.columns: a file without a header needs its columns declared"
    zones = [("$.server.timezone", server.get("timezone", "UTC"))]
    zones += [
        (f"$.checks.columns[{index}].timezone", column.get("timezone", "UTC"))
        for index, column in enumerate(document.get("checks", {}).get("columns", []))
    ]
    for path, zone in zones:
        try:
            ZoneInfo(zone)
        except (KeyError, ValueError):
            yield f"{path}: {zone!r} is not a time zone of the IANA database"
    for path, encoding in (
        ("$.server.encoding", server.get("encoding", "utf-8")),
        ("$.format.encoding", document["format"].get("encoding", "utf-8")),
    ):
        try:
            "".encode(encoding)
        except LookupError:
            yield f"{path}: {encoding!r} is not an encoding Python knows"


def _name_problems(files: Mapping[str, Any]) -> Iterator[str]:
    pattern = files.get("pattern", "")
    dates = re.findall(r"\{date:[^{}]+\}", pattern)
    if len(dates) > 1:
        yield "$.files.pattern: only one {date:...} is allowed"
    rest = pattern.replace(dates[0], "", 1) if dates else pattern
    if "{" in rest or "}" in rest:
        yield "$.files.pattern: braces are only for {date:...}, such as {date:%Y%m%d}"
    if "/" in rest:
        yield "$.files.pattern: is matched against the file's name; put folders into $.files.directory"
    if "regex" in files:
        try:
            has_date = "date" in re.compile(files["regex"]).groupindex
        except re.error as error:
            yield f"$.files.regex: is not a regular expression ({error})"
        else:
            if has_date != ("date_format" in files):
                yield "$.files.date_format: goes with a group of the regex, (?P<date>...), and the other way round"
    elif "date_format" in files:
        yield "$.files.date_format: is for a regex; a pattern has {date:%Y%m%d}"
    marker = files.get("marker")
    if marker is not None and (marker.count("{name}") != 1 or marker == "{name}" or "/" in marker):
        yield "$.files.marker: is a name with {name} in it once, such as {name}.done"
    target = re.sub(r"\{date:[^{}]+\}", "", files.get("after", {}).get("to", ""))
    if "{" in target or "}" in target:
        yield "$.files.after.to: braces are only for {date:...}, such as {date:%Y/%m}"


def _build(document: Mapping[str, Any]) -> Feed:
    server, files = dict(document["server"]), dict(document["files"])
    server.setdefault("port", DEFAULT_PORTS[server["protocol"]])
    server["host_keys"] = tuple(server.get("host_keys", ()))
    server["algorithms"] = AlgorithmsSpec(
        **{kind: tuple(names) for kind, names in server.get("algorithms", {}).items()}
    )
    checks, transform = dict(document.get("checks", {})), dict(document.get("transform", {}))
    decode = document.get("decode")
    return Feed(
        tenant=document["tenant"],
        feed=document["feed"],
        enabled=document.get("enabled", True),
        schedule=document.get("schedule"),
        server=ServerSpec(**server),
        files=FilesSpec(
            **{
                **files,
                **({"exclude": tuple(files["exclude"])} if "exclude" in files else {}),
                "size": SizeSpec(**files.get("size", {})),
                "after": AfterSpec(**files.get("after", {})),
            }
        ),
        decode=None if decode is None else tuple(decode),
        format=FormatSpec(**document["format"]),
        checks=ChecksSpec(
            **{
                **checks,
                "rows": RowsSpec(**checks.get("rows", {})),
                "columns": tuple(ColumnSpec(**column) for column in checks.get("columns", ())),
            }
        ),
        dataset=document["dataset"],
        transform=_transform(transform),
        notify=NotifySpec(emails=tuple(document.get("notify", {}).get("emails", ()))),
    )


def _transform(document: Mapping[str, Any]) -> TransformSpec:
    deduplicate = document.get("deduplicate")
    return TransformSpec(
        **{
            **document,
            "rules": tuple(RuleSpec(**rule) for rule in document.get("rules", ())),
            "enrich": tuple(
                EnrichSpec(**{**enrich, "columns": tuple(enrich["columns"])}) for enrich in document.get("enrich", ())
            ),
            "deduplicate": deduplicate
            and DeduplicateSpec(keys=tuple(deduplicate["keys"]), order_by=tuple(deduplicate.get("order_by", ()))),
        }
    )


def load_feed(table: "Table", tenant: str, feed: str) -> Feed:
    """Reads a feed's document and checks it.

    Raises:
        FeedInvalidError: no such document, or it breaks its contract.
    """
    item = table.get_item(Key={"tenant": tenant, "feed": feed}, ConsistentRead=True).get("Item")
    if item is None:
        raise FeedInvalidError(f"feed {tenant}/{feed} is not in table {table.name}: put its document there.")
    return parse_feed(item)


def put_feed(table: "Table", document: Mapping[str, Any]) -> Feed:
    """Checks a document and writes it, so that only valid ones get in.

    Raises:
        FeedInvalidError: it breaks its contract; nothing was written.
    """
    feed = parse_feed(document)
    # DynamoDB takes no floats: numbers pass through their text
    table.put_item(Item=json.loads(json.dumps(document), parse_float=Decimal))
    return feed
