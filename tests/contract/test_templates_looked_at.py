"""The second looks at templates and state machine tell what is wrong, and what is accepted in vain."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.contract.asl import ROOT, machine
from tools.templates import ACCEPTED, Finding, judged, statelint

PROGRAMS = ROOT / ".cache" / "lint" / "bin"
FOUND = Finding("checkov", "CKV_AWS_21", "InboxBucket", "versions")


def test_what_is_accepted_there_is_not_told_and_elsewhere_is() -> None:
    accepted = {"checkov": [{"rule": "CKV_AWS_21", "at": ["InboxBucket"], "why": "short life"}]}
    assert list(judged([FOUND], accepted)) == []
    other = Finding("checkov", "CKV_AWS_21", "LakeBucket", "versions")
    assert list(judged([FOUND, other], accepted)) == ["checkov CKV_AWS_21 at LakeBucket: versions"]


def test_what_nothing_finds_any_more_is_told() -> None:
    accepted = {"checkov": [{"rule": "CKV_AWS_21", "at": ["InboxBucket", "Gone"], "why": "short life"}]}
    (told,) = judged([FOUND], accepted)
    assert told.endswith("CKV_AWS_21 at Gone: nothing finds it any more")


def test_each_accepted_finding_has_its_reason() -> None:
    entries = [entry for found in yaml.safe_load(ACCEPTED.read_text("utf-8")).values() for entry in found]
    assert all(len(entry["why"].split()) > 2 and entry["at"] for entry in entries)


def _gone(definition: dict[str, Any]) -> None:
    definition["States"]["List feeds"]["Next"] = "Nowhere"


def _unknown(definition: dict[str, Any]) -> None:
    definition["States"]["For each feed"]["ItemProcessor"]["States"]["Poll server"]["Cach"] = []


def _not_alone(definition: dict[str, Any]) -> None:
    definition["States"]["List feeds"]["Catch"][0]["ErrorEquals"] = ["States.ALL", "PlainError"]


@pytest.mark.skipif(not (PROGRAMS / "statelint").exists(), reason="`make check` has not made .cache/lint yet")
@pytest.mark.parametrize(
    ("change", "at"), [(_gone, "List feeds"), (_unknown, "Poll server"), (_not_alone, "List feeds")]
)
def test_a_mistake_in_the_state_machine_is_told(change: Callable[[dict[str, Any]], None], at: str) -> None:
    accepted = {"statelint": yaml.safe_load(ACCEPTED.read_text("utf-8"))["statelint"]}
    definition = machine()
    assert not list(judged(statelint(Path(PROGRAMS), json.dumps(definition, ensure_ascii=False)), accepted))
    change(definition)
    told = list(judged(statelint(Path(PROGRAMS), json.dumps(definition, ensure_ascii=False)), accepted))
    assert any(f"at {at}" in line for line in told), told
