"""The template in every partition, and twice in one account: no ARN or link of another, no name of another stack."""

import json
import re

import pytest

from lakeferry.models import CONSOLES, link_of
from lakeferry.settings import Settings
from tests.contract.rendered import ACCOUNT, REGIONS, ROOT, Rendered, render, texts

STACKS = ("lakeferry", "Acme-Lake-PROD")
RENDERED = {(stack, partition): render(stack, partition) for stack in STACKS for partition in REGIONS}
each = pytest.mark.parametrize("found", RENDERED.values(), ids=[" in ".join(key) for key in RENDERED])


def everything(found: Rendered) -> list[tuple[str, str]]:
    """Every text that CloudFormation, and Step Functions, get."""
    machines = found.of_type("AWS::StepFunctions::StateMachine")  # their definitions come with their substitutions
    others = {name: one for name, one in found.resources.items() if name not in machines}
    return [*texts(others), *texts(json.loads(found.definition()))]


@each
def test_no_arn_and_no_link_is_of_another_partition(found: Rendered) -> None:
    region, console = REGIONS[found.partition], CONSOLES[found.partition]
    arns = links = 0
    for path, text in everything(found):
        for partition in re.findall(r"\barn:([\w-]+):", text):
            assert partition == found.partition, (path, text)
            arns += 1
        for other in REGIONS.values():
            assert other == region or other not in text, (path, text)
        for link in re.findall(r"\.(console\.[a-z-]+(?:\.[a-z]+)+)/", text):
            assert link == console, (path, text)
            links += 1
    assert arns > 300
    assert links >= 4, "of the machine's three messages, and the mail of last resort"


@pytest.mark.parametrize("name", ["lakeformation.yaml", "monitoring.yaml", "queries.yaml"])
def test_nested_stacks_name_no_partition(name: str) -> None:
    text = (ROOT / name).read_text("utf-8")
    assert "arn:aws" not in text
    assert not any(console in text for console in CONSOLES.values())


@each
def test_nothing_is_left_to_be_put_in(found: Rendered) -> None:
    for path, text in everything(found):
        assert not re.search(r"\$\{(?!aws:)", text), (path, text)
        assert "Fn::" not in text, (path, text)


def test_two_stacks_share_no_name() -> None:
    one, two = (RENDERED[stack, "aws"] for stack in STACKS)
    # the saved queries are a work group's own, an alias is its function's
    own = {"AWS::Athena::NamedQuery", "AWS::Lambda::Alias"}
    named = [name for name, found in one.resources.items() if found["Type"] not in own]
    assert not {one.names[name] for name in named} & {two.names[name] for name in named}
    assert "lakeferry-" not in json.dumps(two.resources), "a fixed name"


@each
def test_names_are_as_their_services_take_them(found: Rendered) -> None:
    (database,) = (found.names[name] for name in found.of_type("AWS::Glue::Database"))
    assert database == found.stack.lower().replace("-", "_")
    for bucket in found.of_type("AWS::S3::Bucket"):
        assert re.fullmatch(r"[a-z0-9-]{3,63}", found.names[bucket])
    (group,) = (found.names[name] for name in found.of_type("AWS::Athena::WorkGroup"))
    assert re.fullmatch(r"[\w.-]{1,128}", group)


@pytest.mark.parametrize("length", [1, 39, 60])
def test_the_database_has_a_name_however_long_the_stacks_is(length: int) -> None:
    found = render("S" + "t" * (length - 1))
    (database,) = (found.names[name] for name in found.of_type("AWS::Glue::Database"))
    assert re.fullmatch(r"[a-z0-9_]{1,255}", database)


@each
def test_the_database_of_the_policies_is_the_functions(found: Rendered) -> None:
    """Glue keeps a name without its capitals; a policy on the name with them would fit no table."""
    (database,) = (found.names[name] for name in found.of_type("AWS::Glue::Database"))
    for name, function in found.of_type("AWS::Lambda::Function").items():
        variables = function["Environment"]["Variables"]
        assert Settings.from_environment(variables).database == database, name
    granted = [text for _, text in everything(found) if re.search(r":glue:.*:(database|table)/", text)]
    assert granted
    for arn in granted:
        assert re.search(r":(?:database|table)/([^/]+)", arn)[1] == database, arn  # type: ignore[index]


@pytest.mark.parametrize("partition", REGIONS)
def test_a_mails_link_is_the_one_that_the_machine_makes(partition: str) -> None:
    region = REGIONS[partition]
    link = link_of(f"arn:{partition}:states:{region}:{ACCOUNT}:execution:lakeferry-ingest:r1")
    assert link.startswith(f"https://{region}.{CONSOLES[partition]}/states/home?region={region}#/v2/executions/")
    assert f".{CONSOLES[partition]}/states/home?region=" in RENDERED["lakeferry", partition].definition()
