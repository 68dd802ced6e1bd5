"""What a stack leaves can be taken over by a new one: the files of an import change set; tables are protected."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from local.template import load
from tests.contract.rendered import ROOT, render
from tools.adopt import imports, retained

TEMPLATE = load(ROOT / "template.yaml")
ADOPTED = retained(TEMPLATE)
PHYSICAL = {name: f"old-{name}" for name in ADOPTED["Resources"]}


def test_it_has_everything_that_stays_when_a_stack_is_deleted() -> None:
    staying = {
        name for name, found in TEMPLATE["Resources"].items() if str(found.get("DeletionPolicy")).startswith("Retain")
    }
    assert set(ADOPTED["Resources"]) == staying
    assert {found["DeletionPolicy"] for found in ADOPTED["Resources"].values()} == {"Retain"}, "else it is refused"


@pytest.mark.slow
def test_it_needs_nothing_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "template.json"
    path.write_text(json.dumps(ADOPTED))
    lint = [str(Path(sys.executable).with_name("cfn-lint")), str(path)]
    done = subprocess.run(lint, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "Transform" not in ADOPTED, "an import takes none"


def test_each_resource_is_one_of_the_older_stack() -> None:
    found = imports(ADOPTED["Resources"], PHYSICAL)
    assert {one["LogicalResourceId"] for one in found} == set(ADOPTED["Resources"])
    for one in found:
        assert list(one["ResourceIdentifier"].values()) == [PHYSICAL[one["LogicalResourceId"]]]
    with pytest.raises(KeyError):
        imports(ADOPTED["Resources"], {})


def test_a_change_set_of_them_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """moto takes the change set and names what it would import; it cannot import, it would make them anew."""
    for name, value in (("AWS_ACCESS_KEY_ID", "x"), ("AWS_SECRET_ACCESS_KEY", "x")):
        monkeypatch.setenv(name, value)
    with mock_aws():
        formation: Any = boto3.client("cloudformation", region_name="eu-west-1")
        named: dict[str, Any] = {"StackName": "new", "ChangeSetName": "adopt"}
        formation.create_change_set(
            **named,
            ChangeSetType="IMPORT",
            TemplateBody=json.dumps(ADOPTED),
            ResourcesToImport=imports(ADOPTED["Resources"], PHYSICAL),
        )
        changes = formation.describe_change_set(**named)["Changes"]
    assert {one["ResourceChange"]["LogicalResourceId"] for one in changes} == set(ADOPTED["Resources"])


def test_a_stack_of_another_name_keeps_the_database_of_the_bucket_it_takes_over() -> None:
    """The database's name is made of the bucket's: `lakeferry-lakebucket-1a2b` comes to `lakeferry`, in any stack."""
    name = TEMPLATE["Resources"]["GlueDatabase"]["Properties"]["DatabaseInput"]["Name"]
    assert "LakeBucket" in json.dumps(name)
    assert "StackName" not in json.dumps(name)


def test_tables_are_protected_when_it_is_asked_for_and_not_in_the_first_deployment() -> None:
    for given, protected in (({}, False), ({"DeletionProtection": "yes"}, True)):
        tables = render(**given).of_type("AWS::DynamoDB::Table").values()
        assert len(tables) == 3
        assert {table["DeletionProtectionEnabled"] for table in tables} == {protected}
