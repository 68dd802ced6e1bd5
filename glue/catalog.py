"""Curated partitions in the Glue Data Catalog. Pointing a partition at its new prefix is the atomic switch."""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from columns import PARTITION_KEYS, wider
from lakeferry.catalog.putting import find_table, put_table
from lakeferry.catalog.standing import StandingTable
from lakeferry.catalog.tables import BATCH, JSON, PARQUET, same
from lakeferry.errors import LakeferryError
from lakefiles import Lake
from partition import Generation
from tableformats import refused as table_refused
from worklist import Partition

if TYPE_CHECKING:
    from mypy_boto3_glue import GlueClient
    from mypy_boto3_glue.type_defs import ColumnTypeDef, PartitionInputTypeDef, TableInputTypeDef

Outcome = dict[Generation, LakeferryError | None]


class SchemaConflictError(LakeferryError):
    """A column of the table has another type than the partition's."""


class CatalogRefusedError(LakeferryError):
    """The Data Catalog did not take a partition."""


class Catalog:
    """The job's tables in one database.

    Each table is used by one thread at a time: its columns are read, merged and written back.
    """

    def __init__(self, glue: "GlueClient", database: str, lake: Lake) -> None:
        self._glue, self._database, self._lake = glue, database, lake
        self._of_json: set[tuple[str, str]] = set()

    def prefixes(self, table: str, partitions: Sequence[Partition]) -> dict[Partition, str]:
        """Key prefixes the catalog points partitions at now; those it does not have are left out."""
        found: dict[Partition, str] = {}
        for start in range(0, len(partitions), BATCH):
            wanted: list[Any] = [{"Values": item.values} for item in partitions[start : start + BATCH]]
            while wanted:
                try:
                    answer = self._glue.batch_get_partition(
                        DatabaseName=self._database, TableName=table, PartitionsToGet=wanted
                    )
                except ClientError as error:
                    if _code(error) == "EntityNotFoundException":
                        return {}
                    raise
                for item in answer.get("Partitions", []):
                    uri = item["StorageDescriptor"]["Location"]
                    found[Partition(*item["Values"])] = uri.removeprefix(self._lake.uri("")).rstrip("/") + "/"
                wanted = answer.get("UnprocessedKeys", [])
        return found

    def publish(self, generations: Sequence[Generation], known: Collection[Partition] = ()) -> Outcome:
        """Points partitions of one table at new generations; each succeeds or fails alone.

        Args:
            known: Partitions that the table has, as far as is known: no call is made to find that out.

        Returns:
            What went wrong for each; None for one that readers see from now on.
        """
        outcome: Outcome = {}
        columns = self._merge(generations, outcome)
        taken = [generation for generation in generations if outcome[generation] is None]
        for start in range(0, len(taken), BATCH):
            self._switch(columns, taken[start : start + BATCH], known, outcome)
        return outcome

    def refused(self, generations: Sequence[Generation], *, iceberg: bool = False) -> Outcome:
        """Those of one table that may not be published to what the catalog has under its name; all or none."""
        return self._not_ours(self._table(generations[0].table), generations, iceberg=iceberg)

    def _not_ours(self, table: dict[str, Any] | None, generations: Sequence[Generation], *, iceberg: bool) -> Outcome:
        place = self._lake.uri("iceberg/" if iceberg else _place(generations[0]))
        found: Outcome = {one: table_refused(table, one, self._database, place, iceberg=iceberg) for one in generations}
        return {} if None in found.values() else found

    def add_json_partition(self, table: StandingTable, value: str) -> None:
        """Adds a partition `<prefix><key>=<value>/` of JSON Lines, once; makes the table where it is not there."""
        if (table.name, value) in self._of_json:
            return
        put_table(self._glue, self._database, table.input(self._lake.bucket))
        place = {"Columns": [{"Name": name, "Type": kind} for name, kind in table.columns], **JSON}
        location = self._lake.uri(f"{table.prefix}{table.keys[0]}={value}/")
        created = self._glue.batch_create_partition(
            DatabaseName=self._database,
            TableName=table.name,
            PartitionInputList=[
                {
                    "Values": [value],
                    "StorageDescriptor": {**place, "Location": location},  # type: ignore[typeddict-item]
                    "Parameters": {"classification": "json"},
                }
            ],
        )
        for error in created.get("Errors", []):
            if error["ErrorDetail"]["ErrorCode"] != "AlreadyExistsException":
                raise CatalogRefusedError(f"{location}: {error['ErrorDetail'].get('ErrorMessage')}")
        self._of_json.add((table.name, value))

    def _merge(self, generations: Sequence[Generation], outcome: Outcome) -> list["ColumnTypeDef"]:
        """Creates the table, or adds the columns it has not got yet and widens those that grew."""
        name = generations[0].table
        table = self._table(name)
        if refused := self._not_ours(table, generations, iceberg=False):
            outcome |= refused
            return []
        described: list[ColumnTypeDef] = [] if table is None else table["StorageDescriptor"]["Columns"]
        before = {column["Name"]: column["Type"] for column in described}
        comments = {column["Name"]: column["Comment"] for column in described if column.get("Comment")}
        types = dict(before)
        for generation in generations:
            merged = {column: wider(types.get(column, kind), kind) for column, kind in generation.columns}
            conflict = next(((column, kind) for column, kind in generation.columns if merged[column] is None), None)
            if conflict is not None:
                column, kind = conflict
                outcome[generation] = SchemaConflictError(
                    f"{generation.partition}: column {column} is {kind} in {generation.sources}, but {types[column]} "
                    f"in table {self._database}.{name}. Nothing was published. Declare the type the table has, or "
                    "rename the column, or use another dataset."
                )
                continue
            outcome[generation] = None
            types |= {column: kind for column, kind in merged.items() if kind is not None}
            comments |= {column: text for column, text in generation.comments if column in types}
        columns: list[ColumnTypeDef] = [{"Name": column, "Type": kind} for column, kind in types.items()]
        for described_column in columns:
            if described_column["Name"] in comments:
                described_column["Comment"] = comments[described_column["Name"]]
        taken = [generation for generation in generations if outcome[generation] is None]
        if taken:
            self._put_table(name, taken, columns, table)
        if any(types[column] != kind for column, kind in before.items()):
            self._update_partitions(name, columns)
        return columns

    def _table(self, name: str) -> dict[str, Any] | None:
        return find_table(self._glue, self._database, name)

    def _put_table(
        self,
        name: str,
        generations: Sequence[Generation],
        columns: list["ColumnTypeDef"],
        table: dict[str, Any] | None,
    ) -> None:
        before = table or {}
        location = self._lake.uri(_place(generations[0]))
        parameters = dict(before.get("Parameters", {}))
        # several feeds may write to one table
        feeds = {f"{generation.partition.tenant}/{generation.partition.feed}" for generation in generations}
        feeds |= set(filter(None, parameters.get("lakeferry.feeds", "").split(",")))
        parameters |= {"classification": "parquet", "EXTERNAL": "TRUE", "lakeferry.feeds": ",".join(sorted(feeds))}
        table_input: TableInputTypeDef = {
            "Name": name,
            "Description": next((item.description for item in generations if item.description), "")
            or before.get("Description", ""),
            "TableType": "EXTERNAL_TABLE",
            "PartitionKeys": [{"Name": key, "Type": "string"} for key in PARTITION_KEYS],
            "StorageDescriptor": {"Columns": columns, "Location": location, **PARQUET},  # type: ignore[typeddict-item]
            "Parameters": parameters,
        }
        if table is None:
            self._glue.create_table(DatabaseName=self._database, TableInput=table_input)
        elif not same(table, table_input):
            self._glue.update_table(DatabaseName=self._database, TableInput=table_input)

    def _switch(
        self,
        columns: list["ColumnTypeDef"],
        generations: Sequence[Generation],
        known: Collection[Partition],
        outcome: Outcome,
    ) -> None:
        target: dict[str, str] = {"DatabaseName": self._database, "TableName": generations[0].table}
        by_values = {tuple(generation.partition.values): generation for generation in generations}
        inputs = {
            values: self._input(list(values), columns, item.prefix, dict(item.parameters))
            for values, item in by_values.items()
        }
        existing = {values for values, item in by_values.items() if item.partition in known}
        if new := [item for values, item in inputs.items() if values not in existing]:
            created = self._glue.batch_create_partition(**target, PartitionInputList=new)
            for refused in created.get("Errors", []):
                values = tuple(refused["PartitionValues"])
                if refused["ErrorDetail"]["ErrorCode"] == "AlreadyExistsException":
                    existing.add(values)
                else:
                    outcome[by_values[values]] = _refused(by_values[values], refused["ErrorDetail"])
        if not existing:
            return
        updated = self._glue.batch_update_partition(
            **target,
            Entries=[
                {"PartitionValueList": item["Values"], "PartitionInput": item}
                for values, item in inputs.items()
                if values in existing
            ],
        )
        for error in updated.get("Errors", []):
            generation = by_values[tuple(error["PartitionValueList"])]
            outcome[generation] = _refused(generation, error["ErrorDetail"])

    def _update_partitions(self, name: str, columns: list["ColumnTypeDef"]) -> None:
        """Gives all partitions the table's columns: engines compare the types, and the files can be read as both."""
        pages = self._glue.get_paginator("get_partitions").paginate(DatabaseName=self._database, TableName=name)
        places = [
            (
                item["Values"],
                item["StorageDescriptor"]["Location"].removeprefix(self._lake.uri("")),
                item.get("Parameters", {}),
            )
            for page in pages
            for item in page["Partitions"]
        ]
        for start in range(0, len(places), BATCH):
            self._glue.batch_update_partition(
                DatabaseName=self._database,
                TableName=name,
                Entries=[
                    {"PartitionValueList": values, "PartitionInput": self._input(values, columns, prefix, about)}
                    for values, prefix, about in places[start : start + BATCH]
                ],
            )

    def _input(
        self, values: list[str], columns: list["ColumnTypeDef"], prefix: str, parameters: dict[str, str]
    ) -> "PartitionInputTypeDef":
        return {
            "Values": values,
            # the table's columns, so that engines that compare the two find no mismatch
            "StorageDescriptor": {"Columns": columns, "Location": self._lake.uri(prefix), **PARQUET},  # type: ignore[typeddict-item]
            "Parameters": {**parameters, "classification": "parquet"},
        }


def _place(generation: Generation) -> str:
    """Key prefix of the generation's table."""
    return generation.root.partition("/tenant=")[0] + "/"


def _refused(generation: Generation, detail: Any) -> CatalogRefusedError:  # noqa: ANN401  (two look-alike shapes of boto3's)
    return CatalogRefusedError(
        f"{generation.partition}: the Data Catalog refused the partition: {detail.get('ErrorCode')}: "
        f"{detail.get('ErrorMessage')}. The next run tries again."
    )


def _code(error: ClientError) -> str:
    return error.response["Error"]["Code"]
