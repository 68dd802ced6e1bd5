"""The console over a deployed stack: what it reads for a page, counted, and what the page then has."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError
from starlette.testclient import TestClient

from cli.__main__ import main
from cli.calling import Call
from cli.console.app import app_of
from cli.console.doing import Doer
from cli.console.guard import Token
from cli.console.pages import Console
from cli.console.place import place_of
from cli.output import Output
from cli.problems import FAILED
from lakeferry.ledger import Ledger
from lakeferry.ledger.days import DAYS, by_day
from lakeferry.ledger.feed_states import Landed
from tests.conftest import feed_document
from tests.unit.cli_world import deployed

NOW = datetime.now(UTC)
FEED = "acme/daily_sales"
ROUTINE = {"ListStackResources", "DescribeExecution", "ListExecutions"}


class Calls(Counter[str]):
    """What AWS was asked, by its name; of tables also which index."""

    def of_pages(self) -> dict[str, int]:
        return {name: count for name, count in self.items() if name not in ROUTINE}


@pytest.fixture
def calls(aws: None, monkeypatch: pytest.MonkeyPatch) -> Calls:
    found, original = Calls(), BaseClient._make_api_call  # type: ignore[attr-defined]

    def noted(self: Any, name: str, given: dict[str, Any]) -> Any:
        found[" ".join(filter(None, (name, given.get("IndexName"))))] += 1
        return original(self, name, given)

    monkeypatch.setattr(BaseClient, "_make_api_call", noted)
    return found


@pytest.fixture
def tables(aws: None) -> dict[str, str]:
    return deployed()


@pytest.fixture
def browser(calls: Calls, tables: dict[str, str]) -> Iterator[TestClient]:
    token = Token(8765, "the-token")
    place = place_of(Call(Output(as_json=False), stack_name="lakeferry"))
    console = Console(place=place, token=token, name="lakeferry", extras={"doer": Doer([])})
    boto3.resource("dynamodb").Table(tables["FeedsTable"]).put_item(Item=json.loads(json.dumps(feed_document())))
    with TestClient(app_of(console, 8765), base_url="http://127.0.0.1:8765") as client:
        assert client.get("/?token=the-token").status_code == 200
        calls.clear()
        yield client
    place.close()


def ledger(tables: dict[str, str]) -> Ledger:
    return Ledger(boto3.resource("dynamodb").Table(tables["LedgerTable"]))


def put(tables: dict[str, str], run: str, *, number: int, days: int, **values: Any) -> None:
    """A file that landed so many days ago."""
    came = NOW - timedelta(days=days)
    moments = {
        name: (came + timedelta(seconds=step)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        for name, step in (
            ("first_listed_at", 0),
            ("claimed_at", 2),
            ("fetched_at", 12),
            ("validated_at", 15),
            ("uploaded_at", 18),
        )
    }
    path = f"/out/sales_{number}.csv"
    item = {
        **{"feed_id": FEED, "file_id": f"{path}#3#1", "path": path, "run": run, "dt": f"{came:%Y-%m-%d}", "size": 3},
        **{"mtime": 1, "attempts": 1, "bytes_fetched": 3, "rows_read": 10, "rows_landed": 10, "rows_rejected": 0},
        **{"partition": f"{FEED}/{came:%Y-%m-%d}", "raw_keys": ["raw/x"], "status": "UPLOADED", **moments, **values},
    }  # fmt: skip
    boto3.resource("dynamodb").Table(tables["LedgerTable"]).put_item(Item=item)


def started(tables: dict[str, str]) -> str:
    states = boto3.client("stepfunctions")
    return str(
        states.start_execution(stateMachineArn=tables["IngestStateMachine"], name="one", input="{}")["executionArn"]
    )


def afresh(client: TestClient, calls: Calls) -> None:
    """Nothing was read a moment ago, and nothing was asked."""
    console: Console = client.app.state.console  # type: ignore[attr-defined]
    console.place._kept.clear()
    calls.clear()


def text_of(client: TestClient, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200, answer.text
    return answer.text


def test_a_stack_that_is_not_there_is_told_before_anything_is_shown(
    tables: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["console", "--stack", "lakefery", "--json"]) == FAILED
    said = capsys.readouterr()
    assert "there is no stack lakefery" in said.err
    assert "console" not in said.out


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (NoCredentialsError(), "no AWS credentials: log in"),
        (EndpointConnectionError(endpoint_url="https://x"), "AWS cannot be reached"),
        (ClientError({"Error": {"Code": "ExpiredToken", "Message": "x"}}, "Scan"), "your AWS session has expired"),
        (ClientError({"Error": {"Code": "AccessDenied", "Message": "x"}}, "Scan"), "ask for the permission"),
    ],
    ids=["none", "unreachable", "expired", "denied"],
)
def test_what_aws_refuses_later_is_told_on_a_page(
    browser: TestClient, calls: Calls, monkeypatch: pytest.MonkeyPatch, error: Exception, said: str
) -> None:
    def refuse(*_: object) -> None:
        raise error

    afresh(browser, calls)
    monkeypatch.setattr(BaseClient, "_make_api_call", refuse)
    for address in ("/runs", "/feeds", "/failures", "/promises", f"/files?feed={FEED}"):
        answer = browser.get(address)
        assert answer.status_code == 502, address
        assert said in answer.text
        assert 'href="/failures"' in answer.text, "the way on is there"


def test_what_athena_cannot_parse_is_told_beside_the_query(
    browser: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Any, name: str, given: dict[str, Any]) -> Any:
        if name == "StartQueryExecution":
            raise ClientError({"Error": {"Code": "InvalidRequestException", "Message": "line 1:8: mismatched"}}, name)
        return original(self, name, given)

    original = BaseClient._make_api_call  # type: ignore[attr-defined]
    monkeypatch.setattr("cli.console.sql.Stack.physical", lambda self, logical: logical)
    monkeypatch.setattr(BaseClient, "_make_api_call", refuse)
    answer = browser.get("/query?sql=select+from")
    assert answer.status_code == 400
    assert "mismatched" in answer.text
    assert "<textarea" in answer.text


def test_a_months_files_and_rows_are_in_the_feeds_own_item(
    browser: TestClient, calls: Calls, tables: dict[str, str]
) -> None:
    of_feeds = ledger(tables).feeds
    of_feeds.note_landed(FEED, [Landed("a", 10, ["x"]), Landed("b", 32, ["x"])])
    of_feeds.note_landed(FEED, [Landed("c", 1, ["x"])])
    afresh(browser, calls)
    page = text_of(browser, "/feeds")
    assert f"Files of {FEED} in 30 days: 30 values from 0 to 3, the last 3" in page
    assert f"Rows of {FEED} in 30 days: 30 values from 0 to 43, the last 43" in page
    # all documents once, all items of feeds, and what is open of this one: no file that landed
    assert calls.of_pages() == {"Scan": 1, "BatchGetItem": 1, "Query unfinished": 1}
    afresh(browser, calls)
    browser.get("/tenant?name=acme&to=/feeds", follow_redirects=False)
    assert FEED in text_of(browser, "/feeds")
    browser.get("/tenant?name=&to=/feeds", follow_redirects=False)
    # the choice above has all tenants; of the chosen one's feeds a Query of its own
    assert calls.of_pages() == {"Scan": 1, "Query": 1, "BatchGetItem": 1, "Query unfinished": 1}


def test_days_that_are_over_are_not_kept_for_ever(tables: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    of_feeds = ledger(tables).feeds
    for back in reversed(range(3 * DAYS)):
        day = NOW - timedelta(days=back)
        monkeypatch.setattr(
            "lakeferry.ledger.feed_states.datetime", type("At", (), {"now": staticmethod(lambda _, day=day: day)})
        )
        of_feeds.note_landed(FEED, [Landed(f"f{back}", back, ["x"])])
    state = of_feeds.get(FEED)
    assert by_day(state, 30, NOW)[-3:] == [((NOW - timedelta(days=back)).date(), 1, back) for back in (2, 1, 0)]
    assert len([name for name in state if name.startswith("files_on_")]) <= DAYS + DAYS // 2 + 1


def test_a_feeds_page_reads_what_it_draws_and_not_its_years(
    browser: TestClient, calls: Calls, tables: dict[str, str]
) -> None:
    for number in range(70):
        put(tables, "r", number=number, days=number)
    put(tables, "r", number=1_000, days=400)
    afresh(browser, calls)
    page = text_of(browser, f"/feeds/{FEED}")
    assert "sales_0.csv" in page
    assert "sales_59.csv" in page
    assert "sales_1000.csv" not in page
    found = calls.of_pages()
    # a date each, today's and 60 before it and tomorrow's; the items of those that have some; documents and history
    assert found["Query by_partition"] == 62
    assert found["BatchGetItem"] <= 61
    assert found["Query"] <= 2
    afresh(browser, calls)
    listed = text_of(browser, f"/files?feed={FEED}")
    assert "sales_1000.csv" not in listed
    assert "Query" not in calls, "all of the feed's files"
    assert "sales_1000.csv" in text_of(browser, f"/files?feed={FEED}&q=/out/sales_1000.csv")
    assert calls["Query"] == 1


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, ["Upload files", "3.0 s"]),
        (
            {"status": "CURATED", "curated_at": (NOW + timedelta(seconds=60)).isoformat(), "curated_in": "Run Glue job",
             "curated_run": "arn:aws:states:eu-west-1:123456789012:execution:lakeferry-ingest:one"},
            ["Run Glue job", "done", "/runs/one/states?state=Run+Glue+job"],
        ),
        (
            {"status": "CURATED", "curated_at": (NOW + timedelta(seconds=60)).isoformat(), "curated_in": "Curate small",
             "curated_run": "arn:aws:states:eu-west-1:123456789012:execution:lakeferry-ingest:later"},
            ["Curate small", "done", "/runs/later/states?state=Curate+small"],
        ),
        (
            {"status": "FAILED", "stage": "Validate files", "error": "FileRejectedError", "cause": "it is empty.",
             "failed_at": (NOW + timedelta(seconds=14)).isoformat()},
            ["Validate files", "failed", "FileRejectedError"],
        ),
        ({"status": "FETCHED"}, ["Validate files", "at work"]),
    ],
    ids=["landed", "curated", "curated by the function, later", "failed", "in work"],
)  # fmt: skip
def test_a_files_states_are_the_ledgers(
    browser: TestClient, calls: Calls, tables: dict[str, str], values: dict[str, Any], said: list[str]
) -> None:
    put(tables, started(tables), number=1, days=0, **values)
    afresh(browser, calls)
    page = text_of(browser, f"/file?feed={FEED}&file=/out/sales_1.csv%233%231")
    rows = re.findall(r"<tr><th scope=\"row\" data-label=\"State\">.*?</tr>", page, re.DOTALL)
    assert all(word in rows[-1] for word in said), rows[-1]
    assert "Poll server" in rows[0]
    assert "/runs/one/states?state=Poll+server" in page
    # the file, its other versions, the log of its run, and the tenants for the choice above: no history
    assert calls.of_pages() == {"GetItem": 1, "Query": 1, "FilterLogEvents": 1, "Scan": 1}
