"""`lakeferry feeds check`: documents, and those that a stack has stored."""

import json
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml

from cli.__main__ import main
from lakeferry.feeds import put_feed
from tests.conftest import feed_document


@pytest.fixture
def stored(aws: None) -> Any:
    """The feeds table of a deployed stack."""
    keys = [("tenant", "HASH"), ("feed", "RANGE")]
    table = {
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name, _ in keys],
        "KeySchema": [{"AttributeName": name, "KeyType": kind} for name, kind in keys],
    }
    template = {"Resources": {"FeedsTable": {"Type": "AWS::DynamoDB::Table", "Properties": table}}}
    formation = boto3.client("cloudformation")
    formation.create_stack(StackName="lakeferry", TemplateBody=json.dumps(template))
    (found,) = formation.list_stack_resources(StackName="lakeferry")["StackResourceSummaries"]
    return boto3.resource("dynamodb").Table(found["PhysicalResourceId"])


def test_stored_documents_that_would_be_refused_are_named(stored: Any, capsys: pytest.CaptureFixture[str]) -> None:
    put_feed(stored, feed_document())
    assert main(["feeds", "check", "--stack", "lakeferry"]) == 0
    assert capsys.readouterr().out == "1 stored documents checked, 0 refused\n"
    # written before there were such checks
    stored.put_item(Item=feed_document(feed="old", transform={"filter": "amuont rlike '(a+)+$'"}))
    assert main(["feeds", "check", "--stack", "lakeferry"]) == 1
    said = capsys.readouterr()
    assert said.out == "2 stored documents checked, 1 refused\n"
    assert said.err.startswith("acme/old: feed document of acme/old is not valid: $.transform.filter: has 'rlike'")


def test_a_document_is_checked_without_any_stack(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "feed.yaml"
    path.write_text(yaml.safe_dump(feed_document(transform={"derive": {"net": "amuont / 1.2"}})), "utf-8")
    assert main(["feeds", "check", str(path)]) == 1
    assert "$.transform.derive.net: names the column 'amuont', which is not there" in capsys.readouterr().err
    path.write_text(yaml.safe_dump(feed_document(transform={"derive": {"net": "amount / 1.2"}})), "utf-8")
    assert main(["feeds", "check", str(path)]) == 0
    assert main(["feeds", "check"]) == 1
    assert "Name documents, or the stack" in capsys.readouterr().err
