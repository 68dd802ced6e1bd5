"""docs/first-deployment.md, the steps of `lakeferry doctor --first`, and the template they speak of."""

import re

from cli.doctor.first import deployed, kept
from cli.doctor.first.steps import STEPS
from lakeferry.mails.alarms import CARDS
from local.template import load
from tests.conftest import ROOT
from tools.first_page import PAGE, page

TEMPLATE = load(ROOT / "template.yaml")


def test_the_page_is_what_the_steps_say() -> None:
    assert PAGE.read_text("utf-8") == page(), "make it anew: python -m tools.first_page"


def test_there_are_twenty_and_each_says_what_it_should_print() -> None:
    assert len(STEPS) == 20
    assert all(one.title and one.command and one.prints and one.why for one in STEPS)
    assert [bool(one.looks) for one in STEPS] == [True] * 15 + [False] * 5, "the page says so"


def test_steps_name_what_the_template_has() -> None:
    text = " ".join(one.command + one.prints for one in STEPS)
    roles = {"PollFunctionRole", "CurateSmallFunctionRole"}  # made by SAM
    named = set(re.findall(r"\{(\w+)\}", text)) - {"stack"}
    assert named - roles <= set(TEMPLATE["Resources"])
    looked_at = {*kept.TABLES, *kept.BUCKETS, *kept.LOG_GROUPS, *kept.QUEUES, "DataKey", "CurateJobRole", "CrawlerRole"}
    assert looked_at - roles <= set(TEMPLATE["Resources"])
    assert set(deployed.OUTPUTS) == set(TEMPLATE["Outputs"])


def test_figures_of_the_page_are_those_of_the_template() -> None:
    (alarms,) = (one for one in STEPS if "describe-alarms" in one.command)
    assert f"{len(CARDS)} names" in alarms.prints
    (stack,) = (one for one in STEPS if "describe-stacks" in one.command)
    assert len(deployed.OUTPUTS) == 11
    assert "eleven" in stack.prints
    versioned = {
        name: TEMPLATE["Resources"][name]["Properties"].get("VersioningConfiguration", {}).get("Status") == "Enabled"
        for name in kept.BUCKETS
    }
    assert versioned == kept.BUCKETS
