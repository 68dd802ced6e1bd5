"""Forms of tables and views as the Glue Data Catalog keeps them for Athena.

A view is its query as JSON, in base64, in the table's `ViewOriginalText`.
"""

import base64
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_glue.type_defs import TableInputTypeDef

TEXT = {
    "InputFormat": "org.apache.hadoop.mapred.TextInputFormat",
    "OutputFormat": "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
}
JSON_SERDE: dict[str, Any] = {"SerializationLibrary": "org.openx.data.jsonserde.JsonSerDe", "Parameters": {}}
JSON = {**TEXT, "SerdeInfo": JSON_SERDE}
PARQUET = {
    "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
    "OutputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
    "SerdeInfo": {
        "SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
        "Parameters": {"serialization.format": "1"},
    },
}
BATCH = 100
"""Partitions a BatchCreatePartition or BatchUpdatePartition call takes (AWS Glue Web API Reference)."""
_PRESTO = {"string": "varchar"}


def view_input(
    name: str, database: str, query: str, columns: Sequence[tuple[str, str]], description: str
) -> "TableInputTypeDef":
    """A view for `create_table` and `update_table`.

    Args:
        query: SELECT in Athena's SQL, over tables of the same database.
        columns: Name and Hive type of what it returns, in order.
    """
    definition = {
        "originalSql": query,
        "catalog": "awsdatacatalog",
        "schema": database,
        "columns": [{"name": column, "type": _PRESTO.get(kind, kind)} for column, kind in columns],
    }
    text = base64.b64encode(json.dumps(definition).encode()).decode()
    return {
        "Name": name,
        "Description": description,
        "TableType": "VIRTUAL_VIEW",
        "Parameters": {"presto_view": "true", "comment": "Presto View"},
        "ViewOriginalText": f"/* Presto View: {text} */",
        "ViewExpandedText": "/* Presto View */",
        "PartitionKeys": [],
        "StorageDescriptor": {
            "Columns": [{"Name": column, "Type": kind} for column, kind in columns],
            "Location": "",
            "SerdeInfo": {},
        },
    }


def same(one: Any, other: Any) -> bool:  # noqa: ANN401  (table definitions of boto3)
    """Whether two definitions say the same, in what Lakeferry writes."""
    keys = ("Description", "TableType", "Parameters", "ViewOriginalText", "PartitionKeys", "StorageDescriptor")
    return all(_plain(one.get(key)) == _plain(other.get(key)) for key in keys)


def _plain(value: Any) -> Any:  # noqa: ANN401
    """Without what Glue leaves out of its answers: empty values."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items() if item not in (None, "", [], {})}
    return [_plain(item) for item in value] if isinstance(value, list) else value or None
