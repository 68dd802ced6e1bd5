"""Views of the Data Catalog as Athena keeps them: the query as JSON, in base64, in the table's `ViewOriginalText`."""

import base64
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from casts import SPARK_TYPES, spark_type

if TYPE_CHECKING:
    from mypy_boto3_glue.type_defs import TableInputTypeDef

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
    """Whether two definitions say the same, in what this job writes."""
    keys = ("Description", "TableType", "Parameters", "ViewOriginalText", "PartitionKeys", "StorageDescriptor")
    return all(_plain(one.get(key)) == _plain(other.get(key)) for key in keys)


def _plain(value: Any) -> Any:  # noqa: ANN401
    """Without what Glue leaves out of its answers: empty values."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items() if item not in (None, "", [], {})}
    return [_plain(item) for item in value] if isinstance(value, list) else value or None


def typed_column(name: str, declared: str) -> tuple[str, str]:
    """SQL that reads a text column as the declared type, null where it is not a value of it; and the Hive type.

    A convenience for people who look at raw rows; the curated table has the guarded casts.
    """
    column = '"' + name.replace('"', '""') + '"'
    if declared == "string":
        return column, "string"
    if declared == "bool":
        word = f"lower(trim({column}))"
        cast = f"CASE WHEN {word} IN ('true', 't', 'yes', 'y', '1') THEN true "
        return cast + f"WHEN {word} IN ('false', 'f', 'no', 'n', '0') THEN false END AS {column}", "boolean"
    kind = spark_type(declared) if declared in SPARK_TYPES else declared
    return f"TRY_CAST(NULLIF(trim({column}), '') AS {kind}) AS {column}", kind
