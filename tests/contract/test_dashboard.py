"""The dashboard is made from one list, which has each metric that functions write, and each function."""

import ast
import itertools
import json
import re
from collections import defaultdict
from types import SimpleNamespace
from typing import Any, cast

import pytest

from check_sla.handler import METRICS
from curate_small.core import counts_of
from describe.core import counted
from export_ledger.counts import NAMES
from lakeferry.logs import NAMESPACE
from local.template import load
from poll.balance import metrics_of
from reprocess.core import waiting
from retain.core import NAMES as RETIRED
from tests.conftest import ROOT
from tests.contract.rendered import REGIONS, nested, render
from tools import dashboard

WRITTEN: dict[str, set[str]] = {
    "CheckSla": set(METRICS.values()),
    "CurateSmall": set(
        counts_of(cast("Any", SimpleNamespace(partitions=0, failed=(), leased=(), left=(), begun_and_left=0)))
    ),
    "Describe": set(counted({"event": "run_failed"})),
    "Emit": {"EventsTold"},
    "ExportLedger": set(NAMES),
    "Poll": set(metrics_of({})),
    "Reconcile": {"UploadsAborted"},
    "Reprocess": set(waiting({})),
    "Retain": set(RETIRED),
}
"""By function: metrics of its own, from the code that writes them, or as it has them in one place."""


def folder(function: str) -> str:
    return re.sub(r"(?<!^)([A-Z])", r"_\1", function).lower()


def rendered(partition: str = "aws") -> dict[str, Any]:
    """The dashboard as CloudFormation makes it."""
    (found,) = (
        nested(render("lake-1", partition, Dashboard="yes"), "Monitoring")
        .of_type("AWS::CloudWatch::Dashboard")
        .values()
    )
    return dict(found)


def metrics(body: dict[str, Any]) -> list[list[Any]]:
    """Every metric; expressions apart."""
    every = itertools.chain.from_iterable(one["properties"]["metrics"] for one in body["widgets"])
    return [one for one in every if isinstance(one[0], str)]


def test_template_and_page_are_what_the_list_makes() -> None:
    hint = "make them anew: python -m tools.dashboard"
    for path, made in ((dashboard.TEMPLATE, dashboard.template), (dashboard.PAGE, dashboard.page)):
        text = path.read_text("utf-8")
        assert text == made(text), hint


def test_its_metrics_are_those_that_functions_write_and_all_of_them() -> None:
    shown = defaultdict(set)
    for namespace, name, *rest in metrics(json.loads(dashboard.body())):
        if namespace == NAMESPACE:
            assert rest[0] == "function_name", "a tenant or feed is a dimension only where MetricsOf names it"
            shown[rest[1].strip("${}")].add(name)
    assert dict(shown) == WRITTEN


def test_each_function_that_writes_metrics_is_looked_at_here() -> None:
    writing = {
        path.parent.name for path in (ROOT / "functions").glob("*/handler.py") if "measured(" in path.read_text("utf-8")
    }
    assert writing == {folder(name) for name in WRITTEN}
    # LineageWaiting is of stacks with an endpoint alone, and has an alarm of its own
    for function, names in (("emit", ["EventsTold", "LineageWaiting"]), ("reconcile", ["UploadsAborted"])):
        tree = ast.parse((ROOT / "functions" / function / "handler.py").read_text("utf-8"))
        keys = [
            key
            for one in ast.walk(tree)
            if isinstance(one, ast.Dict)
            for key in one.keys
            if isinstance(key, ast.Constant)
        ]
        assert [key.value for key in keys if str(key.value)[:1].isupper()] == names


def test_each_function_has_its_errors_time_and_cost() -> None:
    root = load(ROOT / "template.yaml")["Resources"]
    functions = {
        name.removesuffix("Function") for name, found in root.items() if found["Type"] == "AWS::Serverless::Function"
    }
    functions -= {"JobFiles"}  # called by a deployment, which fails with it
    shown = defaultdict(list)
    for namespace, name, *rest in metrics(json.loads(dashboard.body())):
        if namespace == "AWS/Lambda":
            shown[name, rest[-1]["stat"]].append(rest[1].strip("${}"))
    kinds = (("Errors", "Sum"), ("Duration", "p95"), ("Duration", "Sum"))
    assert {what: sorted(names) for what, names in shown.items()} == dict.fromkeys(kinds, sorted(functions))


@pytest.mark.parametrize("partition", REGIONS)
def test_it_is_valid_and_of_its_region_and_partition(partition: str) -> None:
    found = rendered(partition)
    region = REGIONS[partition]
    assert found["DashboardName"] == f"lake-1-{region}"
    body = json.loads(found["DashboardBody"])
    assert {one["properties"]["region"] for one in body["widgets"]} == {region}
    assert "${" not in found["DashboardBody"]
    (machine,) = {one[3] for one in metrics(body) if one[0] == "AWS/States"}
    assert machine == f"arn:{partition}:states:{region}:123456789012:stateMachine:lake-1-ingest"
    assert {one[3] for one in metrics(body) if one[0] == "Glue"} == {"lake-1-curate"}


def test_widgets_have_a_place_each_and_few_enough_metrics() -> None:
    taken: set[tuple[int, int]] = set()
    for one in json.loads(dashboard.body())["widgets"]:
        place = set(
            itertools.product(range(one["x"], one["x"] + one["width"]), range(one["y"], one["y"] + one["height"]))
        )
        assert not place & taken, one["properties"]["title"]
        assert max(x for x, _ in place) < 24
        assert len(one["properties"]["metrics"]) <= 500, "CloudWatch's limit of a graph"
        taken |= place


def test_expressions_name_metrics_that_are_there() -> None:
    for one in json.loads(dashboard.body())["widgets"]:
        ids = {found[-1].get("id") for found in one["properties"]["metrics"]}
        for expression, *_ in (found for found in one["properties"]["metrics"] if isinstance(found[0], dict)):
            if not expression["expression"].startswith("SEARCH"):
                assert set(re.findall(r"\b[a-z]\d+\b", expression["expression"])) <= ids


def test_tenants_and_feeds_are_those_that_have_metrics_of_their_own() -> None:
    every = [found for one in json.loads(dashboard.body())["widgets"] for found in one["properties"]["metrics"]]
    searched = [found[0]["expression"] for found in every if isinstance(found[0], dict)]
    searched = [text for text in searched if text.startswith("SEARCH")]
    schemas = {re.findall(r"\{([\w,]+)\}", text)[0] for text in searched}
    assert schemas == {f"{NAMESPACE},function_name,tenant", f"{NAMESPACE},function_name,tenant,feed"}
    assert {name for text in searched for name in re.findall(r'MetricName="(\w+)"', text)} <= WRITTEN["ExportLedger"]


def test_there_is_none_where_nobody_asked() -> None:
    assert nested(render(), "Monitoring").of_type("AWS::CloudWatch::Dashboard") == {}


def test_monitoring_has_the_parameters_it_names() -> None:
    assert set(dashboard.parameters()) <= set(load(ROOT / "monitoring.yaml")["Parameters"])
