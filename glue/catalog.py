"""Curated partitions in the Glue Data Catalog. Pointing a partition at its new prefix is the atomic switch."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from lakeferry.errors import LakeferryError
from lakefiles import Lake
from partition import Built
from transforms import PARTITION_KEYS

if TYPE_CHECKING:
    from mypy_boto3_glue import GlueClient
    from mypy_boto3_glue.type_defs import ColumnTypeDef, PartitionInputTypeDef, TableInputTypeDef

BATCH = 100
"""Partitions a BatchCreatePartition or BatchUpdatePartition call takes (AWS Glue Web API Reference)."""

_FORMAT = {
    "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
    "OutputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
    "SerdeInfo": {
        "SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
        "Parameters": {"serialization.format": "1"},
    },
}


class SchemaConflictError(LakeferryError):
    """A column of the table has another type than the partition's."""


class CatalogRefusedError(LakeferryError):
    """The Data Catalog did not take a partition."""


class Catalog:
    """The curated tables of one database.

    Used by one thread: a table's columns are read, merged and written back.
    """

    def __init__(self, glue: "GlueClient", database: str, lake: Lake) -> None:
        self._glue, self._database, self._lake = glue, database, lake

    def location(self, built: Built) -> str | None:
        """Key prefix the catalog points the partition at now; None for a new one."""
        try:
            found = self._glue.get_partition(
                DatabaseName=self._database, TableName=built.dataset, PartitionValues=built.partition.values
            )
        except ClientError as error:
            if _code(error) == "EntityNotFoundException":
                return None
            raise
        uri = found["Partition"]["StorageDescriptor"]["Location"]
        return uri.removeprefix(self._lake.uri("")).rstrip("/") + "/"

    def publish(self, dataset: str, partitions: Sequence[Built]) -> dict[Built, LakeferryError | None]:
        """Points partitions of one table at their new prefixes; each succeeds or fails alone.

        Returns:
            What went wrong for each partition; None for one that readers see from now on.
        """
        outcome: dict[Built, LakeferryError | None] = {}
        columns = self._merge(dataset, partitions, outcome)
        taken = [built for built in partitions if outcome[built] is None]
        for start in range(0, len(taken), BATCH):
            self._switch(dataset, columns, taken[start : start + BATCH], outcome)
        return outcome

    def _merge(
        self, dataset: str, partitions: Sequence[Built], outcome: dict[Built, LakeferryError | None]
    ) -> list["ColumnTypeDef"]:
        """Creates the table, or adds the columns it has not got yet."""
        table = self._table(dataset)
        before: dict[str, str] = {}
        if table is not None:
            before = {column["Name"]: column["Type"] for column in table["StorageDescriptor"]["Columns"]}
        types = dict(before)
        for built in partitions:
            conflict = next(((n, t) for n, t in built.columns if types.get(n, t) != t), None)
            if conflict is not None:
                name, spark_type = conflict
                files = ", ".join(item.file.path for item in built.counts[:3])
                outcome[built] = SchemaConflictError(
                    f"{built.partition}: column {name} is {spark_type} in {files}, but {types[name]} in table "
                    f"{self._database}.{dataset}. Nothing was published; declare one type or use another dataset."
                )
                continue
            outcome[built] = None
            types |= built.columns
        columns: list[ColumnTypeDef] = [{"Name": name, "Type": spark_type} for name, spark_type in types.items()]
        if types and types != before:
            self._put_table(dataset, columns, table)
        return columns

    def _table(self, dataset: str) -> dict[str, Any] | None:
        try:
            return dict(self._glue.get_table(DatabaseName=self._database, Name=dataset)["Table"])
        except ClientError as error:
            if _code(error) == "EntityNotFoundException":
                return None
            raise

    def _put_table(self, dataset: str, columns: list["ColumnTypeDef"], table: dict[str, Any] | None) -> None:
        location = self._lake.uri(f"curated/{dataset}/")
        table_input: TableInputTypeDef = {
            "Name": dataset,
            "TableType": "EXTERNAL_TABLE",
            "PartitionKeys": [{"Name": key, "Type": "string"} for key in PARTITION_KEYS],
            "StorageDescriptor": {"Columns": columns, "Location": location, **_FORMAT},  # type: ignore[typeddict-item]
            "Parameters": {**(table or {}).get("Parameters", {}), "classification": "parquet", "EXTERNAL": "TRUE"},
        }
        if table is None:
            self._glue.create_table(DatabaseName=self._database, TableInput=table_input)
        else:
            self._glue.update_table(DatabaseName=self._database, TableInput=table_input)

    def _switch(
        self,
        dataset: str,
        columns: list["ColumnTypeDef"],
        partitions: Sequence[Built],
        outcome: dict[Built, LakeferryError | None],
    ) -> None:
        inputs: list[PartitionInputTypeDef] = [
            {
                "Values": built.partition.values,
                # the table's columns, so that engines that compare the two find no mismatch
                "StorageDescriptor": {  # type: ignore[typeddict-item]
                    "Columns": columns,
                    "Location": self._lake.uri(built.generation),
                    **_FORMAT,
                },
                "Parameters": {"classification": "parquet"},
            }
            for built in partitions
        ]
        by_values = {tuple(built.partition.values): built for built in partitions}
        target: dict[str, str] = {"DatabaseName": self._database, "TableName": dataset}
        created = self._glue.batch_create_partition(**target, PartitionInputList=inputs)
        existing = set()
        for refused in created.get("Errors", []):
            values = tuple(refused["PartitionValues"])
            if refused["ErrorDetail"]["ErrorCode"] == "AlreadyExistsException":
                existing.add(values)
            else:
                outcome[by_values[values]] = _refused(by_values[values], refused["ErrorDetail"])
        entries = [
            {"PartitionValueList": item["Values"], "PartitionInput": item}
            for item in inputs
            if tuple(item["Values"]) in existing
        ]
        if entries:
            updated = self._glue.batch_update_partition(**target, Entries=entries)  # type: ignore[arg-type]
            for error in updated.get("Errors", []):
                built = by_values[tuple(error["PartitionValueList"])]
                outcome[built] = _refused(built, error["ErrorDetail"])


def _refused(built: Built, detail: Any) -> CatalogRefusedError:  # noqa: ANN401  (two look-alike shapes of boto3's)
    return CatalogRefusedError(
        f"{built.partition}: the Data Catalog refused the partition: {detail.get('ErrorCode')}: "
        f"{detail.get('ErrorMessage')}. The next run tries again."
    )


def _code(error: ClientError) -> str:
    return error.response["Error"]["Code"]
