"""How moto 5.2.5 changes an item: it copies the tree of an update and goes through it ten times, whatever it says.

The answers are moto's own (tests/local/test_shims.py and tests/unit/test_moto_updates.py compare them). Shims like
those of local/moto_shims.py, whose list has these, too.
"""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from typing import Any

SETS = {"SS", "NS", "BS"}
MOTOS: list[Any] = []
"""Its validator and its executor, as they were."""


class NotPlainError(Exception):
    """moto is to do it, or to say what is wrong."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What an update is about, besides its text."""

    names: Mapping[str, str]
    values: Mapping[str, Any]
    item: Any


@dataclass(frozen=True, slots=True)
class Path:
    """Names within an item, one below the other, as the text has them: some stand for others."""

    said: tuple[str, ...]

    def names(self, asked: Asked) -> list[str]:
        return [asked.names[name] if name.startswith("#") else name for name in self.said]

    def holder(self, asked: Asked) -> tuple[Any, str]:
        """The item's attributes, or a map in it; and the last name."""
        *above, last = self.names(asked)
        holder = asked.item.attrs
        for name in above:
            if name not in holder or holder[name].type != "M":
                raise NotPlainError
            holder = holder[name].value
        return holder, last

    def found(self, asked: Asked) -> Any:
        """None: it is not there."""
        try:
            holder, last = self.holder(asked)
        except NotPlainError:
            return None
        return holder.get(last)


Value = Callable[[Asked], Any]
"""Makes a value of DynamoDB's of what is asked."""


@dataclass(frozen=True, slots=True)
class Action:
    """One of an update's: `set`, `add` or `remove`."""

    verb: str
    path: Path
    value: Value = lambda asked: None


@dataclass(frozen=True, slots=True)
class Plan:
    """All that a text says."""

    actions: tuple[Action, ...]
    heads: frozenset[str]
    """The first names of all its paths, those that are only read, too."""


class Update:
    """One update of one item: looked at, and not done yet. Stands for moto's validator and executor."""

    def __init__(self, plan: Plan, asked: Asked, table: Any) -> None:
        if set(table.table_key_attrs) & {asked.names.get(name, name) for name in plan.heads}:
            raise NotPlainError
        self._todo = [(action.verb, *action.path.holder(asked), action.value(asked)) for action in plan.actions]
        # what is set of an index's keys has their types, and is not empty: moto knows them by the names in the text
        kinds = {one["AttributeName"]: one["AttributeType"] for one in table.attr}
        for action, (verb, *_, value) in zip(plan.actions, self._todo, strict=True):
            kind = kinds.get(action.path.said[0])
            if verb == "set" and kind is not None and (value.type != kind or not value.value):
                raise NotPlainError
        # the order does not matter where no two are about one attribute
        if len({action.path.names(asked)[0] for action in plan.actions}) < len(plan.actions):
            raise NotPlainError
        for verb, holder, name, value in self._todo:
            if verb == "add" and not _adds(holder.get(name), value):
                raise NotPlainError

    def validate(self) -> "Update":
        return self

    def normalize(self) -> None:
        """Nothing is left to be put in order."""

    def execute(self) -> None:
        for verb, holder, name, value in self._todo:
            if verb == "remove":
                holder.pop(name, None)
            elif verb == "set":
                holder[name] = value
            elif value.type == "N":
                holder[name] = holder[name] + value if name in holder else type(value)({"N": "0"}) + value
            else:
                if name not in holder:
                    holder[name] = type(value)({value.type: []})
                held = holder[name].value
                for one in value.value:
                    if one not in held:
                        held.append(one)


def _adds(held: Any, value: Any) -> bool:
    is_of_a_kind = value.type == "N" or (value.type in SETS and value.value)
    return bool(is_of_a_kind and (held is None or held.type == value.type))


def plain_updates_are_made_at_once() -> None:
    """An update that changes attributes by names, as all but few do, is read off its tree.

    Whatever moto would refuse, or do otherwise (places in lists, what is taken from sets), is left to moto.
    """
    from moto.dynamodb import models

    checked, done = MOTOS[:] = models.UpdateExpressionValidator, models.UpdateExpressionExecutor

    def validator(tree: Any, **named: Any) -> Any:
        known = tree.__dict__
        if "plan" not in known:
            known["plan"] = plan_of(tree)
        if known["plan"] is not None:
            names, values = named["expression_attribute_names"] or {}, named["expression_attribute_values"] or {}
            try:
                return Update(known["plan"], Asked(names, values, named["item"]), named["table"])
            except (NotPlainError, KeyError):
                pass  # moto says what is wrong, or does it
        return checked(tree, **named)

    def executor(update: Any, item: Any, names: Any) -> Any:
        return update if type(update) is Update else done(update, item, names)

    models.UpdateExpressionValidator, models.UpdateExpressionExecutor = validator, executor


def plan_of(tree: Any) -> Plan | None:
    """None: the text says more than this module knows, or what moto refuses."""
    from moto.dynamodb.parsing import ast_nodes as nodes

    for clause in (
        nodes.UpdateExpressionSetClause,
        nodes.UpdateExpressionAddClause,
        nodes.UpdateExpressionRemoveClause,
    ):
        if len(tree.find_clauses([clause])) > 1:
            return None
    verbs = {
        nodes.UpdateExpressionSetAction: "set",
        nodes.UpdateExpressionAddAction: "add",
        nodes.UpdateExpressionRemoveAction: "remove",
        nodes.UpdateExpressionDeleteAction: "",
    }
    paths: list[Path] = []
    actions = []
    try:
        for node in tree.find_clauses(list(verbs)):
            verb, (path, *values) = verbs[type(node)], node.children
            if not verb:
                return None
            actions.append(Action(verb, _path(path, paths), *(_value(value, paths) for value in values)))
    except NotPlainError:
        return None
    return Plan(tuple(actions), frozenset(path.said[0] for path in paths))


def _path(node: Any, paths: list[Path]) -> Path:
    from moto.dynamodb.parsing import ast_nodes as nodes

    said = []
    for child in node.children:
        if type(child) is nodes.ExpressionAttributeName or (
            type(child) is nodes.ExpressionAttribute and child.children[0].upper() not in _reserved()
        ):
            said.append(child.children[0])
        elif type(child) is not nodes.ExpressionPathDescender:
            raise NotPlainError
    paths.append(Path(tuple(said)))
    return paths[-1]


@cache
def _reserved() -> frozenset[str]:
    from moto.dynamodb.parsing.reserved_keywords import ReservedKeywords

    return frozenset(ReservedKeywords.get_reserved_keywords())


def _value(node: Any, paths: list[Path]) -> Value:
    from moto.dynamodb.models.dynamo_type import DynamoType
    from moto.dynamodb.parsing import ast_nodes as nodes

    if type(node) is nodes.UpdateExpressionValue and len(node.children) == 1:
        return _value(node.children[0], paths)
    if type(node) is nodes.UpdateExpressionValue:
        left, sign, right = node.children
        return _counted(_value(left, paths), sign.get_operator(), _value(right, paths))
    if type(node) is nodes.ExpressionAttributeValue:
        name = node.get_value_name()
        return lambda asked: DynamoType(asked.values[name])
    if type(node) is nodes.UpdateExpressionPath:
        path = _path(node, paths)
        return lambda asked: _there(path.found(asked))
    if type(node) is nodes.UpdateExpressionFunction:
        what, first, second = node.children
        if what == "if_not_exists":
            return _or_else(_path(first, paths), _value(second, paths))
        if what == "list_append":
            return _joined(_value(first, paths), _value(second, paths))
    raise NotPlainError


def _there(value: Any) -> Any:
    if value is None:
        raise NotPlainError
    return value


def _counted(left: Value, sign: str, right: Value) -> Value:
    def value(asked: Asked) -> Any:
        one, other = left(asked), right(asked)
        if (one.type, other.type) != ("N", "N"):
            raise NotPlainError
        return one + other if sign == "+" else one - other

    return value


def _or_else(path: Path, other: Value) -> Value:
    def value(asked: Asked) -> Any:
        second, found = other(asked), path.found(asked)
        return second if found is None else found

    return value


def _joined(left: Value, right: Value) -> Value:
    def value(asked: Asked) -> Any:
        one, other = left(asked), right(asked)
        if (one.type, other.type) != ("L", "L"):
            raise NotPlainError
        joined = copy.deepcopy(one)
        joined.value.extend(other.value)
        return joined

    return value


def updates_are_parsed_once() -> None:
    """moto reads an update's expression, letter by letter, twice for each call. Who changes the tree copies it."""
    from moto.dynamodb.parsing.expressions import UpdateExpressionParser

    make = UpdateExpressionParser.make.__func__
    known = lru_cache(1000)(partial(make, UpdateExpressionParser))
    UpdateExpressionParser.make = classmethod(lambda cls, text: known(text))


SHIMS: list[Callable[[], None]] = [
    plain_updates_are_made_at_once,
    updates_are_parsed_once,
]
