"""The tables that every stack has, whatever its feeds: the saved queries read them.

A deployment makes them, so that a query answers on the first day; the job puts back what somebody took away. Both use
this list. Their names are no feed's to use (`feeds/transform.py`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from lakeferry.catalog.tables import JSON, PARQUET, view_input
from lakeferry.ledger.exports import LEDGER, PARTITION_KEY, SLA, Export

if TYPE_CHECKING:
    from mypy_boto3_glue.type_defs import TableInputTypeDef

LATEST_VIEW = "ledger_latest"
Columns = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class StandingTable:
    """One of them.

    Attributes:
        columns: Name and Hive type.
        keys: Of its partitions, strings all.
        prefix: Key of its folder in the lake bucket.
        form: What its files are.
        is_projected: Athena works out which partitions there are from their one key, a UTC day; else each is
            registered.
    """

    name: str
    description: str
    columns: Columns
    keys: tuple[str, ...]
    prefix: str
    form: Literal["json", "parquet"] = "json"
    is_projected: bool = False

    def input(self, bucket: str) -> "TableInputTypeDef":
        """For `create_table` and `update_table`."""
        location = f"s3://{bucket}/{self.prefix}"
        return {
            "Name": self.name,
            "Description": self.description,
            "TableType": "EXTERNAL_TABLE",
            "PartitionKeys": [{"Name": key, "Type": "string"} for key in self.keys],
            "StorageDescriptor": {  # type: ignore[typeddict-item]
                "Columns": [{"Name": name, "Type": kind} for name, kind in self.columns],
                "Location": location,
                **(JSON if self.form == "json" else PARQUET),
            },
            "Parameters": {
                "classification": self.form,
                "EXTERNAL": "TRUE",
                **(_projection(self.keys[0], location) if self.is_projected else {}),
            },
        }


def _projection(key: str, location: str) -> dict[str, str]:
    return {
        "projection.enabled": "true",
        f"projection.{key}.type": "date",
        f"projection.{key}.format": "yyyy-MM-dd",
        f"projection.{key}.range": "2026-01-01,NOW",
        "storage.location.template": f"{location}{key}=${{{key}}}/",
    }


def _exported(export: Export) -> StandingTable:
    return StandingTable(
        export.table, export.description, export.columns, (PARTITION_KEY,), export.prefix, is_projected=True
    )


FALLOUT = StandingTable(
    "fallout",
    "Rows that broke a rule, as they were delivered",
    (
        ("dataset", "string"),
        ("rule", "string"),
        ("row", "string"),
        ("_source_file", "string"),
        ("_ingested_at", "timestamp"),
        ("_run_id", "string"),
    ),
    ("tenant", "feed", "dt"),
    "fallout/rows/",
    form="parquet",
)
QUALITY = StandingTable(
    "quality",
    "What each rebuild of a partition found: rows, rows by rule, nulls and ranges by column",
    (
        ("tenant", "string"),
        ("feed", "string"),
        ("dt", "string"),
        ("dataset", "string"),
        ("run_id", "string"),
        ("curated_at", "string"),
        ("kind", "string"),
        ("name", "string"),
        ("rows", "bigint"),
        ("nulls", "bigint"),
        ("null_ratio", "double"),
        ("least", "string"),
        ("greatest", "string"),
    ),
    ("curated_on",),
    "curated/quality/",
)
TABLES = (_exported(LEDGER), _exported(SLA), QUALITY, FALLOUT)


def inputs(database: str, bucket: str) -> Iterator["TableInputTypeDef"]:
    """All of them, then the view of each file's newest state, which reads one of them."""
    for table in TABLES:
        yield table.input(bucket)
    names = ", ".join(name for name, _ in LEDGER.columns)
    newest = "row_number() OVER (PARTITION BY feed_id, file_id ORDER BY updated_at DESC) AS place"
    query = f"SELECT {names} FROM (SELECT {names}, {newest} FROM {LEDGER.table}) AS l WHERE place = 1"
    about = "Each file's newest state in the exported ledger"
    yield view_input(LATEST_VIEW, database, query, LEDGER.columns, about)
