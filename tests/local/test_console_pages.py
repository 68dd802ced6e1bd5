"""The console's feeds, promises and queries: what they show, and what a query cannot reach."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from cli.console.sql import QueryError, ask_lake, ask_stack
from tests.local.console_catalog import ACME, GLOBEX, HOSTILE, SECRET_OF_GLOBEX
from tests.local.console_lake import BEGAN, add_files, console, file
from tests.local.console_read import read


def test_feeds_have_their_promise_backlog_and_last_days(browser: TestClient) -> None:
    page = read(browser, "/feeds")
    assert "BREACHED" in page.text
    assert "late, and not complete yet" in page.text
    assert "3 polls failed HostKeyMismatchError" in page.text
    labels = {attributes.get("aria-label") for tag, attributes in page.tags if tag == "svg"}
    assert f"Files of {ACME} in 30 days: 30 values from 0 to 1" in {
        str(one).partition(", the last")[0] for one in labels
    }
    assert "1 feed" in read(browser, "/feeds?q=RETURNS").text


def test_a_feed_over_time(own_lake: Path) -> None:
    tables = own_lake / ".lakeferry" / "tables"
    documents = json.loads((tables / "FeedsTable.json").read_text())
    before = {**documents[0], "dataset": "earlier"}
    documents[0]["checks"] |= {"rows": {"min": 50, "max": 120}}
    (tables / "FeedsTable.json").write_text(json.dumps(documents))
    kept = {"by": HOSTILE, "why": "put", "document": json.dumps(before)}
    add_files(
        own_lake,
        file("new.csv", columns=["a", "b"], drift={"added": ["b"], "removed": [HOSTILE]}),
        *(file(f"day{number}.csv", rows_read=100 + number) for number in range(5)),
        {"feed_id": "!document", "file_id": f"{ACME}#2026-11-01T00:00:00.000Z", **kept},
    )
    with console(own_lake) as client:
        page = read(client, f"/feeds/{ACME}")
    for words in ("promised time, 06:30", "from 50 to 120", "+ b", "type:amount", "7 rows rejected", "dataset: sales"):
        assert words in page.text, words
    assert '~ dataset: "earlier" -> "sales"' in page.text
    assert "What its settings mean" in page.text
    assert "script" not in {tag for tag, _ in page.tags}


def test_promises_are_a_calendar_with_attainment_and_what_comes(browser: TestClient) -> None:
    page = read(browser, f"/promises?month={BEGAN.year}-{BEGAN.month:02}")
    assert "Due within 24 hours" in page.text
    if BEGAN.hour >= 1 or BEGAN.day > 1:
        assert "0.0%" in page.text
        assert "1 late or missing" in page.text
    assert "No due time in this month" in read(browser, "/promises?month=2020-01").text
    # a month that is none is this one
    shown = [read(browser, f"/promises{query}").text.partition("Made")[0] for query in ("", "?month=2020-13")]
    assert shown[0] == shown[1]


def test_a_query_is_answered_as_table_chart_and_csv(browser: TestClient) -> None:
    sql = "select store, sum(amount) as amount from sales group by all order by amount"
    page = read(browser, f"/query?sql={sql}")
    assert "3 rows" in page.text
    assert "chart" in {attributes.get("class") for tag, attributes in page.tags if tag == "svg"}
    rows = list(csv.reader(io.StringIO(browser.get("/query.csv", params={"sql": sql}).text)))
    assert rows[0] == ["store", "amount"]
    assert [HOSTILE, "3.0"] in rows


def test_a_spreadsheet_runs_nothing_of_an_answer(browser: TestClient) -> None:
    text = browser.get("/query.csv", params={"sql": "select note from raw_acme_daily_sales"}).text
    assert "'=1+1" in text


REFUSED = [
    "select * from read_text('/etc/passwd')",
    "select * from read_csv('/etc/passwd')",
    "select * from '/etc/passwd'",
    "select * from read_text('{lake}/.lakeferry/tables/LedgerTable.json')",
    "select * from read_blob('{lake}/.lakeferry/functions.log'), sales",
    "select * from glob('/etc/*')",
    "select * from read_csv('https://example.com/x.csv')",
    "select * from read_parquet('s3://bucket/x')",
    "copy (select * from sales) to '{lake}/stolen.csv'",
    "copy sales to '{lake}/stolen.parquet'",
    "export database '{lake}/stolen'",
    "attach '{lake}/stolen.db'",
    "install httpfs",
    "load httpfs",
    "set enable_external_access = true",
    "reset allowed_paths",
    "create table mine as select 1",
    "drop view sales",
    "insert into ledger values ('x')",
    "select 1; select 2",
    "select * from sales; copy sales to '{lake}/stolen.csv'",
    "explain analyze select * from read_text('/etc/passwd')",
    "with x as (select * from read_text('/etc/passwd')) select * from x",
    "select (select content from read_text('/etc/hostname'))",
    "select * from query('copy sales to stolen')",
    "select * from sqlite_scan('/etc/passwd', 'x')",
    "",
    "-- nothing",
]


@pytest.mark.parametrize("sql", REFUSED)
def test_a_query_reads_tables_and_nothing_else(lake: Path, sql: str) -> None:
    before = sorted(path for path in lake.rglob("*") if path.is_file())
    with pytest.raises(QueryError) as error:
        ask_lake(lake, sql.format(lake=lake), "")
    assert "root:" not in str(error.value)
    assert sorted(path for path in lake.rglob("*") if path.is_file()) == before


@pytest.mark.parametrize(
    "sql",
    [
        "select * from sales",
        "select * from ledger",
        "select * from raw_acme_daily_sales",
        "select * from duckdb_tables(), ledger",
        "select * from duckdb_views(), sales",
        "select * from sales, ledger, raw_acme_daily_sales",
        'select * from lakeferry."sales$files"',
    ],
)
def test_a_tenants_query_finds_its_own_alone(lake: Path, sql: str) -> None:
    found = str(ask_lake(lake, sql, "acme"))
    assert "globex" not in found
    assert SECRET_OF_GLOBEX not in found
    assert "acme" in found
    # and for the operator there is more
    assert "globex" in str(ask_lake(lake, "select * from sales, ledger", ""))


@pytest.mark.parametrize(
    "sql",
    [
        "select * from raw_globex_returns",
        "select * from read_parquet('{lake}/curated/sales/tenant=globex/feed=x/dt=d/part.parquet'), sales",
        "select * from read_text('{lake}/ledger/day=d/one.json'), ledger",
        'select * from lakeferry."ledger$files", ledger',
    ],
)
def test_a_tenants_query_reaches_no_file_with_others_rows(lake: Path, sql: str) -> None:
    with pytest.raises(QueryError):
        ask_lake(lake, sql.format(lake=lake), "acme")


class Athena:
    """Answers as Athena does, after a while."""

    def __init__(self, state: str = "SUCCEEDED") -> None:
        self.state, self.asked, self.given = state, 0, dict[str, Any]()

    def client(self, name: str) -> "Athena":
        return self

    def physical(self, logical: str) -> str:
        return logical

    def start_query_execution(self, **given: Any) -> dict[str, str]:
        self.given = given
        return {"QueryExecutionId": "1"}

    def get_query_execution(self, **given: str) -> dict[str, Any]:
        self.asked += 1
        state = "RUNNING" if self.asked == 1 else self.state
        status = {"State": state, "StateChangeReason": "Bytes scanned limit was exceeded"}
        return {"QueryExecution": {"Status": status, "Statistics": {"DataScannedInBytes": 1234}}}

    def get_query_results(self, **given: Any) -> dict[str, Any]:
        heads = {"Data": [{"VarCharValue": "a"}]}
        columns = {"ColumnInfo": [{"Name": "a"}]}
        return {"ResultSet": {"ResultSetMetadata": columns, "Rows": [heads, {"Data": [{"VarCharValue": "1"}]}]}}


def test_a_stack_is_asked_in_its_workgroup(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cli.console.sql.time.sleep", lambda seconds: None)
    athena: Any = Athena()
    answer = ask_stack(athena, "/* a */ with x as (select 1) select * from x")
    assert (answer.columns, answer.rows, answer.told) == (("a",), [("1",)], "Athena, 1,234 bytes read")
    assert athena.given["WorkGroup"] == "QueryWorkGroup"
    failing: Any = Athena("FAILED")
    with pytest.raises(QueryError, match="limit was exceeded"):
        ask_stack(failing, "select 1")


@pytest.mark.parametrize(
    "sql",
    ["drop table sales", "-- select\ndrop table x", "unload (select 1) to 's3://x/'", "insert into x select 1", ""],
)
def test_a_stack_is_asked_for_nothing_but_a_select(sql: str) -> None:
    athena: Any = Athena()
    with pytest.raises(QueryError):
        ask_stack(athena, sql)
    assert not athena.given


def test_another_tenants_feed_is_none(lake: Path) -> None:
    with console(lake, only="acme") as client:
        assert client.get(f"/feeds/{GLOBEX}").status_code == 404
        assert SECRET_OF_GLOBEX not in client.get("/promises").text
