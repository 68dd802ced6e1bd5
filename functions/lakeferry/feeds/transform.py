"""`dataset` and `transform` of the feed document: what the Glue job makes of the rows."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from lakeferry.feeds.date_formats import column_format_problems
from lakeferry.feeds.names import zone_problems

_RULES_OF_THE_JOB = {"filter", "malformed", "duplicate"}
_DATASETS_OF_THE_JOB = {"fallout", "quality", "ledger", "ledger_latest", "sla"}


@dataclass(frozen=True, slots=True)
class RuleSpec:
    """A named condition every curated row fulfils; `action` says what happens to one that does not."""

    name: str
    expression: str
    action: str


@dataclass(frozen=True, slots=True)
class FlattenSpec:
    """A value within a column of JSON, as a column of its own.

    Attributes:
        path: The column, then keys and positions: `customer.address.city`, `items[0].sku`.
        type, format, timezone: As in `checks.columns`.
    """

    name: str
    path: str
    type: str = "string"
    format: str | None = None
    timezone: str = "UTC"

    @property
    def column(self) -> str:
        """The column that holds the JSON, by its name in the file."""
        return re.split(r"[.\[]", self.path, maxsplit=1)[0]

    @property
    def json_path(self) -> str:
        return "$" + self.path.removeprefix(self.column)


@dataclass(frozen=True, slots=True)
class EnrichSpec:
    """Columns taken over from a reference table.

    Attributes:
        on: The feed's column that has the key.
        key: The reference table's column for it; the same name when absent.
        missing: What happens to a row whose key is not there: `keep` (null), `drop`, `quarantine` or `fail`.
        version: The version to take; the last one by name when absent.
    """

    reference: str
    on: str
    columns: tuple[str, ...]
    key: str | None = None
    missing: str = "keep"
    version: str | None = None


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
        partition_by: Columns of the curated table: partitions of an Iceberg table; in a Parquet table equal values are
            put next to each other.
        target_file_mb: MiB a Parquet file should have.
        table_format: `parquet` or `iceberg`; all feeds of a dataset have the same.
    """

    flatten: tuple[FlattenSpec, ...] = ()
    filter: str | None = None
    enrich: tuple[EnrichSpec, ...] = ()
    derive: Mapping[str, str] = field(default_factory=dict)
    rules: tuple[RuleSpec, ...] = ()
    deduplicate: DeduplicateSpec | None = None
    protect: Mapping[str, str] = field(default_factory=dict)
    rename: Mapping[str, str] = field(default_factory=dict)
    partition_by: tuple[str, ...] = ()
    compression: str = "zstd"
    target_file_mb: int = 256
    table_format: str = "parquet"


@dataclass(frozen=True, slots=True)
class CurateSpec:
    """How the Glue job builds the feed's days.

    Attributes:
        engine: `auto`, or `spark`: never by Arrow, however small a day is.
    """

    engine: str = "auto"


def transform_problems(document: Mapping[str, Any]) -> Iterator[str]:
    """What the schema cannot say of `dataset` and `transform`."""
    rules = [rule["name"] for rule in document.get("transform", {}).get("rules", [])]
    for repeated in sorted(
        {name for name, count in Counter(rules).items() if count > 1} | _RULES_OF_THE_JOB & set(rules)
    ):
        yield f"$.transform.rules: the rule name {repeated!r} is taken"
    yield from _flatten_problems(document)
    dataset = document["dataset"]
    if dataset in _DATASETS_OF_THE_JOB or dataset.startswith(("raw_", "typed_")):
        yield (
            f"$.dataset: {dataset!r} is taken: fallout, quality, ledger, ledger_latest, sla, raw_* and typed_* are "
            "tables of Lakeferry's own"
        )


def _flatten_problems(document: Mapping[str, Any]) -> Iterator[str]:
    transform = document.get("transform", {})
    protect = transform.get("protect", {})
    names = {column["name"].lower() for column in document.get("checks", {}).get("columns", [])}
    for index, item in enumerate(transform.get("flatten", [])):
        where, found = f"$.transform.flatten[{index}]", FlattenSpec(**item)
        if item["name"] in names:
            yield f"{where}.name: there is a column {item['name']!r} already"
        names.add(item["name"])
        yield from zone_problems(f"{where}.timezone", found.timezone)
        if found.format is not None:
            yield from column_format_problems(f"{where}.format", found.format)
        if item["name"] in protect and found.column.lower() not in protect:
            yield f"{where}: {item['name']!r} is protected, but is still readable in {found.column!r}: protect it too"


def build_transform(document: Mapping[str, Any]) -> TransformSpec:
    """The frozen form of a valid `transform`."""
    deduplicate = document.get("deduplicate")
    return TransformSpec(
        **{
            **document,
            "rules": tuple(RuleSpec(**rule) for rule in document.get("rules", ())),
            "enrich": tuple(
                EnrichSpec(**{**enrich, "columns": tuple(enrich["columns"])}) for enrich in document.get("enrich", ())
            ),
            "flatten": tuple(FlattenSpec(**item) for item in document.get("flatten", ())),
            "partition_by": tuple(document.get("partition_by", ())),
            "deduplicate": deduplicate
            and DeduplicateSpec(keys=tuple(deduplicate["keys"]), order_by=tuple(deduplicate.get("order_by", ()))),
        }
    )
