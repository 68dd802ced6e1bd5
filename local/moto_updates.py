"""How moto 5.2.5 changes an item: it copies the tree of an update and goes through it ten times, whatever it says.

The answers are moto's own (tests/local/test_shims.py compares them). Shims like those of local/moto_shims.py, whose
list has these, too.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any


def plain_updates_are_made_at_once() -> None:
    """An update that sets, removes and counts attributes by placeholders, as all but few do, is read off its tree.

    Whatever moto would refuse, or do otherwise, is left to moto.
    """
    from moto.dynamodb import models
    from moto.dynamodb.models.dynamo_type import DynamoType

    validated, executed = models.UpdateExpressionValidator, models.UpdateExpressionExecutor

    class Validator:
        def __init__(self, tree: Any, **asked: Any) -> None:
            self._tree, self._asked = tree, asked

        def validate(self) -> Any:
            steps = _steps(self._tree, DynamoType, **self._asked)
            return validated(self._tree, **self._asked).validate() if steps is None else _Plain(steps)

    class Executor:
        def __init__(self, update: Any, item: Any, names: Any) -> None:
            self._update, self._item, self._names = update, item, names

        def execute(self) -> None:
            if isinstance(self._update, _Plain):
                self._update.make(self._item.attrs)
            else:
                executed(self._update, self._item, self._names).execute()

    models.UpdateExpressionValidator, models.UpdateExpressionExecutor = Validator, Executor


@dataclass(frozen=True, slots=True)
class _Plain:
    """A validated update: what each attribute becomes, None where it goes."""

    steps: Mapping[str, Any]

    def normalize(self) -> None:
        """Their order is of no account: no two are of one attribute."""

    def make(self, attributes: Any) -> None:
        for name, value in self.steps.items():
            if value is None:
                attributes.pop(name, None)
            else:
                attributes[name] = value


def _steps(
    tree: Any,
    kind: Any,
    *,
    expression_attribute_names: Mapping[str, str] | None,
    expression_attribute_values: Mapping[str, Any] | None,
    item: Any,
    table: Any,
) -> dict[str, Any] | None:
    """None for what moto is to see to."""
    if "plan" not in tree.__dict__:
        tree.plan = _plan(tree)
    if tree.plan is None:
        return None
    names, values = expression_attribute_names or {}, expression_attribute_values or {}
    steps: dict[str, Any] = {}
    for action, placeholder, value_name in tree.plan:
        name = names.get(placeholder)
        if name is None or name in steps or name in table.table_key_attrs or (value_name and value_name not in values):
            return None
        value: Any = kind(values[value_name]) if value_name else None
        if action == "UpdateExpressionAddAction":
            before = item.attrs.get(name) or kind({"N": "0"})
            if before.type != "N" or value.type != "N":
                return None
            value = before + value
        steps[name] = value
    return steps


def _plan(tree: Any) -> list[tuple[str, str, str]] | None:
    """Action, placeholder of the attribute, and of the value; None for a tree with anything else in it."""
    from moto.dynamodb.parsing import ast_nodes as nodes

    clauses = (nodes.UpdateExpressionSetClause, nodes.UpdateExpressionRemoveClause, nodes.UpdateExpressionAddClause)
    actions = (nodes.UpdateExpressionSetAction, nodes.UpdateExpressionRemoveAction, nodes.UpdateExpressionAddAction)
    if any(len(tree.find_clauses([one])) > 1 for one in clauses):
        return None
    if tree.find_clauses([nodes.UpdateExpressionDeleteAction]):
        return None
    plan = []
    for action in tree.find_clauses(list(actions)):
        path, *rest = action.children
        if len(path.children) != 1 or type(path.children[0]) is not nodes.ExpressionAttributeName:
            return None
        if rest and type(rest[0]) is nodes.UpdateExpressionValue and len(rest[0].children) == 1:
            rest = rest[0].children
        if rest and type(rest[0]) is not nodes.ExpressionAttributeValue:
            return None
        plan.append(
            (
                type(action).__name__,
                path.children[0].get_attribute_name_placeholder(),
                rest[0].get_value_name() if rest else "",
            )
        )
    return plan


def updates_are_parsed_once() -> None:
    """moto reads an update's expression, letter by letter, twice for each call. Who changes the tree copies it."""
    from moto.dynamodb.parsing.expressions import UpdateExpressionParser

    make = UpdateExpressionParser.make.__func__

    @lru_cache(1000)
    def known(text: str) -> Any:
        tree = make(UpdateExpressionParser, text)
        tree.kinds = _kinds(tree)
        return tree

    UpdateExpressionParser.make = classmethod(lambda cls, text: known(text))


def kinds_of_nodes_are_known() -> None:
    """moto goes through the whole tree of an update for each of ten passes, and asks of each node what they are for.

    Most are for few kinds of nodes, and the classes of nodes are abstract, which makes `isinstance` slow.
    """
    from moto.dynamodb.parsing.ast_nodes import DepthFirstTraverser, Node

    known = cache(_OneOf)
    nodes, looks_ahead = known((Node,)), DepthFirstTraverser.pre_processing_of_child

    def traverse(self: Any, root: Any) -> Any:
        wanted, look, process = known(self.nodes_to_be_processed()), self.pre_processing_of_child, self.process
        is_told = type(self).pre_processing_of_child is not looks_ahead

        def go(node: Any, place: int) -> Any:
            parent = node.parent
            for index, child in enumerate(node.children or ()):
                if is_told:
                    look(node, index)
                if nodes[type(child)]:
                    go(child, index)
            if wanted[type(node)]:
                node = process(node)
                node.parent = parent
                if parent:
                    parent.children[place] = node
            return node

        kinds = root.__dict__.get("kinds") or _kinds(root)
        if not any(wanted[kind] for kind in kinds):
            return root
        done = go(root, -1)
        done.kinds = _kinds(done)
        return done

    DepthFirstTraverser.traverse = traverse


class _OneOf(dict[type, bool]):
    """Whether a kind is one of some."""

    def __init__(self, some: tuple[type, ...]) -> None:
        self._some = some

    def __missing__(self, kind: type) -> bool:
        self[kind] = issubclass(kind, self._some)
        return self[kind]


def _kinds(node: Any) -> set[type]:
    """Of it and all below."""
    kinds, rest = {type(node)}, [node]
    while rest:
        for child in rest.pop().children or ():
            kinds.add(type(child))
            if hasattr(child, "children"):
                rest.append(child)
    return kinds


SHIMS: list[Callable[[], None]] = [
    plain_updates_are_made_at_once,
    updates_are_parsed_once,
    kinds_of_nodes_are_known,
]
