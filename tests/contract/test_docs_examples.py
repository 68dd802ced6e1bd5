"""Examples in documents do what they show: feeds and parts of feeds are valid, commands exist, dates are computed."""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from textwrap import dedent
from typing import Any
from zoneinfo import ZoneInfo

import click
import pytest
import yaml

from cli.app import built
from cli.checking import check_text
from cli.sla import CALENDAR, calendar_rows
from cli.table import plain_lines
from lakeferry.feeds import SlaSpec, parse_feed
from lakeferry.ledger.files import ENDED, FINISHED, IN_WORK
from lakeferry.sla import verdict
from lakeferry.sla.calendar import due_times
from lakeferry.sla.verdict import Arrival, judge
from tests.conftest import ROOT, feed_document
from tools import cookbook, docs_pages

PAGES = [name for name in docs_pages.pages(docs_pages.tracked()) if name not in {"CHANGELOG.md", "docs/cli.md"}]
KEY = "AAAAC3NzaC1lZDI1NTE5AAAAIB0jzL2cHqD1L3oHT2P6xNc8iK0x5f0mSg2j8uVvJ3aR"
BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)


def text_of(page: str) -> str:
    return (ROOT / page).read_text("utf-8")


def blocks(*languages: str) -> Iterator[tuple[str, int, str]]:
    """Page, line and text of each block of code in one of these languages."""
    for page in PAGES:
        text = text_of(page)
        for found in BLOCK.finditer(text):
            if found[2] in languages:
                yield page, text.count("\n", 0, found.start()) + 1, found[3]


# -- feeds

TEMPLATE = "Resources:"
"""With this line begins an example that is no feed's, and goes to CloudFormation."""
BLOCKS = [pytest.param(page, text, id=f"{page}:{line}") for page, line, text in blocks("yaml")]
EXAMPLES = [one for one in BLOCKS if not str(one.values[1]).startswith(TEMPLATE)]
TEMPLATES = [one for one in BLOCKS if str(one.values[1]).startswith(TEMPLATE)]


def whole(example: dict[str, Any]) -> dict[str, Any]:
    """A feed document with the example at the place where it belongs."""
    if "tenant" in example:
        return example
    document = feed_document(checks={})
    sections = set(document) | {"sla", "catalog", "transform", "notify", "decode", "decode_options", "retention"}
    if not set(example) <= sections:
        # what stands within a section, without its name
        inner = "files" if {"regex", "pattern"} & set(example) else "server"
        example = {inner: example}
    for name, value in example.items():
        if isinstance(value, dict) and isinstance(document.get(name), dict):
            value = {**document[name], **value}
        document[name] = value
    if "regex" in document["files"]:
        del document["files"]["pattern"]
    if document["server"]["protocol"] != "sftp":
        document["server"].pop("host_keys", None)
    return document


@pytest.mark.parametrize(("page", "text"), EXAMPLES)
def test_a_feed_or_a_part_of_one_is_valid(page: str, text: str) -> None:
    text = dedent(text).replace("AAAA...", KEY)
    example = yaml.safe_load(text)
    if all(name.startswith("lakeferry/") for name in example):  # a file of secrets
        assert all(isinstance(field, str) for secret in example.values() for field in secret.values())
        return
    # as text: what YAML makes of it is what was meant
    assert [one for one in check_text(page, text).findings if "YAML" in one.message or "twice" in one.message] == []
    document = whole(example)
    feed = parse_feed(document)
    assert feed.feed_id == f"{document['tenant']}/{document['feed']}"
    if "tenant" in example:
        assert check_text(page, text).findings == ()


@pytest.mark.parametrize(("page", "text"), TEMPLATES)
def test_a_template_is_one_that_cloudformation_takes(page: str, text: str, tmp_path: Path) -> None:
    (path := tmp_path / "template.yaml").write_text(dedent(text), "utf-8")
    lint = [str(Path(sys.executable).with_name("cfn-lint")), str(path)]
    done = subprocess.run(lint, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{page}: {done.stdout}"


def test_examples_are_found_on_many_pages() -> None:
    assert len(TEMPLATES) >= 1
    assert len(EXAMPLES) >= 30
    assert len({page for page, _, _ in blocks("yaml")}) >= 10


def test_the_cookbook_has_its_feeds_as_their_files_have_them() -> None:
    assert cookbook.PAGE.read_text("utf-8") == cookbook.page(cookbook.PAGE.read_text("utf-8")), (
        "put them in anew: python -m tools.cookbook"
    )


def test_the_cookbook_names_every_feed_of_its_folder_and_has_twelve_mails() -> None:
    page = cookbook.PAGE.read_text("utf-8")
    assert [one.name for one in sorted((ROOT / "feeds/cookbook").glob("*.yaml")) if one.name not in page] == []
    assert len(re.findall(r"^## \d+\. ", page, re.MULTILINE)) == len(
        re.findall(r"^\*\*Answer\.\*\*", page, re.MULTILINE)
    )
    assert len(re.findall(r"^## \d+\. ", page, re.MULTILINE)) == 12


def test_what_yaml_is_said_to_make_of_a_text_is_what_it_makes() -> None:
    said = [one for page in PAGES for one in re.findall(r"YAML reads `([^`]+)` as the number (\d+)", text_of(page))]
    said += re.findall(r"YAML reads (\S+) as the number (\d+)", text_of_feeds())
    assert said
    for text, number in said:
        assert yaml.safe_load(text) == int(number)


def text_of_feeds() -> str:
    return "".join(path.read_text("utf-8") for path in (ROOT / "feeds").rglob("*.yaml"))


# -- commands


def commands() -> Iterator[tuple[str, str]]:
    """Each call of `lakeferry` that a page shows, in a block of shell or within a line."""
    for page in PAGES:
        if page == "docs/decisions.md":  # tells what was, too
            continue
        text = text_of(page)
        shown = [
            line for _, language, code in BLOCK.findall(text) if language in {"", "sh"} for line in code.splitlines()
        ]
        shown += re.findall(r"`([^`\n]+)`", BLOCK.sub("", text))
        for line in shown:
            found = re.match(r"(?:\$ )?(?:\./)?lakeferry ([a-z][^#|>]*)", line.strip())
            if found and not found[1].startswith(("on ", "knows ")):
                yield page, found[1].strip()


CALLS = sorted(set(commands()))


class WrongCallError(Exception):
    """No such command or option, or an argument too many."""


def parsed(call: str) -> None:
    """Parses a call as the program would, with nothing done."""
    words = shlex.split(call.replace("[", "").replace("]", ""))
    found: Any = built()
    while words and hasattr(found, "commands") and not words[0].startswith("-"):
        if words[0] not in found.commands:
            raise WrongCallError(f"no command {words[0]}")
        found = found.commands[words.pop(0)]
    if hasattr(found, "commands") and not words:  # a group as such
        return
    try:
        _, left, _ = found.make_parser(click.Context(found)).parse_args(words)
    except Exception as error:  # typer has click's errors under a private name
        raise WrongCallError(str(error)) from error
    if left:
        raise WrongCallError(f"got {left} besides its arguments")


@pytest.mark.parametrize(("page", "call"), CALLS)
def test_a_command_exists_with_its_options(page: str, call: str) -> None:
    try:
        parsed(call)
    except WrongCallError as error:
        pytest.fail(f"{page}: lakeferry {call}: {error}")


def test_commands_are_found_and_wrong_ones_are_refused() -> None:
    assert len(CALLS) > 40
    for wrong in (
        "feed check x.yaml",
        "feeds chekc x.yaml",
        "runs --limt 5",
        "feeds diff --yes x.yaml",
        "tenants acme",
    ):
        with pytest.raises(WrongCallError):
            parsed(wrong)


def test_make_targets_that_pages_name_are_there() -> None:
    targets = set(re.findall(r"^([a-z-]+):", text_of("Makefile"), re.MULTILINE))
    named = {(page, one) for page in PAGES for one in re.findall(r"`make ([a-z-]+)", text_of(page))}
    assert {one for one in named if one[1] not in targets} == set()


# -- docs/sla.md, computed


@pytest.fixture
def promise() -> SlaSpec:
    example = yaml.safe_load(text_of("docs/sla.md").partition("```yaml\n")[2].partition("```")[0])
    sla = parse_feed(feed_document(sla=example["sla"])).sla
    assert sla is not None
    return sla


def test_the_calendar_of_the_example_is_what_the_command_prints(promise: SlaSpec) -> None:
    shown = text_of("docs/sla.md").partition("after every change:\n\n```\n")[2].partition("```")[0]
    now = datetime(2026, 11, 24, 18, tzinfo=UTC)  # the evening before Thanksgiving's eve
    rows = calendar_rows(promise, now, len(shown.splitlines()) - 1)
    lines = plain_lines(list(CALENDAR.values()), [[row[name] for name in CALENDAR] for row in rows])
    assert list(lines) == shown.splitlines()


def test_the_morning_of_the_example_goes_as_the_page_says(promise: SlaSpec) -> None:
    page = text_of("docs/sla.md")
    rows = re.findall(r"^\| (\d\d:\d\d) \| (.+) \|$", page.partition("## Settings")[2], re.MULTILINE)
    assert [time for time, _ in rows] == ["06:20", "06:30", "07:00", "07:03"]
    zone = ZoneInfo(promise.timezone)
    day = datetime(2026, 11, 25, tzinfo=zone)
    (due,) = due_times(promise, day, day + timedelta(days=1))

    def at(text: str) -> datetime:
        hour, minute = map(int, text.split(":"))
        return day.replace(hour=hour, minute=minute).astimezone(UTC)

    landed = [Arrival("sales.csv", at(rows[-1][0]))]
    for time, said in rows[1:]:
        found = judge(promise, due, landed, at(time))
        assert f"`{found.status}`" in said, time
    assert f"{found.late_seconds // 60} min after {promise.expected_by:%H:%M}" in rows[-1][1]
    longer = re.search(r"With `grace_minutes: (\d+)` it ends as `(\w+)`", page)
    assert longer is not None
    patient = parse_feed(
        feed_document(sla={"expected_by": "06:30", "timezone": promise.timezone, "grace_minutes": int(longer[1])})
    ).sla
    assert patient is not None
    (due,) = due_times(patient, day, day + timedelta(days=1))
    assert judge(patient, due, landed, at("07:30")).status == longer[2]


# -- docs/glossary.md


def test_the_glossary_has_every_state_and_no_other() -> None:
    text = text_of("docs/glossary.md")
    files = set(re.findall(r"^\| `([A-Z]+)` \|", text, re.MULTILINE))
    assert files == IN_WORK | FINISHED | ENDED | {"FAILED", "RELEASED"}
    promises = set(re.findall(r"`([A-Z]+)`", text.partition("States of a promise:")[2]))
    assert promises == {verdict.DUE, verdict.BREACHED, verdict.MET, verdict.LATE, verdict.MISSED, verdict.DROPPED}


def test_the_glossary_is_in_order() -> None:
    words = re.findall(
        r"^\| ([a-z][^|]*?) \|", text_of("docs/glossary.md").partition("States of a file")[0], re.MULTILINE
    )[1:]
    assert len(words) > 30
    assert words == sorted(words)


def test_pages_name_files_of_the_repository_that_are_there() -> None:
    known = docs_pages.tracked()
    named = {
        (page, one)
        for page in PAGES
        if page not in {"docs/decisions.md", "docs/speed.md"}
        for one in re.findall(
            r"`((?:feeds|tests|tools|docs|local|cli|functions|glue|events|benchmarks)/[\w/.-]+\.\w+)`", text_of(page)
        )
    }
    assert {one for one in named if one[1] not in known and not Path(ROOT / one[1]).exists()} == set()
