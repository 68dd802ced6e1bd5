"""SQL over what the catalog describes, with DuckDB: each table of a database is a view over its partitions' files.

Athena's views are views here too, and the functions the template's named queries call are there by Athena's names.
Curated tables are read by the locations the catalog gives, so a query sees what Athena would: the generation that
was published, and not what a job is writing beside it.
"""

import base64
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import duckdb

_TYPES = {
    "string": "VARCHAR",
    "int": "INTEGER",
    "bigint": "BIGINT",
    "float": "FLOAT",
    "double": "DOUBLE",
    "boolean": "BOOLEAN",
    "date": "DATE",
    # the lake's times are UTC
    "timestamp": "TIMESTAMP",
}


class LocalAws(Protocol):
    """What this module needs of AWS on this machine."""

    def client(self, name: str) -> Any:
        """A boto3 client."""

    def bucket_folder(self, bucket: str) -> Path:
        """The folder that holds a bucket's objects as files."""


class Answer(NamedTuple):
    """Names of a query's columns, and its rows."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]


def query(aws: LocalAws, sql: str) -> Answer:
    """Runs one query; tables are `database.table`, or the table's name alone where only one database has it."""
    with connect(aws, sql) as connection:
        result = connection.execute(sql)
        return Answer(tuple(column[0] for column in result.description or ()), result.fetchall())


@contextmanager
def connect(aws: LocalAws, text: str = "") -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection in which every table of the catalog is a view.

    Args:
        text: All that will be asked. Tables whose names are not in it are left out, where it names any: a view costs
            DuckDB a look into each of its files.
    """
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        glue = aws.client("glue")
        databases = [
            item["Name"] for page in glue.get_paginator("get_databases").paginate() for item in page["DatabaseList"]
        ]
        connection.execute("CREATE MACRO from_iso8601_timestamp(text) AS CAST(text AS TIMESTAMPTZ) AT TIME ZONE 'UTC'")
        tables = [
            (database, table)
            for database in databases
            for page in glue.get_paginator("get_tables").paginate(DatabaseName=database)
            for table in page["TableList"]
        ]
        for database in databases:
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {_name(database)}")
        named = _named_in(text, tables) or tables
        for database, table in named:
            if not _is_view(table):
                _create_view(connection, aws, glue, database, table)
        connection.execute(f"SET search_path = {_text(','.join(['main', *databases]))}")
        for database, table in filter(lambda one: _is_view(one[1]), named):
            view = f"{_name(database)}.{_name(table['Name'])}"
            connection.execute(f"CREATE VIEW {view} AS {original_sql(table)}")
        yield connection


_Table = tuple[str, dict[str, Any]]
"""A database's name and a table of it."""


def _is_view(table: dict[str, Any]) -> bool:
    return table.get("TableType") == "VIRTUAL_VIEW"


def _named_in(text: str, tables: list[_Table]) -> list[_Table]:
    """Tables whose names stand somewhere in a text, or in the query of a view that does."""
    texts, found = [text.lower()], dict[int, _Table]()
    for asked in texts:
        for number, one in enumerate(tables):
            if number not in found and one[1]["Name"].lower() in asked:
                found[number] = one
                if _is_view(one[1]):
                    texts.append(original_sql(one[1]).lower())
    return [found[number] for number in sorted(found)]


def original_sql(view: dict[str, Any]) -> str:
    """The query of a view as Athena keeps it in the catalog."""
    text = view["ViewOriginalText"].removeprefix("/* Presto View: ").removesuffix(" */")
    return str(json.loads(base64.b64decode(text))["originalSql"])


def _create_view(
    connection: duckdb.DuckDBPyConnection, aws: LocalAws, glue: Any, database: str, table: dict[str, Any]
) -> None:
    keys = [key["Name"] for key in table.get("PartitionKeys", [])]
    columns = table["StorageDescriptor"]["Columns"]
    kind = table.get("Parameters", {}).get("classification")
    partitions = _partitions(aws, glue, database, table)
    files = {
        str(file): values
        for location, values in partitions
        for file in _files(aws, location, "*.parquet" if kind == "parquet" else "*")
    }
    view = f"{_name(database)}.{_name(table['Name'])}"
    if not files:
        empty = [f"NULL::{_duckdb_type(item['Type'])} AS {_name(item['Name'])}" for item in columns]
        empty += [f"NULL::VARCHAR AS {_name(key)}" for key in keys]
        connection.execute(f"CREATE VIEW {view} AS SELECT {', '.join(empty)} WHERE false")
        return
    places = f"{_name(database)}.{_name(table['Name'] + '$files')}"
    key_columns = "".join(f", {_name(key)} VARCHAR" for key in keys)
    connection.execute(f"CREATE TABLE {places} (filename VARCHAR{key_columns})")
    marks = ", ".join("?" * (1 + len(keys)))
    connection.executemany(
        f"INSERT INTO {places} VALUES ({marks})", [[file, *values] for file, values in files.items()]
    )
    listed = ", ".join(_text(file) for file in files)
    if kind == "csv":
        source = _csv_source(listed, table, columns)
    else:
        source = _json_source(listed, columns) if kind == "json" else _parquet_source(listed)
    have = {row[0].lower() for row in connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()}
    selected = [_column(item, present=item["Name"].lower() in have) for item in columns]
    selected += [f"p.{_name(key)}" for key in keys]
    connection.execute(
        f"CREATE VIEW {view} AS SELECT {', '.join(selected)} FROM {source} AS d JOIN {places} AS p USING (filename)"
    )


def _partitions(aws: LocalAws, glue: Any, database: str, table: dict[str, Any]) -> list[tuple[str, list[str]]]:
    """Location and values of each partition; of a table with projection, those whose folder is there."""
    if table.get("Parameters", {}).get("projection.enabled") == "true":
        location = table["StorageDescriptor"]["Location"]
        bucket, _, prefix = location.removeprefix("s3://").partition("/")
        (key,) = (item["Name"] for item in table["PartitionKeys"])
        found = (aws.bucket_folder(bucket) / prefix).glob(f"{key}=*")
        return [(f"{location}{folder.name}/", [folder.name.partition("=")[2]]) for folder in sorted(found)]
    pages = glue.get_paginator("get_partitions").paginate(DatabaseName=database, TableName=table["Name"])
    return [(item["StorageDescriptor"]["Location"], item["Values"]) for page in pages for item in page["Partitions"]]


def _parquet_source(files: str) -> str:
    return f"read_parquet([{files}], filename = true, hive_partitioning = false, union_by_name = true)"


def _json_source(files: str, columns: list[dict[str, str]]) -> str:
    types = ", ".join(f"{_text(item['Name'])}: {_text(_duckdb_type(item['Type']))}" for item in columns)
    return f"read_json([{files}], columns = {{{types}}}, format = 'newline_delimited', filename = true)"


def _csv_source(files: str, table: dict[str, Any], columns: list[dict[str, str]]) -> str:
    parameters = table["Parameters"]
    header = "true" if parameters.get("skip.header.line.count") else "false"
    # by position and as text, as the table's SerDe reads it; casts follow
    names = ", ".join(f"{_text(item['Name'])}: 'VARCHAR'" for item in columns)
    serde = table["StorageDescriptor"]["SerdeInfo"]
    quoted = serde["SerializationLibrary"].endswith("OpenCSVSerde")
    quote = _text(serde.get("Parameters", {}).get("quoteChar", '"') if quoted else "")
    return (
        f"read_csv([{files}], columns = {{{names}}}, delim = {_text(parameters.get('delimiter', ','))}, "
        f"header = {header}, quote = {quote}, escape = {quote}, auto_detect = false, null_padding = true, "
        "filename = true, hive_partitioning = false)"
    )


def _column(column: dict[str, str], *, present: bool) -> str:
    kind, name = _duckdb_type(column["Type"]), _name(column["Name"])
    return f"TRY_CAST(d.{name} AS {kind}) AS {name}" if present else f"NULL::{kind} AS {name}"


def _duckdb_type(hive: str) -> str:
    return _TYPES.get(hive, hive.upper() if re.fullmatch(r"decimal\(\d+,\d+\)", hive) else "VARCHAR")


def _files(aws: LocalAws, location: str, pattern: str) -> list[Path]:
    bucket, _, prefix = location.removeprefix("s3://").partition("/")
    found = (aws.bucket_folder(bucket) / prefix).glob(pattern)
    return sorted(file for file in found if file.is_file() and not file.name.startswith((".", "_")))


def _name(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
