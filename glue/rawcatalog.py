"""The raw zone in the Data Catalog, from what feeds declare: Athena reads new files at once, without a crawl.

CSV is read with OpenCSVSerDe, the one that knows quoted values. It cannot read an empty value as a number
(Athena User Guide, "Open CSV SerDe for processing CSV"), so a raw table's columns are text, as delivered, whatever
they are; that no two partitions differ in a type is also what keeps HIVE_PARTITION_SCHEMA_MISMATCH away. The view
`typed_<tenant>_<feed>` beside it has the declared types. JSON Lines are read as text too, nested values as JSON. The
types of Parquet are in the files: its table is the crawler's, and partitions are registered here as it describes them.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from columns import column_names
from lakeferry.catalog.putting import find_table, put_standing_tables, put_table
from lakeferry.catalog.tables import BATCH, JSON_SERDE, TEXT, view_input
from lakeferry.errors import LakeferryError
from lakeferry.feeds import Feed
from lakeferry.formats import raw_form
from lakefiles import Lake
from views import typed_column
from worklist import LandedFile, Partition

if TYPE_CHECKING:
    from mypy_boto3_glue import GlueClient
    from mypy_boto3_glue.type_defs import TableInputTypeDef


class PartitionRefusedError(LakeferryError):
    """The Data Catalog did not take a raw partition."""


class RawCatalog:
    """Raw tables and their partitions, and the tables that every stack has, in one database."""

    def __init__(self, glue: "GlueClient", database: str, lake: Lake) -> None:
        self._glue, self._database, self._lake = glue, database, lake

    def register(self, feed: Feed, files: Mapping[Partition, Sequence[LandedFile]]) -> None:
        """Makes partitions of one feed readable: the table and its typed view as declared, then the partitions.

        Raises:
            PartitionRefusedError: the catalog refused one.
        """
        name = f"raw_{feed.tenant}_{feed.feed}"
        if raw_form(feed.format).is_text:
            newest = max((file for found in files.values() for file in found), key=lambda file: file.uploaded_at)
            self._put(self._text_table(name, feed, newest.columns))
            self._put(self._typed_view(name, feed, newest.columns))
            inputs = [
                self._partition(
                    feed,
                    partition,
                    _text_descriptor(feed, max(found, key=lambda file: file.uploaded_at).columns),
                )
                for partition, found in files.items()
            ]
        else:
            table = self._table(name)
            if table is None:  # the crawler has not seen it yet
                return
            inputs = [self._partition(feed, partition, table["StorageDescriptor"]) for partition in files]
        for start in range(0, len(inputs), BATCH):
            self._put_partitions(name, inputs[start : start + BATCH])

    def put_standing_tables(self) -> None:
        """Those that every stack has: a deployment made them, and nobody has to know who took one away."""
        put_standing_tables(self._glue, self._database, self._lake.bucket)

    def _text_table(self, name: str, feed: Feed, header: Sequence[str]) -> "TableInputTypeDef":
        return {
            "Name": name,
            "Description": feed.catalog.description or f"Files of {feed.feed_id} as they were delivered, checked",
            "Owner": feed.tenant,
            "TableType": "EXTERNAL_TABLE",
            "PartitionKeys": [{"Name": "dt", "Type": "string", "Comment": "Business date"}],
            "StorageDescriptor": {  # type: ignore[typeddict-item, misc]
                **_text_descriptor(feed, header),
                "Location": self._lake.uri(f"raw/{feed.tenant}_{feed.feed}/"),
            },
            "Parameters": {**about_feed(feed), **_text_parameters(feed)},
        }

    def _typed_view(self, name: str, feed: Feed, header: Sequence[str]) -> "TableInputTypeDef":
        kinds = _declared(feed)
        selected, columns = [], []
        for column in column_names(header):
            sql, kind = typed_column(column, kinds.get(column, "string"))
            selected.append(sql)
            columns.append((column, kind))
        query = f"SELECT {', '.join([*selected, 'dt'])} FROM {name}"
        about = f"{name} with the types its feed declares; null where a value is not of its type"
        typed = f"typed_{feed.tenant}_{feed.feed}"
        return view_input(typed, self._database, query, [*columns, ("dt", "string")], about)

    def _partition(self, feed: Feed, partition: Partition, descriptor: Any) -> Any:  # noqa: ANN401
        location = self._lake.uri(f"raw/{partition.tenant}_{partition.feed}/dt={partition.dt}/")
        parameters = _text_parameters(feed) if raw_form(feed.format).is_text else {}
        return {
            "Values": [partition.dt],
            "StorageDescriptor": {**descriptor, "Location": location},
            "Parameters": parameters,
        }

    def _put(self, wanted: "TableInputTypeDef") -> None:
        put_table(self._glue, self._database, wanted)

    def _put_partitions(self, table: str, inputs: list[Any]) -> None:
        target: dict[str, str] = {"DatabaseName": self._database, "TableName": table}
        existing, refused = set(), []
        for error in self._glue.batch_create_partition(**target, PartitionInputList=inputs).get("Errors", []):
            if error["ErrorDetail"]["ErrorCode"] == "AlreadyExistsException":
                existing.add(error["PartitionValues"][0])
            else:
                refused.append(f"{error['PartitionValues'][0]}: {error['ErrorDetail'].get('ErrorMessage')}")
        entries = [
            {"PartitionValueList": item["Values"], "PartitionInput": item}
            for item in inputs
            if item["Values"][0] in existing
        ]
        if entries:
            answer = self._glue.batch_update_partition(**target, Entries=entries)  # type: ignore[arg-type]
            refused += [
                f"{error['PartitionValueList'][0]}: {error['ErrorDetail'].get('ErrorMessage')}"
                for error in answer.get("Errors", [])
            ]
        if refused:
            raise PartitionRefusedError(
                f"{self._database}.{table}: the Data Catalog refused {len(refused)} raw partitions, the first "
                f"dt={refused[0]}. The rows are curated all the same; the next run with files of that day tries again."
            )

    def _table(self, name: str) -> dict[str, Any] | None:
        return find_table(self._glue, self._database, name)


def about_feed(feed: Feed) -> dict[str, str]:
    """Table parameters that tell whose data it is."""
    found = {"lakeferry.tenant": feed.tenant, "lakeferry.feed": feed.feed, "lakeferry.dataset": feed.dataset}
    if feed.catalog.contract_version is not None:
        found["lakeferry.contract_version"] = feed.catalog.contract_version
    return found


def comments(feed: Feed) -> dict[str, str]:
    """Comments of the feed's columns, by the names the columns have in tables."""
    return dict(zip(column_names(list(feed.catalog.columns)), feed.catalog.columns.values(), strict=True))


def _text_parameters(feed: Feed) -> dict[str, str]:
    form = raw_form(feed.format)
    if form.kind != "csv":
        return {"classification": "json", "EXTERNAL": "TRUE"}
    skipped = {"skip.header.line.count": "1"} if form.header else {}
    return {
        "classification": "csv",
        "delimiter": form.delimiter,
        "areColumnsQuoted": "true",
        "EXTERNAL": "TRUE",
        **skipped,
    }


def _text_descriptor(feed: Feed, header: Sequence[str]) -> Any:  # noqa: ANN401  (two shapes of boto3's)
    form = raw_form(feed.format)
    columns = list(_raw_columns(feed, header))
    if form.kind != "csv":
        keys = {f"mapping.{name}": key for name, key in zip(column_names(header), header, strict=True) if name != key}
        return {"Columns": columns, **TEXT, "SerdeInfo": {**JSON_SERDE, "Parameters": keys}}
    signs = {"separatorChar": form.delimiter, "quoteChar": form.quote, "escapeChar": "\\"}
    serde = {"SerializationLibrary": "org.apache.hadoop.hive.serde2.OpenCSVSerde", "Parameters": signs}
    return {"Columns": columns, **TEXT, "SerdeInfo": serde}


def _declared(feed: Feed) -> dict[str, str]:
    """Declared types that a cast without a format or a time zone can read."""
    columns = feed.checks.columns
    names = column_names([column.name for column in columns])
    return {
        name: column.type
        for name, column in zip(names, columns, strict=True)
        if column.format is None and not (column.type == "timestamp" and column.timezone != "UTC")
    }


def _raw_columns(feed: Feed, header: Sequence[str]) -> Iterator[dict[str, str]]:
    columns = feed.checks.columns
    kinds = dict(
        zip(column_names([column.name for column in columns]), (column.type for column in columns), strict=True)
    )
    described = comments(feed)
    for name in column_names(header):
        kind = f"declared {kinds[name]}" if name in kinds else "not declared"
        yield {"Name": name, "Type": "string", "Comment": f"{described[name]} ({kind})" if name in described else kind}
