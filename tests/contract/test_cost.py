"""What the bill counts is what machine, template and alarms have, and docs/cost.md is what the prices make of it."""

import re
from typing import Any

import pytest
import yaml

from benchmarks.measuring.driving import POLL, TAKING
from benchmarks.scaling.machine import ways
from cli.cost.bill import by_service, total
from cli.cost.prices import FILE, prices
from cli.cost.scenarios import BATCH_BYTES, BATCH_FILES, idle, moved
from cli.cost.work import Usage, Work, seconds_of, usage_of
from local.template import load
from tests.contract.asl import ROOT
from tools import cost_page

FACTS = prices()
LOADED: dict[str, Any] = yaml.safe_load(FILE.read_text("utf-8"))
TEMPLATE = load(ROOT / "template.yaml")
IDLE_GOAL, TERABYTE_GOAL = 15, 20
"""Dollars: a month of 100 idle feeds; a TB moved. Both without secrets, NAT gateway and storage."""


def test_the_page_is_what_the_prices_make_of_it() -> None:
    text = cost_page.PAGE.read_text("utf-8")
    assert text == cost_page.page(text, FACTS), "make it anew: python -m tools.cost_page"


def test_the_page_finds_a_price_that_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    text = cost_page.PAGE.read_text("utf-8")
    monkeypatch.setitem(FACTS.times["curate"], "bytes_per_second_of_a_worker", 15_000_000)
    assert text != cost_page.page(text, FACTS)


def test_transitions_are_those_that_the_machine_makes() -> None:
    way, counts = ways(), FACTS.counts
    assert counts["run"]["transitions"] == len(way.run) + len(way.mail)
    assert counts["idle_run"]["transitions"] == len(way.quiet_run)
    assert counts["poll"]["transitions"] == len(way.quiet)
    assert counts["taking_poll"]["transitions"] == len(way.feed)
    assert counts["batch"]["transitions"] == len(way.batch)
    assert (len(way.quiet), len(way.feed)) == (POLL, POLL + TAKING), "what small_files.py counts"
    calls = [state for state in way.batch if state.resource]
    assert counts["batch"]["lambda_calls"] == len(calls) == 3


def test_memory_parts_and_batches_are_the_templates() -> None:
    usual = TEMPLATE["Globals"]["Function"]["MemorySize"]
    for stage in ("list_feeds", "poll", "fetch", "validate", "upload", "plan_crawl", "reconcile"):
        logical = "".join(map(str.capitalize, stage.split("_"))) + "Function"
        memory = TEMPLATE["Resources"][logical]["Properties"].get("MemorySize", usual)
        assert FACTS.times[stage]["memory_gb"] == pytest.approx(memory / 1024, rel=0.003), stage
    parameters = TEMPLATE["Parameters"]
    assert (parameters["BatchFiles"]["Default"], parameters["BatchBytes"]["Default"]) == (BATCH_FILES, BATCH_BYTES)
    assert parameters["GlueMaxWorkers"]["Default"] == FACTS.times["curate"]["workers"]
    variables = TEMPLATE["Globals"]["Function"]["Environment"]["Variables"]
    assert FACTS.counts["part"]["bytes"] == int(variables["PART_BYTES"])


def test_what_stands_is_what_the_template_has() -> None:
    keys = [name for name, one in TEMPLATE["Resources"].items() if one["Type"] == "AWS::KMS::Key"]
    assert FACTS.counts["stack"]["keys"] == len(keys)
    alarms = load(ROOT / "monitoring.yaml")["Resources"].values()
    watched = sum(
        max(1, sum("MetricStat" in metric for metric in one["Properties"].get("Metrics", ())))
        for one in alarms
        if one["Type"] == "AWS::CloudWatch::Alarm"
    )
    assert FACTS.counts["stack"]["alarm_metrics"] == watched


def test_a_files_write_units_are_those_that_are_counted_under_its_keys() -> None:
    text = (ROOT / "docs" / "quotas.md").read_text("utf-8")  # tests/unit/test_hot_keys.py holds it
    rows = dict(re.findall(r"^\| `(\w+)` \| [^|]+ \| (\d+) \|", text, re.MULTILINE))
    assert rows.pop("table") == "9"
    assert "so that a file's 9 are 14" in text
    assert FACTS.counts["file"]["dynamodb_writes"] == 14 + sum(map(int, rows.values()))


def test_the_goals_are_met() -> None:
    assert total(usage_of(idle(100, FACTS).work, FACTS), FACTS) < IDLE_GOAL
    terabyte = moved(5000, 200_000_000, "1 TB", runs=24, feeds=10)
    assert total(usage_of(terabyte.work, FACTS), FACTS) < TERABYTE_GOAL


def test_every_figure_has_a_source_and_each_source_a_figure() -> None:
    used = {one["source"] for section in ("prices", "beside", "others", "limits") for one in LOADED[section].values()}
    assert used == set(LOADED["sources"])
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d", source.read) and source.page for source in FACTS.sources.values())
    assert [name for name, source in FACTS.sources.items() if not source.is_confirmed], "what is not is marked"
    for name, counts in LOADED["counts"].items():
        assert {"held", "counted", "assumed"} & set(counts), name
        if "tests/" in str(counts.get("held")):
            assert (ROOT / counts["held"]).exists()


def test_what_has_no_price_is_no_bill() -> None:
    with pytest.raises(KeyError, match="no price for lunches"):
        by_service({"lunches": 1}, FACTS)


def test_a_bill_is_its_quantities_times_its_prices() -> None:
    usage = Usage({"transitions": 4_000_000, "lambda_calls": 1_000_000, "glue_dpu_hours": 2})
    found = by_service(usage, FACTS)
    assert {name: dollars for name, dollars in found.items() if dollars} == pytest.approx(
        {"Step Functions": 100, "Lambda": 0.2, "Glue": 0.88}
    )
    assert total(usage, FACTS) == pytest.approx(101.08)


def test_work_that_is_twice_as_much_costs_twice_as_much() -> None:
    once = moved(1000, 100_000, "x", runs=1, feeds=20).work
    twice = moved(2000, 100_000, "x", runs=2, feeds=20).work
    assert total(usage_of(twice, FACTS), FACTS) == pytest.approx(2 * total(usage_of(once, FACTS), FACTS))
    assert total(usage_of(Work(), FACTS), FACTS) == 0


def test_a_stage_takes_longer_where_the_server_is_far_and_files_are_large() -> None:
    near = seconds_of(FACTS, "fetch", 50, 5_000_000, 0.0)
    assert seconds_of(FACTS, "fetch", 50, 5_000_000, 0.03) == pytest.approx(near + 0.03 * (10 + 2 * 50))
    assert seconds_of(FACTS, "fetch", 50, 55_000_000, 0.0) == pytest.approx(near + 1)
