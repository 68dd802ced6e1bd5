"""All that is wrong with a feed document: by its schema, and by the rules that a schema cannot say.

The rules look at sections that the schema accepts: a word misspelt in `server` hides nothing that is wrong in `sla`.
"""

import json
import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from importlib import resources
from itertools import islice
from typing import TYPE_CHECKING, Any

from lakeferry.errors import FeedInvalidError
from lakeferry.feeds.catalog import catalog_problems
from lakeferry.feeds.checks import build_checks, checks_problems
from lakeferry.feeds.content import content_problems
from lakeferry.feeds.decode import decode_problems
from lakeferry.feeds.expressions import checks_expression_problems, transform_expressions
from lakeferry.feeds.files import files_problems
from lakeferry.feeds.keywords import checking
from lakeferry.feeds.notify import notify_problems, without_urls
from lakeferry.feeds.pruned import Pruned
from lakeferry.feeds.retention import retention_problems
from lakeferry.feeds.schedule import schedule_problems
from lakeferry.feeds.server import server_problems
from lakeferry.feeds.sla import sla_problems
from lakeferry.feeds.transform import build_transform, transform_problems
from lakeferry.feeds.words import Path, Problem, json_path, told

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

_log = logging.getLogger(__name__)
MOST_PROBLEMS = 100
"""No more are looked for than anybody reads: each quotes what it is about."""
_ROUNDS = 3
"""In which what the schema refuses is taken out: a list of which nothing is left is gone in the next."""
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]")


@cache
def validator() -> "Validator":
    """The schema, ready to be asked."""
    # imported late: Spark's executors and the CLI's help do not need it
    from jsonschema import Draft202012Validator

    text = resources.files("lakeferry").joinpath("feed_schema.json").read_text("utf-8")
    return checking(Draft202012Validator)(json.loads(text))


def document_problems(document: Mapping[str, Any]) -> list[Problem]:
    """What is wrong with a document of plain JSON, in the order of its paths; nothing where it is a feed."""
    found = _of_schema(document)
    if not found:
        return list(islice(_of_rules(document, frozenset(), frozenset()), MOST_PROBLEMS))
    pruned = Pruned(document)
    pruned.prune(found)
    again = _of_schema(pruned.document)
    found = _without_consequences([*found, *(one for one in again if one.key is None and pruned.is_new(one))])
    for _ in range(_ROUNDS):
        if not again:
            break
        pruned.prune(again)
        again = _of_schema(pruned.document)
    broken = frozenset(str(problem.path[0]) for problem in again if problem.path)
    wrong = broken | {str(problem.path[0]) for problem in found if problem.path and problem.key is None}
    try:
        found += [
            replace(one, path=pruned.original(one.path))
            for one in islice(_of_rules(pruned.document, broken, wrong), MOST_PROBLEMS)
            if not pruned.has_lost(one.path, document)
        ]
    except Exception:
        # what the schema says stands; the rules are not made for documents that it refuses
        _log.debug("a rule failed on a document that its schema refuses", exc_info=True)
    return found[:MOST_PROBLEMS]


def path_of(text: str) -> Path:
    """The parts of a JSON path as the rules write it."""
    return tuple(int(index) if index else name for name, index in _STEP.findall(text))


def _of_schema(document: Mapping[str, Any]) -> list[Problem]:
    schema: Any = validator().schema
    errors: list[Any] = sorted(
        islice(validator().iter_errors(document), MOST_PROBLEMS), key=lambda error: error.json_path
    )
    problems = dict.fromkeys(problem for error in errors for problem in told(error, schema))
    return [replace(each, text=without_urls(json_path(each.path), each.text)) for each in problems]


def _without_consequences(problems: Iterable[Problem]) -> list[Problem]:
    """Without what is missing only because its name is misspelt."""
    meant = {(problem.path, name) for problem in problems if problem.key for name in problem.about}
    return [
        problem
        for problem in problems
        if problem.key is not None or not any((problem.path, name) in meant for name in problem.about)
    ]


_Rule = Callable[[Mapping[str, Any]], Iterator[str]]
_CONTENT = frozenset({"format", "checks"})
_RULES: tuple[tuple[frozenset[str], _Rule], ...] = (
    (frozenset({"schedule"}), lambda document: schedule_problems(document["schedule"])),
    (frozenset({"server", "tenant"}), server_problems),
    (frozenset({"files"}), lambda document: files_problems(document["files"])),
    (frozenset({"decode", "decode_options"}), decode_problems),
    (frozenset({"format"}), content_problems),
    (_CONTENT, checks_problems),
    (frozenset({"sla"}), lambda document: sla_problems(document["sla"])),
    (frozenset({"notify", "server"}), notify_problems),
    (frozenset({"retention", "transform"}), retention_problems),
    (frozenset({"catalog"}), lambda document: catalog_problems(document.get("catalog", {}))),
)
"""Which sections a rule reads, and the rule; what the schema refuses is left out of what it gets."""
_ACROSS: tuple[tuple[frozenset[str], _Rule], ...] = (
    (_CONTENT | {"transform", "dataset"}, transform_problems),
    (_CONTENT | {"transform"}, lambda document: _expression_problems(document)),
)
"""Rules that hold sections against each other: of a column that was left out they would say that there is none."""
_NEEDED = frozenset({"tenant", "server", "files", "format", "dataset"})
"""Sections that no feed is without, and rules do not ask for."""
_ALONE = frozenset({"schedule", "sla"})


def _of_rules(document: Mapping[str, Any], broken: frozenset[str], wrong: frozenset[str]) -> Iterator[Problem]:
    missing = (_NEEDED | _ALONE) - set(document)
    rules = [rule for sections, rule in _RULES if not sections & (broken | missing)]
    rules += [rule for sections, rule in _ACROSS if not sections & (broken | wrong | missing)]
    for rule in rules:
        for said in rule(document):
            path, _, text = said.partition(": ")
            yield Problem(path_of(path), text)


def _expression_problems(document: Mapping[str, Any]) -> Iterator[str]:
    checks, transform = build_checks(document.get("checks", {})), build_transform(document.get("transform", {}))
    try:
        yield from checks_expression_problems(checks)
        yield from transform_expressions(checks.columns, transform).problems
    except FeedInvalidError as error:
        yield f"$.checks.columns: {error}"
