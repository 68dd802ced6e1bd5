"""What a new stack needs to take over what an older one left: buckets, tables, queue, key and database.

PYTHONPATH=functions:glue:. .venv/bin/python tools/adopt.py OLD_STACK_ARN FOLDER    (docs/deploy.md, "Adoption")

Writes two files for an import change set: the template's resources that hold data, without anything that would need
the rest, and which existing resource each of them is. `sam deploy` under the same name makes the rest afterwards.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from local.template import load

ROOT = Path(__file__).parent.parent
IDENTIFIERS = {
    "AWS::S3::Bucket": "BucketName",
    "AWS::DynamoDB::Table": "TableName",
    "AWS::KMS::Key": "KeyId",
    "AWS::SQS::Queue": "QueueUrl",
    "AWS::Glue::Database": "DatabaseName",
}
"""What is retained, and what its physical id is called in an import ("Resource type support" in the User Guide)."""


def retained(template: Mapping[str, Any]) -> dict[str, Any]:
    """A template of the resources that hold data alone: no transform, no function, nothing that refers elsewhere."""
    resources = {
        name: {key: value for key, value in found.items() if key != "Condition"}
        for name, found in template["Resources"].items()
        if found["Type"] in IDENTIFIERS
    }
    for found in resources.values():
        found["DeletionPolicy"] = "Retain"  # what is imported was never created by this stack
    used = set(_references(resources))
    conditions = {name: found for name, found in template["Conditions"].items() if name in used}
    used |= set(_references(conditions))
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "What an older stack left, before the rest is deployed",
        "Parameters": {name: found for name, found in template["Parameters"].items() if name in used},
        **({"Conditions": conditions} if conditions else {}),
        "Resources": resources,
    }


def imports(resources: Mapping[str, Any], physical: Mapping[str, str]) -> list[dict[str, Any]]:
    """Which existing resource each is.

    Args:
        physical: Physical ids by logical id, as the older stack had them.

    Raises:
        KeyError: the older stack had none of that name.
    """
    return [
        {
            "ResourceType": found["Type"],
            "LogicalResourceId": name,
            "ResourceIdentifier": {IDENTIFIERS[found["Type"]]: physical[name]},
        }
        for name, found in resources.items()
    ]


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            if key in {"Ref", "Condition"} and isinstance(item, str):
                yield item
            elif key == "Fn::If":
                yield item[0]
            yield from _references(item)
    elif isinstance(value, list):
        for item in value:
            yield from _references(item)


def main(arguments: list[str]) -> int:
    """Writes `template.json` and `resources.json` into a folder."""
    import boto3

    stack, folder = arguments[0], Path(arguments[1])
    pages = boto3.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stack)
    physical = {
        found["LogicalResourceId"]: found["PhysicalResourceId"]
        for page in pages
        for found in page["StackResourceSummaries"]
    }
    template = retained(load(ROOT / "template.yaml"))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "template.json").write_text(json.dumps(template, indent=1), "utf-8")
    (folder / "resources.json").write_text(json.dumps(imports(template["Resources"], physical), indent=1), "utf-8")
    print(f"{len(template['Resources'])} resources in {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
