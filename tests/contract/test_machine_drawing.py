"""The drawing of the state machine that reports colour is the one that the ASL makes, with an id a state."""

import json
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

from lakeferry.reports.facts import StateFacts
from lakeferry.reports.machine import panels, state_id
from tools.machine import ASL, DRAWING, draw


def names(machine: dict[str, Any]) -> Iterator[str]:
    for name, state in machine["States"].items():
        yield name
        if "ItemProcessor" in state:
            yield from names(state["ItemProcessor"])


def test_the_drawing_is_what_the_asl_makes() -> None:
    hint = "PYTHONPATH=functions:glue:. .venv/bin/python tools/machine.py"
    assert DRAWING.read_text("utf-8") == draw(json.loads(ASL.read_text("utf-8"))), f"draw it anew: {hint}"


def test_each_state_has_one_id_of_its_own() -> None:
    drawn = [one.get("id") for one in ElementTree.fromstring(DRAWING.read_text("utf-8")).iter() if one.get("id")]
    states = [state_id(name) for name in names(json.loads(ASL.read_text("utf-8")))]
    assert len(set(states)) == len(states)
    assert sorted(one for one in drawn if one and one.startswith("state-")) == sorted(states)
    assert len(set(drawn)) == len(drawn)


def test_an_outcome_is_a_sign_and_words_beside_its_colour() -> None:
    states = {"Fetch files": StateFacts(3, 1, 0, "file"), "List feeds": StateFacts(1)}
    found = list(panels(states))
    text = "".join(panel.svg for panel in found)
    assert "✗ 3 files, 1 failed".replace("✗", "\N{MULTIPLICATION X}") in text
    assert "\N{CHECK MARK} done" in text
    assert {row for panel in found for row in panel.rows} == {
        ("Fetch files", "failed", "3 files, 1 failed"),
        ("List feeds", "good", "done"),
    }
