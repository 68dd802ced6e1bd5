"""The documents say what is there."""

import json
import re
from pathlib import Path

import pytest
import yaml

from lakeferry.channels.cards import CHANNELS
from lakeferry.channels.spec import SEVERITIES
from lakeferry.feeds import parse_feed
from lakeferry.sla.items import EVENTS
from local.template import load
from tests.conftest import feed_document

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text("utf-8")


def test_the_readme_has_each_parameter_of_the_template() -> None:
    parameters = load(ROOT / "template.yaml")["Parameters"]
    documented = re.findall(r"^\| `(\w+)` \|", README, re.MULTILINE)
    assert documented == list(parameters)


@pytest.mark.parametrize(("page", "section"), [("servers.md", "server"), ("files.md", "files")])
def test_each_setting_of_the_schema_is_documented(page: str, section: str) -> None:
    text = (ROOT / "docs" / page).read_text("utf-8")
    table = text.partition("\n## Settings\n")[2].partition("\n## ")[0]
    schema = json.loads((ROOT / "functions/lakeferry/feed_schema.json").read_text("utf-8"))
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == set(schema["properties"][section]["properties"])


def test_docs_channels_has_each_setting_event_and_channel() -> None:
    text = (ROOT / "docs" / "channels.md").read_text("utf-8")
    table = text.partition("\n## Settings\n")[2].partition("\n## ")[0]
    schema = json.loads((ROOT / "functions/lakeferry/feed_schema.json").read_text("utf-8"))
    settings = schema["properties"]["notify"]["properties"]["channels"]["items"]["properties"]
    rows = dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", table, re.MULTILINE))
    assert list(rows) == list(settings)
    assert set(settings["events"]["items"]["enum"]) <= set(re.findall(r"`(\w+)`", rows["events"]))
    assert set(re.findall(r"`(\w+)`", rows["type"])) == set(CHANNELS)
    assert set(re.findall(r"`(\w+)`", rows["severity"])) == set(SEVERITIES) == set(settings["severity"]["enum"])
    example = yaml.safe_load(text.partition("```yaml\n")[2].partition("```")[0])
    document = feed_document(notify=example["notify"])
    assert len(parse_feed(document).notify.channels) == 2


def test_the_readmes_feed_is_a_feed() -> None:
    text = next(block for block in re.findall(r"```yaml\n(.*?)```", README, re.DOTALL) if block.startswith("tenant:"))
    key = "AAAAC3NzaC1lZDI1NTE5AAAAIB0jzL2cHqD1L3oHT2P6xNc8iK0x5f0mSg2j8uVvJ3aR"
    assert parse_feed(yaml.safe_load(text.replace("AAAA...", key))).feed_id == "acme/daily_sales"


@pytest.mark.parametrize("path", sorted((ROOT / "feeds").rglob("*.yaml")), ids=lambda path: path.name)
def test_each_example_feed_is_valid(path: Path) -> None:
    feed = parse_feed(yaml.safe_load(path.read_text("utf-8")))
    assert path.stem == f"{feed.tenant}_{feed.feed}"


@pytest.mark.parametrize(
    "path", [ROOT / "README.md", ROOT / "ARCHITECTURE.md", *sorted((ROOT / "docs").glob("*.md"))], ids=lambda p: p.name
)
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", path.read_text("utf-8")):
        if "://" not in target:
            assert (path.parent / target).exists(), target


@pytest.mark.parametrize("target", re.findall(r"^make (\w+)", README, re.MULTILINE))
def test_make_knows_the_readmes_targets(target: str) -> None:
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)


def test_docs_sla_has_each_setting_and_each_mail() -> None:
    text = (ROOT / "docs" / "sla.md").read_text("utf-8")
    schema = json.loads((ROOT / "functions" / "lakeferry" / "feed_schema.json").read_text("utf-8"))
    settings, events = text.split("## What is told")[0], text.split("## What is told")[1]
    assert re.findall(r"^\| `(\w+)` \|", settings.split("## Holidays")[0], re.MULTILINE) == list(
        schema["properties"]["sla"]["properties"]
    )
    assert re.findall(r"^\| `(\w+)` \|", events, re.MULTILINE) == list(EVENTS)


def test_architecture_can_be_read_in_one_sitting() -> None:
    assert len((ROOT / "ARCHITECTURE.md").read_text("utf-8").splitlines()) < 300


def test_decisions_are_in_order_and_stand_once() -> None:
    text = (ROOT / "docs" / "decisions.md").read_text("utf-8")
    topics = re.split(r"^## ", text, flags=re.MULTILINE)[1:]
    headings = [re.findall(r"^### (\d{4}-\d\d-\d\d): (.+)$", topic, re.MULTILINE) for topic in topics]
    assert sum(map(len, headings)) == len(re.findall(r"^###", text, re.MULTILINE)), "a heading without its date"
    for found in headings:
        assert found
        dates = [day for day, _ in found]
        assert dates == sorted(dates, reverse=True)
    titles = [title for found in headings for _, title in found]
    paragraphs = [line for line in text.splitlines() if len(line) > 40]
    for lines in (titles, paragraphs):
        assert len(set(lines)) == len(lines)


def test_each_server_that_differs_is_shown_by_tests_that_are_there() -> None:
    page = (ROOT / "docs" / "servers.md").read_text("utf-8")
    table = page.split("## Servers that differ", 1)[1].split("\n## ", 1)[0]
    rows = [line.rsplit("|", 2)[1] for line in table.splitlines() if line.startswith("| ")][1:]
    tests = "".join(path.read_text("utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    assert len(rows) >= 30
    for row in rows:
        named = re.findall(r"`([^`]+)`", row)
        assert named, row
        for name in named:
            is_there = (ROOT / name).exists() or re.search(rf"^(class|def) {re.escape(name)}\b", tests, re.MULTILINE)
            assert is_there, name


# -- docs/security.md: what stops an attack is a test

ATTACKS = dict(
    re.findall(
        r"^\| (.+?) \| (.+) \|$",
        (ROOT / "docs" / "security.md").read_text("utf-8").partition("| attack | test |\n|---|---|\n")[2],
        re.MULTILINE,
    )
)


@pytest.mark.parametrize("attack", ATTACKS)
def test_each_attack_has_a_test_and_that_is_there(attack: str) -> None:
    file, tests = "", set()
    for name in re.findall(r"`([^`]+)`", ATTACKS[attack]):
        if name.endswith(".py"):
            file = name
            assert (ROOT / file).is_file(), f"{file} is not there"
        else:
            tests.add(file)
            found = re.search(rf"^def {name}\(", (ROOT / file).read_text("utf-8"), re.MULTILINE)
            assert found, f"{file} has no {name}"
    assert tests, "no test is named"
    assert tests == set(re.findall(r"`([^`]+\.py)`", ATTACKS[attack])), "a file is named, and none of its tests"


def test_there_are_attacks_and_no_line_of_the_table_is_lost() -> None:
    table = (ROOT / "docs" / "security.md").read_text("utf-8").partition("## Attack → test\n")[2]
    assert len(ATTACKS) == sum(line.startswith("|") for line in table.splitlines()) - 2
    assert len(ATTACKS) > 40
