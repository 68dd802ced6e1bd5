"""`template.yaml` as CloudFormation: translated by SAM's own translator, without AWS."""

import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from local import compiled, session
from local.session import REGION

CODE_BUCKET = "local-code"


class _Loader(yaml.CSafeLoader):
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
    loaded: dict[str, Any] = json.loads(_as_json(path))
    return loaded


def translate(path: Path, parameters: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, Path]]:
    """Translates the template.

    Returns:
        The CloudFormation template, and the code folder of each function's logical id.
    """
    # SAM's translator writes the region that it runs in, too
    given = json.dumps([os.environ.get("AWS_DEFAULT_REGION", REGION), dict(parameters)], sort_keys=True).encode()
    made_of = (*_read(path), given, Path(__file__).read_bytes(), Path(session.__file__).read_bytes())
    made = compiled.kept(
        "template",
        made_of,
        ["aws-sam-translator", "PyYAML"],
        lambda: json.dumps(translated(path, parameters)).encode(),
    )
    template, folders = json.loads(made)
    return template, {name: (path.parent / folder).resolve() for name, folder in folders.items()}


def nested(path: Path, template: dict[str, Any]) -> dict[str, bytes]:
    """Points nested stacks at where their templates are put, as `sam deploy` does.

    Returns:
        The templates as JSON, by their keys in `CODE_BUCKET`.
    """
    bodies = dict[str, bytes]()
    for found in template["Resources"].values():
        if found["Type"] == "AWS::CloudFormation::Stack":
            name = found["Properties"]["TemplateURL"]
            bodies[name] = _as_json(path.parent / name)
            found["Properties"]["TemplateURL"] = f"https://{CODE_BUCKET}.s3.amazonaws.com/{name}"
    return bodies


def _as_json(path: Path) -> bytes:
    """Of the template; YAML is read once, in a fifteenth of a second."""
    text = path.read_bytes()
    made_of = (text, Path(__file__).read_bytes())
    return compiled.kept("nested", made_of, ["PyYAML"], lambda: json.dumps(parsed(text)).encode())


def parsed(text: bytes) -> Any:
    """What YAML of a template is."""
    return yaml.load(text, _Loader)  # noqa: S506  (a SafeLoader)


def _read(path: Path) -> Iterator[bytes]:
    """The template, and the definitions that it names."""
    text = path.read_text("utf-8")
    yield text.encode()
    for name in re.findall(r"^\s*DefinitionUri:\s*(\S+)\s*$", text, re.MULTILINE):
        yield (path.parent / name).read_bytes()


def translated(path: Path, parameters: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """The same, made anew; the code folders as the template has them."""
    os.environ.setdefault("AWS_DEFAULT_REGION", REGION)
    from samtranslator.translator.transform import transform

    template, folders = load(path), dict[str, str]()
    for name, found in template["Resources"].items():
        properties = found.setdefault("Properties", {})
        if found["Type"] == "AWS::Serverless::Function":
            folders[name] = properties.get("CodeUri") or template["Globals"]["Function"]["CodeUri"]
            properties["CodeUri"] = {"Bucket": CODE_BUCKET, "Key": "code.zip"}
        if found["Type"] == "AWS::Serverless::StateMachine" and isinstance(properties.get("DefinitionUri"), str):
            properties["Definition"] = json.loads((path.parent / properties.pop("DefinitionUri")).read_text("utf-8"))
    if "Globals" in template:
        template["Globals"].get("Function", {}).pop("CodeUri", None)
    return transform(template, dict(parameters), _NoManagedPolicies()), folders
