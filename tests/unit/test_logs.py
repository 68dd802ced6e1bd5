"""Log lines: each tells the call it belongs to, and nothing of the call before."""

import ast
import io
import json
import logging
from pathlib import Path
from typing import Any

import boto3
import pytest

from curate_small import handler as curating
from lakeferry.batches import Batch
from lakeferry.clients import Clients
from lakeferry.logs import identify, logger_for, measured, tell_failed
from lakeferry.models import FeedItem, run_id_of
from poll.balance import metrics_of
from report import Report
from tests.conftest import ROOT, RUN, called
from tests.unit.conftest import SETTINGS
from worklist import Partition

HANDLERS = sorted((ROOT / "functions").glob("*/handler.py"))


def test_a_line_has_the_request_id_and_nothing_of_another_tenants_call(capsys: pytest.CaptureFixture[str]) -> None:
    logger = logger_for("test-logs")

    @logger.inject_lambda_context(clear_state=True)
    def handler(event: dict[str, Any], context: object) -> None:
        logger.info("called")
        identify(logger, FeedItem.from_event(event))
        logger.info("identified")

    for number, tenant in enumerate(("acme", "globex")):
        handler({"tenant": tenant, "feed": "sales", "run": RUN}, called(f"request-{number}"))
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["function_request_id"], line["message"], line.get("tenant")) for line in lines] == [
        ("request-0", "called", None),
        ("request-0", "identified", "acme"),
        ("request-1", "called", None),
        ("request-1", "identified", "globex"),
    ]
    assert {line["service"] for line in lines} == {"lakeferry-test-logs"}


@pytest.mark.parametrize("path", HANDLERS, ids=lambda path: path.parent.name)
def test_each_handler_logs_so(path: Path) -> None:
    (handler,) = [
        found
        for found in ast.parse(path.read_text()).body
        if isinstance(found, ast.FunctionDef) and found.name == "handler"
    ]
    decorators = [ast.unparse(decorator) for decorator in handler.decorator_list]
    assert decorators == ["logger.inject_lambda_context(clear_state=True)"]


def test_the_line_about_a_poll_is_one_of_metrics_too(capsys: pytest.CaptureFixture[str]) -> None:
    logger = logger_for("test-metrics")

    @logger.inject_lambda_context(clear_state=True)
    def handler(event: dict[str, Any], context: object) -> None:
        logger.info("server polled", **measured(metrics_of({"listed": 3, "done_with": 2, "unaccounted": 1})))

    handler({}, called("request"))
    (line,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert (directive["Namespace"], directive["Dimensions"]) == ("Lakeferry", [["function_name"]])
    found = {metric["Name"]: line[metric["Name"]] for metric in directive["Metrics"]}
    assert found == {"EntriesListed": 3, "EntriesDoneWith": 2, "EntriesUnaccounted": 1}
    assert {name: line[name] for name in metrics_of({})} == dict.fromkeys(metrics_of({}), 0) | found, "0 as well"
    assert line["function_name"], "the dimension is a key of the line"
    assert len(metrics_of({})) == 13


def test_a_line_of_zeros_alone_is_none_of_metrics() -> None:
    assert measured({"EventsTold": 0}) == {"EventsTold": 0}
    assert "_aws" not in measured({})


def test_a_line_is_printed_once_and_libraries_are_silent_where_they_only_chat(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """In Lambda the root logger has a handler of the runtime's own, at INFO."""
    root, level = logging.getLogger(), logging.getLogger().level
    printed = io.StringIO()
    runtimes = logging.StreamHandler(printed)
    root.addHandler(runtimes)
    root.setLevel(logging.INFO)
    try:
        logger = logger_for("test-once")
        logger.info("said")
        boto3.client("sts", aws_access_key_id="a", aws_secret_access_key="b", region_name="eu-west-1")
        for name in (
            "botocore.credentials",
            "boto3.resources",
            "urllib3.connectionpool",
            "asyncssh",
            "paramiko.transport",
        ):
            logging.getLogger(name).info("Found credentials in environment variables.")
            logging.getLogger(name).warning("%s means it", name)
    finally:
        root.removeHandler(runtimes)
        root.setLevel(level)
    assert [json.loads(line)["message"] for line in capsys.readouterr().out.splitlines()] == ["said"]
    assert "said" not in printed.getvalue()
    assert "Found credentials" not in printed.getvalue()
    assert printed.getvalue().count("means it") == 5


def test_a_file_that_failed_in_a_batch_has_a_line_with_run_feed_file_and_request(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logger = logger_for("test-failed")

    @logger.inject_lambda_context(clear_state=True)
    def handler(event: dict[str, Any], context: object) -> None:
        identify(logger, Batch("acme", "sales", RUN))
        tell_failed(logger, [{"path": "/out/a.csv", "stage": "Fetch files", "error": "X", "cause": "y" * 5000}])

    handler({}, called("request-7"))
    (line,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (line["tenant"], line["feed"], line["file"], line["function_request_id"]) == (
        *("acme", "sales", "/out/a.csv", "request-7"),
    )
    assert line["run_id"] == run_id_of(RUN)
    assert len(line["cause"]) == 1000


def test_the_function_for_small_days_tells_what_it_leaves_as_metrics_and_to_the_state_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    report = Report(partitions=2, begun_and_left=1, failed={Partition("acme", "sales", "2026-01-05"): "its rows"})
    lines = io.StringIO()
    monkeypatch.setattr(curating, "clients", lambda: Clients(SETTINGS))
    monkeypatch.setattr(curating, "curate_small", lambda run, call, settings, left: report)
    monkeypatch.setattr(curating.logger.registered_handler, "stream", lines)
    assert curating.handler({"run": RUN}, called("request")) == {"curated": 2, "left": 1}  # type: ignore[arg-type]
    (line,) = map(json.loads, lines.getvalue().splitlines())
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert {metric["Name"]: line[metric["Name"]] for metric in directive["Metrics"]} == {
        "SmallPartitionsCurated": 2,
        "PartitionsLeftToJob": 1,
        "PartitionsGivenBack": 1,
    }
