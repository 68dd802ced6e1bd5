"""The simulated run: held against a recorded one, within the Maps' and the account's bounds; and its page."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import scale
from benchmarks.scaling import recording
from benchmarks.scaling.load import Load, batches
from benchmarks.scaling.machine import payload_of, ways
from benchmarks.scaling.simulation import Outcome, Run
from benchmarks.scaling.verdict import bounds, express, per_thousand
from benchmarks.scaling.verdict import day as day_of
from cli.cost.prices import prices

FACTS = prices()
RECORDED: dict[str, Any] = json.loads((Path(__file__).parents[1] / "data" / "stage_times.json").read_text())
"""Of `python -m benchmarks.scaling.recording`, on two busy cores."""
WITHIN = 0.2


def recorded_load() -> Load:
    return Load(
        RECORDED["feeds"], RECORDED["feeds"] * RECORDED["files"], size=2000, connections=RECORDED["connections"]
    )


def simulated(load: Load) -> Outcome:
    return Run(load, FACTS).simulate()


def test_a_recorded_runs_stage_times_make_a_run_as_long_as_it_was() -> None:
    load = recorded_load()
    outcome = Run(load, FACTS, recording.RecordedTimes(FACTS, load, RECORDED)).simulate()
    assert outcome.batches == sum(len(feed["batches"]) for feed in RECORDED["of_feeds"])
    assert outcome.landed == load.files
    assert outcome.seconds == pytest.approx(RECORDED["seconds"], rel=WITHIN)


def test_stages_that_took_longer_make_a_longer_run() -> None:
    load, slower = recorded_load(), json.loads(json.dumps(RECORDED))
    for feed in slower["of_feeds"]:
        for batch in feed["batches"]:
            batch["Fetch"] *= 3
    outcome = Run(load, FACTS, recording.RecordedTimes(FACTS, load, slower)).simulate()
    assert outcome.seconds > RECORDED["seconds"] * (1 + WITHIN)


def test_events_become_the_seconds_of_each_call() -> None:
    def call(item: str, state: str, *times: float) -> list[dict[str, Any]]:
        kinds = zip(("entered", "exited"), times, strict=True)
        return [{"kind": kind, "item": item, "state": state, "time": time} for kind, time in kinds]

    events = [
        *call("", "List feeds", 0, 1),
        {"kind": "entered", "item": "", "state": "For each feed", "time": 1.25},
        *call("acme/a", "Poll server", 2, 4),
        *call("acme/a x.csv", "Fetch files", 5, 8),
        *call("acme/a x.csv", "Validate files", 8.5, 9),
        {"kind": "exited", "item": "", "state": "For each feed", "time": 10},
    ]
    found = recording.times_in(events)
    assert found["of_feeds"] == [{"batches": [{"Fetch": 3, "Validate": 0.5, "Upload": 0}], "Poll": 2}]
    assert (found["run"]["List feeds"], found["seconds"], found["child"]) == (1, 10, 0.75)
    assert found["transition"] == pytest.approx(0.375), "the median of what lies between two states"


def test_what_is_counted_is_what_the_machine_has() -> None:
    outcome, way = simulated(Load(20, 1000)), ways()
    assert (outcome.landed, outcome.batches) == (1000, 20 * 4)
    entered = len(way.run) + len(way.mail) + 20 * len(way.feed) + outcome.batches * len(way.batch)
    assert outcome.usage["transitions"] == entered
    assert outcome.usage["lambda_calls"] == 3 + 20 + 3 * outcome.batches


def test_where_nothing_is_new_the_run_is_the_short_one() -> None:
    outcome, way = simulated(Load(20, 0)), ways()
    assert outcome.usage["transitions"] == len(way.quiet_run) + 20 * len(way.quiet)
    assert (outcome.batches, outcome.landed) == (0, 0)


def test_no_more_feeds_and_batches_are_at_once_than_the_maps_allow() -> None:
    assert simulated(Load(50, 50, feeds_at_once=7)).peak == 7
    assert simulated(Load(50, 5000, feeds_at_once=7, connections=2)).peak == 14
    one, many = simulated(Load(50, 50, feeds_at_once=1)), simulated(Load(50, 50, feeds_at_once=50))
    assert one.feeds_seconds > 20 * many.feeds_seconds


def test_what_the_account_has_no_room_for_waits() -> None:
    free, small = simulated(Load(50, 500)), simulated(Load(50, 500, account=5))
    assert (free.throttled, free.landed, small.landed) == (0, 500, 500)
    assert small.throttled > 100
    assert small.peak == 5
    assert small.seconds > free.seconds


def test_what_the_run_has_no_time_for_is_left() -> None:
    outcome = simulated(Load(500, 500, feeds_at_once=10, minutes=2))
    assert 0 < outcome.left_files < 500
    assert outcome.landed + outcome.left_files == 500
    assert outcome.left_feeds <= outcome.left_files


def test_a_far_server_and_large_files_take_longer() -> None:
    near = simulated(Load(5, 50, round_trip=0.0)).feeds_seconds
    assert simulated(Load(5, 50, round_trip=0.2)).feeds_seconds > near + 5
    assert simulated(Load(5, 5, size=5e9)).feeds_seconds > 100


def test_batches_are_dealt_as_poll_deals_them() -> None:
    load = Load(1, 1000, connections=4)
    assert {files for files, _ in batches(1000, load)} == {50}
    assert [files for files, _ in batches(12, load)] == [10, 2]
    assert len(batches(3, Load(1, 3, size=200e6))) == 3, "large ones alone"


def test_the_limits_that_fifty_thousand_feeds_break_are_named() -> None:
    outcome = Outcome(Load(50_000, 208_333), longest={"ListFeeds": 151.0, "Poll": 1}, feeds_seconds=2640, seconds=9000)
    found = bounds(outcome, FACTS)
    broken = [bound.what for bound in found if bound.part >= 1]
    assert [what.split(" (")[0] for what in broken] == ["the hour", "payload", "time-out of List feeds"]
    assert found == sorted(found, key=lambda bound: -bound.part)
    assert all(bound.change for bound in found)
    easy = bounds(simulated(Load(10, 100)), FACTS)
    assert max(bound.part for bound in easy) < 0.5


def test_a_maps_result_is_measured_as_json() -> None:
    for items in (0, 1, 7):
        assert payload_of("4 4 0 0 0", items) == len(json.dumps(["4 4 0 0 0"] * items))


def test_express_batches_would_not_make_a_small_file_three_times_cheaper() -> None:
    """The decision of docs/scale.md: built is what changes it more than three times."""
    for load in (Load(100, 1000), Load(1000, 4000), Load(100, 20_000)):
        outcome = simulated(load)
        usage = day_of(outcome, FACTS)
        now, then = per_thousand(usage, outcome, FACTS), per_thousand(express(outcome, usage), outcome, FACTS)
        assert then < now < 3 * then


def cells(text: str) -> dict[str, list[str]]:
    """Of the first table, by load."""
    table = text[text.index("| load |") :].split("\n\n")[0]
    lines = [line.strip("| ").split(" | ") for line in table.splitlines() if " min |" in line]
    return {load: rest for load, *rest in lines}


def dollars(cell: str) -> float:
    return float(cell.replace("$", "").replace(",", ""))


def test_the_pages_table_is_what_comes_out() -> None:
    """An alarm more is a cent, for which nobody has to wait minutes; whatever else changes is told."""
    shown = cells(scale.PAGE.read_text("utf-8"))
    assert len(shown) == len(scale.LOADS)
    found = cells(scale.table([scale.row(simulated(load), FACTS) for load in scale.SMALL]))
    assert set(found) < set(shown)
    for load, (*counted, day, thousand) in found.items():
        assert counted == shown[load][:-2], "make it anew: benchmarks/scale.py --page"
        for cell, now in zip(shown[load][-2:], (day, thousand), strict=True):
            assert dollars(cell) == pytest.approx(dollars(now), rel=0.05), "make it anew: benchmarks/scale.py --page"
