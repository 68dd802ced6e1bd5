"""Tables are made, or brought to what they should be: whoever made them, and however often it is asked for."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from lakeferry.catalog import standing
from lakeferry.catalog.tables import BATCH, same
from lakeferry.errors import LakeferryError

if TYPE_CHECKING:
    from mypy_boto3_glue import GlueClient
    from mypy_boto3_glue.type_defs import TableInputTypeDef


class TablesRefusedError(LakeferryError):
    """The Data Catalog did not take some of the tables that every stack has."""


class PartitionsRefusedError(LakeferryError):
    """The Data Catalog did not give partitions their table's new columns."""


def put_standing_tables(glue: "GlueClient", database: str, bucket: str) -> list[str]:
    """The tables that every stack has; one that is refused keeps none of the others back.

    Returns:
        The names of those that were made or changed.

    Raises:
        TablesRefusedError: some were refused; it names them.
    """
    put, refused = list[str](), dict[str, str]()
    for wanted in standing.inputs(database, bucket):
        name = wanted["Name"]
        try:
            if put_table(glue, database, wanted, with_partitions=True):
                put.append(name)
        except (ClientError, LakeferryError) as error:
            refused[name] = str(error)
    if refused:
        name, why = next(iter(refused.items()))
        raise TablesRefusedError(
            f"The Data Catalog refused {', '.join(refused)} in database {database}, {name} because: {why}"
        )
    return put


def put_table(glue: "GlueClient", database: str, wanted: "TableInputTypeDef", *, with_partitions: bool = False) -> bool:
    """Makes a table, or updates it where it says something else; what others noted in its parameters stays.

    Glue keeps the version before (AWS Glue Developer Guide, "Table versions").

    Args:
        with_partitions: Registered partitions get the table's columns, too, where these change: engines read a
            partition by its own.

    Returns:
        Whether anything was written.
    """
    table = find_table(glue, database, wanted["Name"])
    if table is None:
        try:
            glue.create_table(DatabaseName=database, TableInput=wanted)
        except ClientError as error:  # another run, or a deployment, was as quick
            if error.response["Error"]["Code"] != "AlreadyExistsException":
                raise
            table = find_table(glue, database, wanted["Name"])
        if table is None:
            return True
    changed = taken_over(table, wanted)
    if same(table, changed):
        return False
    glue.update_table(DatabaseName=database, TableInput=changed)
    columns = changed["StorageDescriptor"]["Columns"]
    before = table.get("StorageDescriptor", {}).get("Columns")
    if with_partitions and _keys(table) == _keys(changed) and before != columns:
        partitions = list(_partitions(glue, database, wanted["Name"]))
        for start in range(0, len(partitions), BATCH):
            _give(glue, database, wanted["Name"], partitions[start : start + BATCH], columns)
    return True


def find_table(glue: "GlueClient", database: str, name: str) -> dict[str, Any] | None:
    """A table as the catalog has it."""
    try:
        return dict(glue.get_table(DatabaseName=database, Name=name)["Table"])
    except ClientError as error:
        if error.response["Error"]["Code"] == "EntityNotFoundException":
            return None
        raise


def taken_over(table: dict[str, Any], wanted: "TableInputTypeDef") -> "TableInputTypeDef":
    """What a table that is there is to say.

    Parameters of a table of another kind would make engines read it as that: they go.
    """
    before = table.get("Parameters", {})
    is_ours = table.get("TableType") == wanted["TableType"] and "table_type" not in before
    return {**wanted, "Parameters": {**(before if is_ours else {}), **wanted.get("Parameters", {})}}


def _keys(table: Any) -> list[str]:  # noqa: ANN401  (what boto3 takes, and what it gives)
    return [key["Name"] for key in table.get("PartitionKeys", ())]


def _partitions(glue: "GlueClient", database: str, table: str) -> Iterator[Any]:
    for page in glue.get_paginator("get_partitions").paginate(DatabaseName=database, TableName=table):
        yield from page["Partitions"]


def _give(glue: "GlueClient", database: str, table: str, partitions: Any, columns: Any) -> None:  # noqa: ANN401
    entries: list[Any] = [
        {
            "PartitionValueList": found["Values"],
            "PartitionInput": {
                "Values": found["Values"],
                "StorageDescriptor": {**found["StorageDescriptor"], "Columns": columns},
                "Parameters": found.get("Parameters", {}),
            },
        }
        for found in partitions
    ]
    errors = glue.batch_update_partition(DatabaseName=database, TableName=table, Entries=entries).get("Errors", [])
    if errors:
        first = errors[0]
        raise PartitionsRefusedError(
            f"{database}.{table}: {len(errors)} partitions could not be given the table's columns, the first "
            f"{first['PartitionValueList']}: {first['ErrorDetail'].get('ErrorMessage')}"
        )
