"""A YAML document as plain JSON with the place of each value, and what YAML makes of a text that nobody meant.

PyYAML reads YAML 1.1: `no` is false, `16:30` is 990, `010` is 8, of a name that is there twice the last one wins, and
within braces a comma ends a value. Each is a finding here; the document goes on with what was meant, so that one such
slip hides nothing else.
"""

import re
from collections.abc import Callable
from typing import Any

import yaml

from cli.checking.finding import Finding
from lakeferry.feeds.bounds import MOST_LEVELS, MOST_VALUES

Path = tuple[str | int, ...]
_TAG = "tag:yaml.org,2002:"
_SEXAGESIMAL = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?")
_OCTAL = re.compile(r"[-+]?0[0-7_]+")
_CUT_DECIMAL = re.compile(r"decimal\(\s*\d+\s*", re.IGNORECASE)
_REST_OF_DECIMAL = re.compile(r"\s*\d+\s*\)")


class Tree:
    """What one composed document says.

    Attributes:
        document: Plain JSON.
        places: Path → (line, column) of the value, from 1.
        names: Path → (line, column) of the setting's name.
        findings: What YAML made of it that was hardly meant.
    """

    def __init__(self, file: str, root: yaml.Node) -> None:
        self._file = file
        self.places: dict[Path, tuple[int, int]] = {}
        self.names: dict[Path, tuple[int, int]] = {}
        self.findings: list[Finding] = []
        self._values = 0
        self._within: set[int] = set()
        self.document: Any = self._value(root, ())

    def place_of(self, path: Path, key: str | None = None) -> tuple[int, int]:
        """Where a value is, or the nearest of those it is in."""
        if key is not None and (*path, key) in self.names:
            return self.names[*path, key]
        while path not in self.places and path:
            path = path[:-1]
        is_collection = path in self.names and self._is_large.get(path, False)
        return self.names[path] if is_collection else self.places.get(path, (1, 1))

    @property
    def _is_large(self) -> dict[Path, bool]:
        # of a section on lines of its own, people look for its name
        return {path: self.places[path][0] != place[0] for path, place in self.names.items() if path in self.places}

    def _find(self, node: yaml.Node, message: str, path: Path) -> None:
        mark = node.start_mark
        where = "$" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
        self.findings.append(Finding(self._file, mark.line + 1, mark.column + 1, message, where))

    def _value(self, node: yaml.Node, path: Path) -> Any:  # noqa: ANN401  (any JSON value)
        self._values += 1
        self.places.setdefault(path, (node.start_mark.line + 1, node.start_mark.column + 1))
        if self._values > MOST_VALUES or len(path) > MOST_LEVELS or id(node) in self._within:
            if self._values <= MOST_VALUES + 1:
                self._find(node, "this is too deep or too much: anchors that repeat themselves are not taken", path)
            self._values = MOST_VALUES + 1
            return None
        if not node.tag.startswith(_TAG):
            self._find(node, f"the tag {node.tag[:40]} is none that a feed has; take it out", path)
        self._within.add(id(node))
        try:
            if isinstance(node, yaml.MappingNode):
                return self._mapping(node, path)
            if isinstance(node, yaml.SequenceNode):
                return [self._value(item, (*path, index)) for index, item in enumerate(node.value)]
            return self._scalar(node, path)
        finally:
            self._within.discard(id(node))

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        first: dict[str, int] = {}
        cut_decimal: str | None = None
        for key, item in _merged(node):
            name = self._name(key, path)
            if name is None:
                continue
            if cut_decimal and _REST_OF_DECIMAL.fullmatch(name) and item.value == "":
                whole = f"{str(found[cut_decimal]).strip()},{name.strip()}"
                self._find(
                    key,
                    f'within braces a comma ends a value: put the type in quotes, {cut_decimal}: "{whole}"',
                    (*path, cut_decimal),
                )
                found[cut_decimal] = whole
                continue
            if name in first:
                self._find(
                    key, f"`{name[:60]}` is there twice, first in line {first[name]}: keep one of them", (*path, name)
                )
                continue
            first[name] = key.start_mark.line + 1
            self.names[*path, name] = (key.start_mark.line + 1, key.start_mark.column + 1)
            found[name] = self._value(item, (*path, name))
            cut_decimal = name if isinstance(found[name], str) and _CUT_DECIMAL.fullmatch(found[name]) else None
        return found

    def _name(self, key: yaml.Node, path: Path) -> str | None:
        if not isinstance(key, yaml.ScalarNode):
            self._find(key, "a value that begins with { or [ is a collection to YAML: put it in quotes", path)
            return None
        name: str = key.value
        if key.style is None and _meaning(key) not in {"str", "merge"}:
            made = {"bool": "true or false", "null": "nothing", "timestamp": "a date"}.get(_meaning(key), "a number")
            self._find(key, f'YAML reads the name {name} without quotes as {made}: write "{name}"', (*path, name))
        return name

    def _scalar(self, node: yaml.Node, path: Path) -> Any:  # noqa: ANN401  (any JSON value)
        text, meaning = str(node.value), _meaning(node)
        if meaning == "timestamp":
            self._find(node, f'YAML reads {text[:40]} without quotes as a date of its own: write "{text[:40]}"', path)
            return text
        if meaning in {"int", "float"} and _SEXAGESIMAL.fullmatch(text):
            made = _constructed(node)
            self._find(node, f'YAML reads {text} without quotes as the number {made}: write "{text}"', path)
            return text
        if meaning == "int" and _OCTAL.fullmatch(text) and text.strip("+-") != "0":
            made = _constructed(node)
            self._find(
                node,
                f'YAML reads {text} as the number {made}, since it begins with 0: write "{text}" or {text.lstrip("0")}',
                path,
            )
            return text.lstrip("0") and int(text.replace("_", ""))
        if meaning == "bool" and text.lower() not in {"true", "false"}:
            self._switches[path] = text
        return text if meaning not in _CONSTRUCTED else _constructed(node)

    @property
    def _switches(self) -> dict[Path, str]:
        found: dict[Path, str] = self.__dict__.setdefault("_of_switches", {})
        return found

    def switch_at(self, path: Path) -> str | None:
        """How `true` or `false` is written there, where that may have been meant as a text: `no`, `ON`."""
        return self._switches.get(path)


_CONSTRUCTED = frozenset({"bool", "int", "float", "null"})


def _meaning(node: yaml.Node) -> str:
    return str(node.tag).removeprefix(_TAG)


def _constructed(node: yaml.Node) -> Any:  # noqa: ANN401  (bool, number or None)
    make: Callable[[yaml.Node], Any] = yaml.constructor.SafeConstructor().construct_object
    try:
        return make(node)
    except (ValueError, yaml.YAMLError):
        return node.value


def _merged(node: yaml.MappingNode) -> list[tuple[yaml.Node, yaml.Node]]:
    """The pairs of a mapping, those of its merge keys (`<<`) first: what stands there itself wins."""
    own, merged = [], []
    for key, item in node.value:
        if key.tag == f"{_TAG}merge":
            sources = item.value if isinstance(item, yaml.SequenceNode) else [item]
            merged += [pair for source in sources if isinstance(source, yaml.MappingNode) for pair in source.value]
        else:
            own.append((key, item))
    there = {key.value for key, _ in own if isinstance(key, yaml.ScalarNode)}
    seen: set[Any] = set()
    for key, item in merged:
        if isinstance(key, yaml.ScalarNode) and key.value not in there and key.value not in seen:
            seen.add(key.value)
            own.append((key, item))
    return own
