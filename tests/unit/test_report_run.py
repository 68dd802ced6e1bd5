"""The function that writes a run's reports when it has ended: whatever its end, once or twice, within its limits."""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import boto3
import pytest

from lakeferry.ledger import Ledger
from lakeferry.models import link_of, report_key, report_link
from lakeferry.reports.gather import RESERVE_SECONDS, Sources
from lakeferry.reports.maps import MAPS
from lakeferry.sla.table import SlaTable
from report_run import handler
from report_run.core import report, run_of
from tests.conftest import ROOT, RUN, called
from tests.unit.conftest import SETTINGS
from tests.unit.test_reports import Text, entry, failed, put

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_s3 import S3Client

EVENT: dict[str, Any] = json.loads((ROOT / "events" / "report_run.json").read_text())
OPERATORS = "reports/operator/run-1/index.html"


@pytest.fixture
def sources(ledger: Ledger, feeds_table: "Table", sla_table: "Table") -> Sources:
    return Sources(ledger, feeds_table, SlaTable(sla_table), boto3.client("stepfunctions"))


def written(sources: Sources, s3: "S3Client", monkeypatch: pytest.MonkeyPatch, **detail: Any) -> dict[str, str]:
    """All objects of the lake after an event."""
    clients = SimpleNamespace(
        ledger=sources.ledger, feeds=sources.feeds, sla=sources.sla, states=sources.states, s3=s3, settings=SETTINGS
    )
    monkeypatch.setattr(handler, "clients", lambda: clients)
    context = called()
    context.get_remaining_time_in_millis = lambda: 900_000
    event = EVENT | {"detail": EVENT["detail"] | {"executionArn": RUN, **detail}}
    count = handler.handler(event, context)["reports"]
    keys = [found["Key"] for found in s3.list_objects_v2(Bucket="lake").get("Contents", ())]
    assert len(keys) == count
    return {key: s3.get_object(Bucket="lake", Key=key)["Body"].read().decode() for key in keys}


def test_each_tenant_has_its_own_and_the_operator_the_whole(
    sources: Sources, s3: "S3Client", monkeypatch: pytest.MonkeyPatch
) -> None:
    put(entry("ours.csv"), failed("theirs.csv", "globex/stock"))
    pages = written(sources, s3, monkeypatch)
    assert set(pages) == {OPERATORS, *(report_key(RUN, tenant) for tenant in ("acme", "globex"))}
    assert s3.head_object(Bucket="lake", Key=OPERATORS)["ContentType"] == "text/html; charset=utf-8"
    assert link_of(RUN) in Text(pages[OPERATORS]).links


@pytest.mark.parametrize("status", ["FAILED", "TIMED_OUT", "ABORTED"])
def test_a_run_that_did_not_succeed_has_one_and_a_tenants_does_not_name_others_files(
    sources: Sources, s3: "S3Client", monkeypatch: pytest.MonkeyPatch, status: str
) -> None:
    put(entry("ours.csv"), entry("theirs.csv", "globex/stock"))
    cause = "1 of 2 files do not add up: globex/stock /out/theirs.csv"
    pages = written(sources, s3, monkeypatch, status=status, error="BalanceError", cause=f"Mailed. {cause}")
    said = Text(pages[OPERATORS]).text
    assert "The run failed" in said
    assert cause in said
    assert "globex" not in pages[report_key(RUN, "acme")]
    assert "The operator's report says why." in Text(pages[report_key(RUN, "acme")]).text


def test_an_aborted_run_of_which_nothing_is_known_has_one(
    sources: Sources, s3: "S3Client", monkeypatch: pytest.MonkeyPatch
) -> None:
    said = Text(written(sources, s3, monkeypatch, status="ABORTED")[OPERATORS]).text
    assert "No cause was given." in said


def test_an_event_that_comes_twice_writes_the_same_pages_over(
    sources: Sources, s3: "S3Client", monkeypatch: pytest.MonkeyPatch
) -> None:
    put(entry("a.csv"))
    first, second = (written(sources, s3, monkeypatch) for _ in range(2))
    assert first.keys() == second.keys()


def test_what_event_bridge_tells_is_the_run() -> None:
    run = run_of(EVENT["detail"] | {"error": "X", "cause": "y"})
    assert (run.status, run.error, run.cause) == ("SUCCEEDED", "X", "y")
    assert run.started == datetime(2026, 11, 23, 7, 0, 0, 412_000, UTC)
    assert run.ended is not None
    assert run.ended > run.started


@pytest.mark.parametrize(
    ("partition", "region", "host"),
    [
        ("aws", "eu-west-1", "eu-west-1.console.aws.amazon.com"),
        ("aws-cn", "cn-north-1", "cn-north-1.console.amazonaws.cn"),
        ("aws-us-gov", "us-gov-west-1", "us-gov-west-1.console.amazonaws-us-gov.com"),
    ],
)
def test_its_link_is_the_consoles_of_the_partition_and_the_key_that_is_written(
    partition: str, region: str, host: str
) -> None:
    run = f"arn:{partition}:states:{region}:123456789012:execution:lakeferry-ingest:a=b (1)"
    assert report_link(run, "lake-1", "acme") == (
        f"https://{host}/s3/object/lake-1?region={region}&prefix=reports/tenants/acme/a%3Db%20%281%29/index.html"
    )


def test_files_for_which_there_is_no_time_are_left_out_and_the_page_says_so(sources: Sources, s3: "S3Client") -> None:
    put(*(entry(f"{number}.csv") for number in range(5)))
    seconds = iter([RESERVE_SECONDS + 2, RESERVE_SECONDS + 1, RESERVE_SECONDS - 1])
    (operators, _) = report(sources, s3, "lake", run_of(EVENT["detail"] | {"executionArn": RUN}), left=seconds.__next__)
    said = Text(s3.get_object(Bucket="lake", Key=operators)["Body"].read().decode()).text
    assert "Not in here: " in said
    assert "files after the first 3, for which there was no time" in said


def test_maps_are_those_of_the_machine() -> None:
    states = json.loads((ROOT / "statemachine" / "ingest.asl.json").read_text())["States"]
    labels = {
        state["Label"]: name
        for name, state in states.items()
        if state.get("ItemProcessor", {}).get("ProcessorConfig", {}).get("Mode") == "DISTRIBUTED"
    }
    assert labels == {label: state for label, (state, _) in MAPS.items()}


def of_states(**counts: int) -> Any:
    """Step Functions as it answers about a run whose maps have come to their end."""
    arn = RUN.replace(":execution:", ":mapRun:").replace(":run-1", "/{}:2f7e")
    all_of = dict.fromkeys(("pending", "running", "succeeded", "failed", "timedOut", "aborted"), 0) | counts
    return SimpleNamespace(
        get_execution_history=lambda **_: {"events": []},
        list_map_runs=lambda **_: {"mapRuns": [{"mapRunArn": arn.format(label)} for label in ("Feed", "Mail", "New")]},
        describe_map_run=lambda mapRunArn: {"executionCounts": all_of if "/Feed:" in mapRunArn else all_of | counts},
    )


def test_executions_that_died_without_a_word_are_told_to_the_operator_alone(sources: Sources, s3: "S3Client") -> None:
    put(entry("a.csv"))
    died = Sources(sources.ledger, sources.feeds, sources.sla, of_states(succeeded=7, failed=1, aborted=1))
    report(died, s3, "lake", run_of(EVENT["detail"] | {"executionArn": RUN}))
    operators, tenants = (
        Text(s3.get_object(Bucket="lake", Key=report_key(RUN, whose))["Body"].read().decode()).text
        for whose in ("", "acme")
    )
    assert "Executions of feeds ended without a word" in operators
    assert "For each feed: 7 feeds, 2 failed" in operators
    assert "list-executions --map-run-arn" in operators
    assert "without a word" not in tenants
    assert "7 feeds" not in tenants, "how many there are is no tenant's business"


class Counted:
    """A client that answers from a stack of 200 feeds and counts its calls."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Any:
        def call(**_: Any) -> Any:
            self.calls[name] += 1
            return self.answers(name)

        return call

    def answers(self, name: str) -> Any:
        return {
            "scan": {"Items": [{"tenant": f"t{n % 5}", "feed": f"f{n}", "dataset": "d"} for n in range(200)]},
            "get_execution_history": {"events": []},
            "list_map_runs": {"mapRuns": []},
        }.get(name, {"Items": []})


def test_calls_grow_with_pages_and_tenants_not_with_feeds_or_files() -> None:
    client = Counted()
    asked: list[int] = []

    def of_run(run: str, attributes: Any, tenant: str) -> Iterator[dict[str, Any]]:
        for number in range(600):
            feed = number % 200
            yield entry(f"{number}.csv", f"t{feed % 5}/f{feed}")

    def known(ids: list[str]) -> dict[str, Any]:
        asked.append(len(ids))
        return {}

    ledger = SimpleNamespace(
        of_run=of_run,
        feeds=SimpleNamespace(known=known),
        asides=SimpleNamespace(of=lambda what: []),
    )
    sla = SimpleNamespace(clocks=dict)
    sources = Sources(cast("Ledger", ledger), cast("Table", client), cast("SlaTable", sla), cast("Any", client))
    puts: list[str] = []
    counting = SimpleNamespace(put_object=lambda **given: puts.append(given["Key"]))
    report(sources, cast("Any", counting), "lake", run_of(EVENT["detail"]))
    assert client.calls == {"get_execution_history": 1, "list_map_runs": 1, "scan": 1}
    assert asked == [200], "a hundred a call"
    assert len(puts) == 1 + 2 + 5, "the operator's, its two pages of files, and five tenants' that show all of theirs"
    assert len(puts) == len(set(puts))
