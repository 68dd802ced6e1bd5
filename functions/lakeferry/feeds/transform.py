"""`dataset` and `transform` of the feed document: what the Glue job makes of the rows."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

_RULES_OF_THE_JOB = {"filter", "malformed", "duplicate"}
_DATASETS_OF_THE_JOB = {"fallout", "quality", "ledger", "ledger_latest"}


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


def transform_problems(document: Mapping[str, Any]) -> Iterator[str]:
    """What the schema cannot say of `dataset` and `transform`."""
    rules = [rule["name"] for rule in document.get("transform", {}).get("rules", [])]
    for repeated in sorted({name for name in rules if rules.count(name) > 1} | (_RULES_OF_THE_JOB & set(rules))):
        yield f"$.transform.rules: the rule name {repeated!r} is taken"
    dataset = document["dataset"]
    if dataset in _DATASETS_OF_THE_JOB or dataset.startswith(("raw_", "typed_")):
        yield (
            f"$.dataset: {dataset!r} is taken: fallout, quality, ledger, ledger_latest, raw_* and typed_* are tables "
            "of Lakeferry's own"
        )


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
            "deduplicate": deduplicate
            and DeduplicateSpec(keys=tuple(deduplicate["keys"]), order_by=tuple(deduplicate.get("order_by", ()))),
        }
    )
