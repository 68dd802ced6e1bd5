"""SQL that a viewer writes: of a lake by a DuckDB that reads its tables and nothing else, of a stack by Athena."""

import re
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from cli.aws_problems import words_of
from cli.problems import CommandError
from cli.stack import Stack
from local.kept import read_json

ROWS = 1_000
"""Rows of an answer that are read."""
SECONDS = 60
LONGEST = 20_000
"""Characters of a query."""
_LOCKS = (
    "SET autoinstall_known_extensions = false",
    "SET autoload_known_extensions = false",
    "SET allow_community_extensions = false",
    "SET memory_limit = '1GB'",
    "SET threads = 2",
    "SET temp_directory = ''",
    "SET enable_external_access = false",
    "SET lock_configuration = true",
)
"""After these nothing is read but what `allowed_paths` names, and none of them can be taken back."""
_ROWS_OF = {"ledger", "sla"}
"""Tables of all tenants whose rows have a `feed_id`: a tenant gets a copy of its own."""
_LITTLE = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)


class QueryError(CommandError):
    """The query cannot be answered; why, in the engine's words."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a query found.

    Attributes:
        more: There are more rows than were read.
        told: What it cost, or where it ran.
    """

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    more: bool
    told: str


class KeptCatalog:
    """The catalog of a lake that rests, as `local.sql` asks for it; of one tenant its tables and partitions alone."""

    def __init__(self, lake: Path, tenant: str) -> None:
        self._lake, self._tenant = lake, tenant
        kept: Mapping[str, list[dict[str, Any]]] = read_json(lake / ".lakeferry" / "catalog.json") or {}
        self._kept = {name: [one for one in tables if self._is_mine(one["table"])] for name, tables in kept.items()}

    def _is_mine(self, table: Mapping[str, Any]) -> bool:
        name, keys = table["Name"], [key["Name"] for key in table.get("PartitionKeys", ())]
        own = name.startswith((f"raw_{self._tenant}_", f"typed_{self._tenant}_"))
        return not self._tenant or own or "tenant" in keys or name in {*_ROWS_OF, "ledger_latest"}

    def names(self) -> list[str]:
        """Of its tables, as a query may name them."""
        return sorted(one["table"]["Name"] for tables in self._kept.values() for one in tables)

    # -- as boto3's client of Glue, of which these three are asked

    def client(self, name: str) -> "KeptCatalog":
        return self

    def bucket_folder(self, bucket: str) -> Path:
        return self._lake

    def get_paginator(self, name: str) -> "_Pages":
        return _Pages(self, name)

    def page(self, name: str, given: Mapping[str, str]) -> dict[str, Any]:
        """The one page of an answer."""
        if name == "get_databases":
            return {"DatabaseList": [{"Name": database} for database in self._kept]}
        tables = self._kept[given["DatabaseName"]]
        if name == "get_tables":
            return {"TableList": [one["table"] for one in tables]}
        (table,) = (one for one in tables if one["table"]["Name"] == given["TableName"])
        keys = [key["Name"] for key in table["table"].get("PartitionKeys", ())]
        found = table["partitions"]
        if self._tenant and "tenant" in keys:
            found = [one for one in found if one["Values"][keys.index("tenant")] == self._tenant]
        return {"Partitions": found}


@dataclass(frozen=True, slots=True)
class _Pages:
    catalog: KeptCatalog
    name: str

    def paginate(self, **given: str) -> Iterable[dict[str, Any]]:
        yield self.catalog.page(self.name, given)


def ask_lake(lake: Path, sql: str, tenant: str) -> Answer:
    """Asks the tables of a lake.

    Raises:
        QueryError: it is no query, or DuckDB cannot answer it.
    """
    import duckdb

    from local.sql import connect

    _check(sql)
    catalog = KeptCatalog(lake, tenant)
    try:
        statements = duckdb.extract_statements(sql)
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            raise QueryError("one SELECT is answered, and nothing else")
        with connect(catalog, sql) as connection:
            if tenant:
                _own_rows(connection, tenant)
            files = [file for place in _places(connection) for (file,) in connection.execute(place).fetchall()]
            connection.execute(f"SET allowed_paths = [{', '.join(map(_text, files))}]")
            for lock in _LOCKS:
                connection.execute(lock)
            return _answer(connection, sql)
    except duckdb.Error as error:
        raise QueryError(str(error)) from error


def _answer(connection: Any, sql: str) -> Answer:  # noqa: ANN401  (DuckDB has no types)
    begun = time.monotonic()
    timer = threading.Timer(SECONDS, connection.interrupt)
    timer.start()
    try:
        result = connection.execute(sql)
        rows = result.fetchmany(ROWS + 1)
        columns = tuple(column[0] for column in result.description or ())
    finally:
        timer.cancel()
    return Answer(columns, rows[:ROWS], len(rows) > ROWS, f"DuckDB, {time.monotonic() - begun:.2f} s")


def _own_rows(connection: Any, tenant: str) -> None:  # noqa: ANN401
    """Copies of what others have rows in, too; the files themselves are read no more."""
    found = connection.execute(
        "SELECT schema_name, view_name FROM duckdb_views() WHERE NOT internal AND view_name IN ('ledger', 'sla')"
    ).fetchall()
    for schema, name in found:
        table = f"{_name(schema)}.{_name(name)}"
        connection.execute(f"CREATE TEMP TABLE own AS SELECT * FROM {table} WHERE feed_id LIKE {_text(tenant + '/%')}")  # noqa: S608
        connection.execute(f"DROP VIEW {table}")
        connection.execute(f"DROP TABLE IF EXISTS {_name(schema)}.{_name(name + '$files')}")
        connection.execute(f"CREATE TABLE {table} AS FROM own")
        connection.execute("DROP TABLE own")


def _places(connection: Any) -> Iterator[str]:  # noqa: ANN401
    tables = connection.execute(
        "SELECT schema_name, table_name FROM duckdb_tables() WHERE table_name LIKE '%$files'"
    ).fetchall()
    for schema, name in tables:
        yield f"SELECT filename FROM {_name(schema)}.{_name(name)}"  # noqa: S608


def ask_stack(stack: Stack, sql: str) -> Answer:
    """Asks Athena, in the stack's workgroup and under its limit of bytes.

    Raises:
        QueryError: it is no query, or Athena cannot answer it.
    """
    _check(sql)
    if not re.match(r"\s*\(*\s*(SELECT|WITH)\b", _LITTLE.sub(" ", sql), re.IGNORECASE):
        raise QueryError("a SELECT is answered, and nothing else")
    athena = stack.client("athena")
    given = {"Database": stack.physical("GlueDatabase")}
    try:
        started = athena.start_query_execution(
            QueryString=sql, WorkGroup=stack.physical("QueryWorkGroup"), QueryExecutionContext=given
        )
    except ClientError as error:  # what it cannot parse it refuses at once
        raise QueryError(words_of(error)) from error
    number = started["QueryExecutionId"]
    deadline, pause = time.monotonic() + SECONDS, 0.2
    while True:
        found = athena.get_query_execution(QueryExecutionId=number)["QueryExecution"]
        state = found["Status"]["State"]
        if state == "SUCCEEDED":
            break
        if state in {"FAILED", "CANCELLED"}:
            raise QueryError(found["Status"].get("StateChangeReason", state))
        if time.monotonic() > deadline:
            athena.stop_query_execution(QueryExecutionId=number)
            raise QueryError(f"it took longer than {SECONDS} s, and was stopped")
        time.sleep(pause)
        pause = min(2 * pause, 2.0)
    answer = athena.get_query_results(QueryExecutionId=number, MaxResults=ROWS)
    columns = tuple(one["Name"] for one in answer["ResultSet"]["ResultSetMetadata"]["ColumnInfo"])
    rows = [tuple(cell.get("VarCharValue") for cell in row["Data"]) for row in answer["ResultSet"]["Rows"]]
    scanned = int(found.get("Statistics", {}).get("DataScannedInBytes", 0))
    # the first row of a SELECT has the heads once more
    return Answer(columns, rows[1:], "NextToken" in answer, f"Athena, {scanned:,} bytes read")


def _check(sql: str) -> None:
    if len(sql) > LONGEST:
        raise QueryError(f"a query has {LONGEST:,} characters at most")


def _name(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
