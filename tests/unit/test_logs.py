"""Log lines: each tells the call it belongs to, and nothing of the call before."""

import ast
import json
from pathlib import Path
from typing import Any

import pytest

from lakeferry.logs import identify, logger_for, measured
from lakeferry.models import FeedItem
from poll.balance import metrics_of
from tests.conftest import ROOT, RUN, called

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
    assert found == dict.fromkeys(metrics_of({}), 0) | {
        "EntriesListed": 3,
        "EntriesDoneWith": 2,
        "EntriesUnaccounted": 1,
    }
    assert line["function_name"], "the dimension is a key of the line"
    assert len(found) == 13, "docs/cost.md"
