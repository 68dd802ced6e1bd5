"""`template.yaml` as CloudFormation: translated by SAM's own translator, without AWS."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from local.session import REGION

CODE_BUCKET = "local-code"


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short tags, and dates left as text."""


def _tag(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    elif isinstance(node, yaml.MappingNode):
        value = loader.construct_mapping(node, deep=True)
    if suffix in {"Ref", "Condition"}:
        return {suffix: value}
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _tag)
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in _Loader.yaml_implicit_resolvers.items()
}


class _NoManagedPolicies:
    def load(self) -> dict[str, str]:
        return {}


def load(path: Path) -> dict[str, Any]:
    """The SAM template as Python values."""
    loaded: dict[str, Any] = yaml.load(path.read_text("utf-8"), _Loader)  # noqa: S506  (a SafeLoader)
    return loaded


def translate(path: Path, parameters: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, Path]]:
    """Translates the template.

    Returns:
        The CloudFormation template, and the code folder of each function's logical id.
    """
    os.environ.setdefault("AWS_DEFAULT_REGION", REGION)
    from samtranslator.translator.transform import transform

    template, code = load(path), dict[str, Path]()
    for name, found in template["Resources"].items():
        properties = found.setdefault("Properties", {})
        if found["Type"] == "AWS::Serverless::Function":
            folder = properties.get("CodeUri") or template["Globals"]["Function"]["CodeUri"]
            code[name] = (path.parent / folder).resolve()
            properties["CodeUri"] = {"Bucket": CODE_BUCKET, "Key": "code.zip"}
        if found["Type"] == "AWS::Serverless::StateMachine" and isinstance(properties.get("DefinitionUri"), str):
            properties["Definition"] = json.loads((path.parent / properties.pop("DefinitionUri")).read_text("utf-8"))
    if "Globals" in template:
        template["Globals"].get("Function", {}).pop("CodeUri", None)
    translated: dict[str, Any] = transform(template, dict(parameters), _NoManagedPolicies())
    return translated, code
