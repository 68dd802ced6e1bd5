"""`template.yaml` as one stack in one region has it: every parameter, condition and reference in its place.

CloudFormation's own reading of a template is not to be had without an account. This one knows the functions that the
template uses and the names that CloudFormation gives; it refuses what it does not know.
"""

import functools
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from samtranslator.translator.arn_generator import ArnGenerator

from local.template import load, translate

ROOT = Path(__file__).parent.parent.parent
ACCOUNT = "123456789012"
SUFFIX = "1A2B3C4D5E6F"
"""What CloudFormation appends to the names it makes."""
REGIONS = {"aws": "eu-west-1", "aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1"}
_NOTHING = object()


@dataclass(frozen=True)
class Rendered:
    """A stack.

    Attributes:
        resources: Type, and properties without any function, by logical id; only those whose condition holds.
        names: What `Ref` gives, by logical id.
        arns: What `Fn::GetAtt` gives for `Arn`, or `Ref` where that is the ARN.
    """

    stack: str
    partition: str
    resources: Mapping[str, Mapping[str, Any]]
    names: Mapping[str, str]
    arns: Mapping[str, str]

    def of_type(self, kind: str) -> dict[str, Any]:
        return {name: found["Properties"] for name, found in self.resources.items() if found["Type"] == kind}

    def definition(self) -> str:
        """The state machine's, with its substitutions."""
        (machine,) = self.of_type("AWS::StepFunctions::StateMachine").values()
        text = str(machine["DefinitionString"])
        for name, value in machine["DefinitionSubstitutions"].items():
            text = text.replace("${" + name + "}", value)
        return text

    def policies(self, role: str) -> list[dict[str, Any]]:
        """The statements of a role, its managed policies left out."""
        found = self.resources[role]["Properties"].get("Policies", [])
        return [statement for policy in found for statement in listed(policy["PolicyDocument"]["Statement"])]


def listed(value: Any) -> list[Any]:
    """A policy's value that stands alone, or in a list."""
    return value if isinstance(value, list) else [value]


def texts(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every text in it, keys too, with its place."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield f"{path}.{key}", str(key)
            yield from texts(item, f"{path}.{key}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from texts(item, f"{path}.{index}")


@functools.cache
def _template(partition: str) -> dict[str, Any]:
    # SAM's translator takes both from where it runs, which is the stack's region
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(ArnGenerator, "BOTO_SESSION_REGION_NAME", REGIONS[partition])
        patched.setenv("AWS_DEFAULT_REGION", REGIONS[partition])
        return translate(ROOT / "template.yaml", {})[0]


def render(stack: str = "lakeferry", partition: str = "aws", **parameters: str) -> Rendered:
    """The stack of that name, with the parameters' defaults where none are given."""
    template = _template(partition)
    declared = template["Parameters"]
    assert parameters.keys() <= declared.keys(), parameters.keys() - declared.keys()
    rendering = _Rendering(template, stack, partition, {
        name: parameters.get(name, found.get("Default", "")) for name, found in declared.items()
    })  # fmt: skip
    return rendering.all()


def nested(of: Rendered, name: str) -> Rendered:
    """A nested stack of a stack, with what it is given."""
    properties = of.resources[name]["Properties"]
    template = load(ROOT / properties["TemplateURL"])
    return _Rendering(template, f"{of.stack}-{name}-{SUFFIX}", of.partition, properties["Parameters"]).all()


class _Rendering:
    def __init__(self, template: Mapping[str, Any], stack: str, partition: str, parameters: Mapping[str, Any]) -> None:
        self._template, self._stack, self._partition = template, stack, partition
        self._region = REGIONS[partition]
        lists = {name for name, found in template["Parameters"].items() if "List" in found["Type"]}
        self._parameters = {
            name: str(value).split(",") if name in lists else str(value) for name, value in parameters.items()
        }
        self._domain = "amazonaws.com.cn" if partition == "aws-cn" else "amazonaws.com"

    def all(self) -> Rendered:
        there = {name: found for name, found in self._template["Resources"].items() if self._is_there(found)}
        resources = {
            name: {"Type": found["Type"], "Properties": self.value(found.get("Properties", {}))}
            for name, found in there.items()
        }
        names = {name: self._ref(name) for name in there}
        return Rendered(self._stack, self._partition, resources, names, {name: self._arn(name) for name in there})

    def _is_there(self, found: Mapping[str, Any]) -> bool:
        return "Condition" not in found or bool(self.value({"Condition": found["Condition"]}))

    def value(self, value: Any) -> Any:
        """What CloudFormation makes of a value."""
        if isinstance(value, list):
            return [made for item in value if (made := self.value(item)) is not _NOTHING]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((function, operand),) = value.items()
            if function in {"Ref", "Condition"} and isinstance(operand, str):
                return self._ref(operand) if function == "Ref" else self._condition(operand)
            if function.startswith("Fn::"):
                return self._function(function.removeprefix("Fn::"), operand)
        made = {key: self.value(item) for key, item in value.items()}
        return {key: item for key, item in made.items() if item is not _NOTHING}

    def _condition(self, name: str) -> bool:
        return bool(self.value(self._template["Conditions"][name]))

    def _function(self, function: str, operand: Any) -> Any:
        if function == "If":
            name, yes, no = operand
            return self.value(yes if self._condition(name) else no)
        if function == "Sub":
            return self._sub(operand)
        found = self.value(operand)
        if function == "GetAtt":
            logical, _, attribute = (found if isinstance(found, str) else ".".join(found)).partition(".")
            return self._attribute(logical, attribute)
        if function == "FindInMap":
            name, key, second = found
            return self._template["Mappings"][name][key][second]
        plain: dict[str, Callable[[], Any]] = {
            "Join": lambda: found[0].join(found[1]),
            "Split": lambda: found[1].split(found[0]),
            "Select": lambda: found[1][int(found[0])],
            "Equals": lambda: found[0] == found[1],
            "Not": lambda: not found[0],
            "And": lambda: all(found),
            "Or": lambda: any(found),
        }
        return plain[function]()

    def _sub(self, operand: Any) -> str:
        text, given = (operand, {}) if isinstance(operand, str) else operand

        def one(match: re.Match[str]) -> str:
            name = match[1]
            if name in given:
                return str(self.value(given[name]))
            logical, _, attribute = name.partition(".")
            return self._attribute(logical, attribute) if attribute else str(self._ref(name))

        # ${!name} stays as ${name}, which IAM fills in
        return re.sub(r"\$\{!([\w:/]+)\}", r"${\1}", re.sub(r"\$\{([\w:.]+)\}", one, text))

    def _ref(self, name: str) -> Any:
        if name.startswith("AWS::"):
            return {
                "AWS::Partition": self._partition,
                "AWS::Region": self._region,
                "AWS::AccountId": ACCOUNT,
                "AWS::StackName": self._stack,
                "AWS::URLSuffix": self._domain,
                "AWS::NoValue": _NOTHING,
            }[name]
        if name in self._parameters:
            return self._parameters[name]
        kind = self._template["Resources"][name]["Type"]
        if kind in {"AWS::SNS::Topic", "AWS::StepFunctions::StateMachine", "AWS::Lambda::Version"}:
            return self._arn(name)
        if kind == "AWS::SQS::Queue":
            return f"https://sqs.{self._region}.{self._domain}/{ACCOUNT}/{self._name(name)}"
        return self._name(name)

    def _name(self, logical: str) -> str:
        """The physical name: as the template says, or as CloudFormation makes it."""
        found = self._template["Resources"][logical]
        kind, properties = found["Type"], found.get("Properties", {})
        for key in ("Name", "LogGroupName", "StateMachineName", "BucketName", "TableName", "QueueName", "TopicName"):
            if key in properties:
                return str(self.value(properties[key]))
        if kind == "AWS::Glue::Database":
            return str(self.value(properties["DatabaseInput"])["Name"])
        if kind == "AWS::KMS::Key":
            return f"1234abcd-12ab-34cd-{self._stack.lower()}-{logical.lower()}"
        made = f"{self._stack}-{logical}-{SUFFIX}"
        if kind == "AWS::S3::Bucket":
            return f"{self._stack[: 62 - len(logical) - len(SUFFIX)]}-{logical}-{SUFFIX}".lower()
        if kind == "AWS::SQS::Queue" and properties.get("FifoQueue"):
            return f"{made}.fifo"
        return made

    def _arn(self, logical: str) -> str:
        kind = self._template["Resources"][logical]["Type"]
        name = self._name(logical)
        place = f"arn:{self._partition}:{{}}:{self._region}:{ACCOUNT}:"
        return {
            "AWS::S3::Bucket": f"arn:{self._partition}:s3:::{name}",
            "AWS::IAM::Role": f"arn:{self._partition}:iam::{ACCOUNT}:role/{name}",
            "AWS::DynamoDB::Table": f"{place.format('dynamodb')}table/{name}",
            "AWS::SQS::Queue": f"{place.format('sqs')}{name}",
            "AWS::SNS::Topic": f"{place.format('sns')}{name}",
            "AWS::KMS::Key": f"{place.format('kms')}key/{name}",
            "AWS::Lambda::Function": f"{place.format('lambda')}function:{name}",
            "AWS::Lambda::Version": f"{place.format('lambda')}function:{name}:1",
            "AWS::StepFunctions::StateMachine": f"{place.format('states')}stateMachine:{name}",
            "AWS::Logs::LogGroup": f"{place.format('logs')}log-group:{name}:*",
            "AWS::Events::Rule": f"{place.format('events')}rule/{name}",
            "AWS::Events::EventBus": f"{place.format('events')}event-bus/{name}",
        }.get(kind, f"{place.format(kind.split('::')[1].lower())}{name}")

    def _attribute(self, logical: str, attribute: str) -> str:
        if attribute == "Arn":
            return self._arn(logical)
        if attribute in {"QueueName", "TopicName", "Name"}:
            return self._name(logical)
        return f"{self._name(logical)}.{attribute}"
