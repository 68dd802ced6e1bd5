"""What template.yaml allows, as SAM's translator renders it, beside what it allowed at another commit.

PYTHONPATH=functions:glue:. .venv/bin/python tools/permissions.py [REVISION]    (main by default)

A line is one action on one resource for one role or principal. A template that is only written in another way prints
none. Exit code 1: something is allowed that was not, or is denied no more.
"""

import io
import json
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from local.template import translate

ROOT = Path(__file__).parent.parent
POLICIES = {"AWS::S3::BucketPolicy": "Bucket", "AWS::SQS::QueuePolicy": "Queues", "AWS::SNS::TopicPolicy": "Topics"}

NOTHING = {"Ref": "AWS::NoValue"}

Grants = frozenset[str]


def grants(template: Mapping[str, Any]) -> Grants:
    """Each permission of a rendered template, as a line of text that is the same however it is written."""
    resources = template["Resources"]
    return frozenset(line for name, found in resources.items() for line in _of(name, found, resources))


def changes(before: Grants, after: Grants) -> tuple[list[str], list[str]]:
    """What became wider and what became narrower; a denial that is gone makes wider."""
    gone, new = before - after, after - before
    wider = {line for line in new if " Allow " in line} | {line for line in gone if " Deny " in line}
    return sorted(wider), sorted((gone | new) - wider)


def _of(name: str, found: Mapping[str, Any], resources: Mapping[str, Any]) -> Iterator[str]:
    kind, properties = found["Type"], found.get("Properties", {})
    if kind == "AWS::IAM::Role":
        yield from _statements(f"{name} trusts", properties["AssumeRolePolicyDocument"])
        for policy in properties.get("Policies", []):
            yield from _statements(name, policy["PolicyDocument"])
        for managed in properties.get("ManagedPolicyArns", []):
            yield f"{name}: Allow all of {_text(managed)}"
    elif kind == "AWS::KMS::Key":
        yield from _statements(name, properties["KeyPolicy"])
    elif kind in POLICIES:
        yield from _statements(_text(properties[POLICIES[kind]]), properties["PolicyDocument"])
    elif kind == "AWS::Lambda::Permission":
        function = properties["FunctionName"]
        function = function.get("Ref") or function["Fn::GetAtt"][0]
        caller = _rule(properties.get("SourceArn"), resources)
        yield f"{function}: Allow {properties['Action']} to {properties['Principal']} for {caller}"


def _rule(arn: Any, resources: Mapping[str, Any]) -> str:
    """An EventBridge rule by what it fires on, since its name says nothing."""
    if isinstance(arn, dict) and "Fn::GetAtt" in arn:
        rule = resources[arn["Fn::GetAtt"][0]]
        if rule["Type"] == "AWS::Events::Rule":
            return _text(rule["Properties"].get("ScheduleExpression") or rule["Properties"]["EventPattern"])
    return _text(arn)


def _statements(owner: str, document: Mapping[str, Any]) -> Iterator[str]:
    for statement in _each(document["Statement"]):
        unknown = statement.keys() - {"Sid", "Effect", "Principal", "Action", "Resource", "Condition"}
        if unknown:
            raise ValueError(f"{owner}: no comparison for {sorted(unknown)}")
        for action in _list(statement["Action"]):
            for resource in _list(statement.get("Resource", "itself")):
                for principal in _principals(statement.get("Principal")):
                    line = f"{owner}: {statement['Effect']} {action} on {_text(resource)}{principal}"
                    yield line + (f" if {_text(statement['Condition'])}" if "Condition" in statement else "")


def _each(statements: Any) -> Iterator[Mapping[str, Any]]:
    """Statements with those of both sides of a condition; its nothing is none."""
    for one in _list(statements):
        if "Fn::If" in one:
            yield from _each([side for side in one["Fn::If"][1:] if side != NOTHING])
        else:
            yield one


def _principals(principal: Any) -> list[str]:
    if principal is None:
        return [""]
    if not isinstance(principal, dict):
        return [f" to {_text(principal)}"]
    return [f" to {kind} {_text(found)}" for kind, value in principal.items() for found in _list(value)]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _at(revision: str) -> dict[str, Any]:
    command = ["git", "-C", str(ROOT), "archive", revision, "template.yaml", "statemachine"]
    archive = subprocess.run(command, capture_output=True, check=True).stdout
    with tempfile.TemporaryDirectory() as folder, tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(folder, filter="data")
        return translate(Path(folder) / "template.yaml", {})[0]


def main(arguments: list[str]) -> int:
    """Prints the difference."""
    revision = arguments[0] if arguments else "main"
    before, after = grants(_at(revision)), grants(translate(ROOT / "template.yaml", {})[0])
    wider, narrower = changes(before, after)
    for sign, lines in (("+", wider), ("-", narrower)):
        for line in lines:
            print(sign, line)
    print(f"{len(before)} permissions at {revision}, {len(after)} now: {len(wider)} wider, {len(narrower)} narrower")
    return 1 if wider else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
