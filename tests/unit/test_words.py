"""Every setting of the schema, wrong in each way it can be: a sentence says so, without a dump of anything."""

import json
import re
from collections.abc import Iterator
from difflib import get_close_matches
from importlib import resources
from itertools import pairwise
from typing import Any

import pytest

from lakeferry.feeds.forms import FORMS
from lakeferry.feeds.problems import MOST_PROBLEMS, document_problems, path_of, validator
from lakeferry.feeds.words import Path, Problem, near
from tests.conftest import feed_document

SCHEMA: dict[str, Any] = json.loads(resources.files("lakeferry").joinpath("feed_schema.json").read_text("utf-8"))
_EXAMPLES: dict[str, Any] = {"string": "a", "integer": 5, "number": 5, "boolean": True, "object": {}, "array": []}
_VALUES: tuple[Any, ...] = (
    "no such value\x07", "", "x" * 500_000, -(10**20), 10**20, 0, [], ["x"] * 2_000, {}, {"a": 1}, 1.5, True, "a",
)  # fmt: skip
_UNREADABLE = re.compile(
    r"does not match|is not of type|valid under|additionalProperties|\bTrue\b|\bFalse\b|\bNone\b|\{'|\['|': |\(\?|\[a-z"
    r"|\[A-Z|\[\^|\\\\x|\{\d,\d|b'|<class|ValidationError|jsonschema"
)


def _resolved(schema: dict[str, Any]) -> dict[str, Any]:
    definitions: dict[str, dict[str, Any]] = SCHEMA["$defs"]
    return definitions[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema


def settings(schema: dict[str, Any], path: Path = ()) -> Iterator[tuple[Path, dict[str, Any]]]:
    """All settings: their paths (0 within a list, `a` where any name may be), and what the schema says of them."""
    schema = _resolved(schema)
    if path:
        yield path, schema
    for name, inner in schema.get("properties", {}).items():
        yield from settings(inner, (*path, name))
    if isinstance(schema.get("items"), dict):
        yield from settings(schema["items"], (*path, 0))
    if isinstance(schema.get("additionalProperties"), dict):
        yield from settings(schema["additionalProperties"], (*path, "a"))
    for choice in schema.get("anyOf", ()):
        yield from list(settings(choice, path))[1:]


ALL = list(settings(SCHEMA))


def example(schema: dict[str, Any]) -> Any:
    """A value of about the right form."""
    schema = _resolved(schema)
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type", "object")
    kind = kind if isinstance(kind, str) else kind[0]
    if kind == "object":
        return {name: example(schema["properties"][name]) for name in schema.get("required", ())}
    return schema.get("default", _EXAMPLES[kind])


def document_with(path: Path, value: Any) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(json.dumps(feed_document()))
    target: Any
    target, schema = document, SCHEMA
    for part, following in pairwise(path):
        schema = _resolved(schema["items"] if isinstance(part, int) else schema["properties"][part])
        if isinstance(part, int):
            while len(target) <= part:
                target.append(example(schema))
        elif not isinstance(target.get(part), list if isinstance(following, int) else dict):
            target[part] = [] if isinstance(following, int) else example({**schema, "type": "object"})
        target = target[part]
    if isinstance(path[-1], int) and len(target) <= path[-1]:
        target.append(value)
    else:
        target[path[-1]] = value
    return dict(document)


def assert_readable(problems: list[Problem]) -> None:
    for problem in problems:
        text = str(problem).replace("(?P<rows>[0-9]+)", "").replace("(?P<date>...)", "")
        assert not _UNREADABLE.search(text), problem.text
        assert not any(pattern in problem.text for pattern in FORMS), problem.text
        assert len(problem.text) < 700, problem.text
        assert problem.text.isprintable(), problem.text


def _is_at(problem: Problem, path: Path) -> bool:
    return problem.path == path[: len(problem.path)] or path == problem.path[: len(path)]


@pytest.mark.parametrize(("path", "schema"), ALL, ids=[".".join(map(str, path)) for path, _ in ALL])
def test_a_wrong_value_of_a_setting_is_told_in_words(path: Path, schema: dict[str, Any]) -> None:
    refused = [None, *(value for value in _VALUES if not validator().evolve(schema=schema).is_valid(value))]
    for value in refused:
        problems = document_problems(document_with(path, value))
        assert any(_is_at(problem, path) for problem in problems), value
        assert_readable(problems)


@pytest.mark.parametrize("cutoff", [0.6, 0.7])
def test_a_name_is_meant_or_not_whatever_its_length(cutoff: float) -> None:
    names = ["Europe/Berlin", "UTC"]
    for name in ["x" * length + end for length in range(40) for end in ("utc", "europe/berlin")]:
        found = get_close_matches(name, [each.lower() for each in names], n=1, cutoff=cutoff)
        assert near(name, names, cutoff) == (
            next(each for each in names if each.lower() == found[0]) if found else None
        )
    assert near("x", [], cutoff) is None


NAMED = [(path, schema) for path, schema in ALL if isinstance(path[-1], str) and path[-1] != "a"]


@pytest.mark.parametrize(("path", "schema"), NAMED, ids=[".".join(map(str, path)) for path, _ in NAMED])
def test_a_misspelt_setting_is_told_with_its_name(path: Path, schema: dict[str, Any]) -> None:
    last = str(path[-1])
    misspelt = (*path[:-1], f"{last}s")
    if any(misspelt == other for other, _ in ALL):
        misspelt = (*path[:-1], f"{last}x")
    document = document_with(misspelt, example(schema))
    target: Any = document
    for part in path[:-1]:
        target = target[part]
    target.pop(path[-1], None)
    problems = document_problems(document)
    [unknown] = [problem for problem in problems if problem.key == misspelt[-1]]
    assert unknown.path == path[:-1]
    assert f"`{misspelt[-1]}` is not a setting of" in unknown.text
    assert f"did you mean `{path[-1]}`?" in unknown.text
    assert not any(f"needs `{path[-1]}`" in problem.text for problem in problems)
    assert_readable(problems)


def test_each_form_of_the_schema_has_words_and_no_others() -> None:
    def patterns(schema: Any) -> Iterator[str]:
        if isinstance(schema, dict):
            if isinstance(schema.get("pattern"), str):
                yield schema["pattern"]
            for inner in schema.values():
                yield from patterns(inner)

    assert set(FORMS) == set(patterns(SCHEMA))


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (
            "$.files",
            {"directory": "/", "patern": "*.csv"},
            "`patern` is not a setting of `files`; did you mean `pattern`?",
        ),
        ("$.server.password", "hunter2", "a secret never stands in a feed"),
        ("$.delimiter", ";", "`delimiter` is not a setting of a feed; it is one of `format`"),
        ("$.schedule", "0 6 * * *", "`cron(0 6 * * ? *)`"),
        ("$.schedule", "cron(0 6 * * *)", "it needs six fields and has five: cron(0 6 * * ? *)"),
        ("$.schedule", "cron(0 6 * * 1-5)", "cron(0 6 ? * 2-6 *)"),
        ("$.schedule", "cron(0 6 * * * *)", "such as cron(0 6 * * ? *)"),
        ("$.format.delimiter", "\\t", '`format.delimiter` is one character, not the 2 characters \\t: a tab is "\\t"'),
        ("$.format.delimiter", "semicolon", 'write ";"'),
        ("$.format.type", "CSV", "did you mean csv?"),
        ("$.format.header", "yes", "has to be true or false"),
        ("$.sla", {"expected_by": 990, "timezone": "UTC"}, 'put it in quotes: "16:30"'),
        ("$.sla", {"expected_by": "6:30", "timezone": "UTC"}, 'write "06:30"'),
        ("$.sla", {"expected_by": "06:30", "timezone": "UTC", "holidays": False}, "YAML reads yes, no, on and off"),
        ("$.checks.columns", [{"name": "a", "type": "varchar(20)"}], "write string"),
        ("$.checks.columns", [{"name": "a", "type": "date", "format": "dd.MM.yyyy"}], "write %d.%m.%Y"),
        ("$.checks.columns", [{"name": "a", "type": "date", "format": "%Y-%Q"}], "not by %Q"),
        ("$.checks.columns", [{"name": "a", "type": "date", "format": "%Y-%m-%Y"}], "%Y is there more than once"),
        ("$.server.host_keys", ["h ssh-ed25519 AAAAC3Nz"], "a line of known_hosts"),
        ("$.server.host_keys", ["[h]:2222 ssh-ed25519 AAAAC3Nz"], "a line of known_hosts"),
        (
            "$.server.host_keys",
            ["|1|F1E1KeoE/eEWhi10WpGv4OdiO6Y=|3988QV0VE8wmZL7suNrYQLITLCg= ssh-rsa AAAA"],
            "known_h",
        ),
        ("$.server.host_keys", ["SHA256:uNiVztksCsDhcc0u9e8BrrJXVGDFzVGXV9v2Ww0Kx1A"], "fingerprint"),
        ("$.server.host_keys", ["16:27:ac:a5:76:28:2d:36:63:1b:56:4d:eb:df:a6:48"], "fingerprint"),
        ("$.server.host_keys", ["-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaA"], "a private key"),
    ],
)
def test_what_was_meant_is_proposed(path: str, value: Any, said: str) -> None:
    problems = document_problems(document_with(path_of(path), value))
    assert any(said in problem.text for problem in problems), [problem.text for problem in problems]
    assert all("hunter2" not in problem.text for problem in problems)


def test_one_mistake_hides_no_other() -> None:
    document = feed_document(
        schedule="cron(0 6 * * *)",
        decode=["gzp"],
        sla={"expected_by": "06:30", "timezone": "Mars/Olympus", "grace": 3},
        surprise=1,
    )
    document["files"] = {"directory": "/", "patern": "a_{date:%Q}.csv"}
    document["server"] |= {"secret": "lakeferry/globex/theirs", "port": "22"}
    document["checks"]["columns"] += [{"name": "b", "type": "integer"}, {"name": "c", "type": "date", "format": "x"}]
    del document["server"]["username"]
    paths = {str(problem).partition(": ")[0] for problem in document_problems(document)}
    assert paths == {
        "$", "$.schedule", "$.decode[0]", "$.sla.timezone", "$.sla", "$.files", "$.files.pattern", "$.server",
        "$.server.secret", "$.server.port", "$.checks.columns[2].type", "$.checks.columns[3].format",
    }  # fmt: skip


def test_no_more_problems_than_anybody_reads() -> None:
    document = feed_document(checks={"columns": [{"name": f"c{index}", "type": "x"} for index in range(1_000)]})
    assert len(document_problems(document)) == MOST_PROBLEMS
