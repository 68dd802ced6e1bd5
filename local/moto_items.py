"""What moto 5.2.5 does again and again with the items of a table, done once: most of what a call of DynamoDB costs.

The answers are moto's own (tests/unit/test_moto_items.py compares them). Shims like those of local/moto_shims.py, whose
list has these, too.
"""

import base64
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

PLAIN = {"S", "N", "BOOL", "NULL"}
MOST_BYTES = 405_000
"""Of an item, as moto has it ("LimitedSizeDict")."""


def items_are_sorted_by_what_they_say() -> None:
    """moto sorts a whole table for each query, by objects that compare in Python, to keep one partition of it.

    Of an index it looks through all items of the table, too, and sorts those that it keeps once more: here those alone
    that the index has.
    """
    from moto.dynamodb.models.table import Table

    original = Table.query

    def all_items(self: Any) -> list[Any]:
        wanted = self.__dict__.get("_wanted")
        if not self.range_key_attr:
            return sorted(self.items.values(), key=lambda item: _said(item.hash_key))
        if wanted is not None:
            partition, names = wanted
            partitions = self.items.values() if partition is None else (self.items.get(partition, {}),)
            some = [item for items in partitions for item in items.values() if all(map(item.attrs.__contains__, names))]
            return some if names else sorted(some, key=lambda item: _said(item.range_key))
        found = [item for partition in self.items.values() for item in partition.values()]
        return sorted(found, key=lambda item: (_said(item.hash_key), _said(item.range_key)))

    def query(self: Any, hash_key: Any, *args: Any, **named: Any) -> Any:
        name = named.get("index_name", args[6] if len(args) > 6 else None)
        indexes: list[Any] = [index for index in self.all_indexes() if index.name == name] if name else []
        keys: list[dict[str, str]] = indexes[0].schema if indexes else []
        names = [key["AttributeName"] for key in keys]
        hashed = [key["AttributeName"] for key in keys if key["KeyType"] == "HASH"]
        self._wanted = (hash_key if hashed in ([], [self.hash_key_attr]) else None), names
        try:
            return original(self, hash_key, *args, **named)
        finally:
            del self._wanted

    def sorted_items(self: Any, hash_keys: Any, range_keys: Any, items: list[Any]) -> list[Any]:
        names = self._generate_attr_to_sort_by(hash_keys, range_keys)
        items.sort(key=lambda item: tuple(_said(item.attrs[name]) for name in names))
        return items

    Table.all_items, Table.query, Table.sorted_items = all_items, query, sorted_items


def _said(value: Any) -> Any:
    return Decimal(value.value) if value.type == "N" else value.value


def items_are_copied_value_by_value() -> None:
    """moto copies items by `deepcopy`, and for an answer the copies once more for each level they have."""
    from moto.dynamodb.models.dynamo_type import DynamoType, Item, LimitedSizeDict

    def copied(value: Any) -> Any:
        new = object.__new__(DynamoType)
        kind, inner = value.type, value.value
        new.type = kind
        if kind == "M":
            inner = {key: copied(one) for key, one in inner.items()}
        elif kind == "L":
            inner = [copied(one) for one in inner]
        elif kind in {"SS", "NS", "BS"}:
            inner = list(inner)
        new.value = inner
        return new

    def copied_item(self: Any, memo: Any) -> Any:
        new = object.__new__(type(self))
        new.hash_key = copied(self.hash_key)
        new.range_key = copied(self.range_key) if self.range_key else self.range_key
        new.attrs = dict.__new__(LimitedSizeDict)
        dict.update(new.attrs, {key: copied(value) for key, value in self.attrs.items()})
        return new

    def to_regular_json(self: Any) -> dict[str, Any]:
        kind, inner = self.type, self.value
        if kind == "M":
            return {kind: {key: to_regular_json(one) for key, one in inner.items()}}
        if kind == "L":
            return {kind: [to_regular_json(one) for one in inner]}
        if kind == "B" and isinstance(inner, str):
            return {kind: base64.b64decode(inner)}
        return {kind: list(inner) if isinstance(inner, list) else inner}

    DynamoType.__deepcopy__ = lambda self, memo: copied(self)
    Item.__deepcopy__ = copied_item
    DynamoType.to_regular_json = to_regular_json


def items_are_weighed_for_their_limit_only() -> None:
    """moto weighs all of an item for each attribute that it is given.

    Here it has a bound: its weight when it was first set, and that of all that was set since.
    """
    from moto.dynamodb.exceptions import ItemSizeTooLarge
    from moto.dynamodb.models.dynamo_type import DynamoType, LimitedSizeDict, bytesize

    def weight(key: str, value: Any) -> int:
        return int(bytesize(key) + (value.size() if type(value) is DynamoType else bytesize(str(value))))

    def put(self: Any, key: str, value: Any) -> None:
        new, most = weight(key, value), self.__dict__.get("_most")
        if most is None or most + new > MOST_BYTES:
            most = sum(weight(name, held) for name, held in self.items())
        if most + new > MOST_BYTES:
            raise ItemSizeTooLarge
        self._most = most + new
        dict.__setitem__(self, key, value)

    LimitedSizeDict.__setitem__ = put


def attributes_are_taken_as_they_are() -> None:
    """moto makes Python's values of the whole item for each attribute of a projection, and DynamoDB's of them again."""
    from moto.dynamodb.models.dynamo_type import Item

    original = Item.project

    def project(self: Any, projection_expressions: list[list[str]]) -> Any:
        attrs = {}
        for expression in projection_expressions:
            name = expression[0]
            value = self.attrs.get(name)
            if len(expression) > 1 or "[" in name or (value is not None and not _is_simple(value)):
                return original(self, projection_expressions)
            if value is not None:
                attrs[name] = value.to_regular_json()
        return Item(self.hash_key, self.range_key, attrs)

    Item.project = project


def _is_simple(value: Any) -> bool:
    """Whether nothing in it is a set, whose order moto may change, or bytes."""
    if value.type in {"M", "L"}:
        return all(map(_is_simple, value.value.values() if value.type == "M" else value.value))
    return value.type in PLAIN


def answers_are_written_in_one_pass() -> None:
    """moto asks each value of an answer whether it is a date, has a `to_json`, and what it is of six kinds."""
    from moto.dynamodb import responses
    from moto.dynamodb.models.dynamo_type import DynamoType, Item, LimitedSizeDict

    original = responses.dynamo_to_dict

    def dynamo_to_dict(obj: Any) -> Any:
        kind = type(obj)
        if kind is str or obj is None or kind is bool or kind is int:
            return obj
        if kind is DynamoType:
            return original(obj) if obj.type in {"B", "BS"} else {obj.type: dynamo_to_dict(obj.value)}
        if kind is dict or kind is LimitedSizeDict:
            return {key: dynamo_to_dict(value) for key, value in obj.items()}
        if kind is list:
            return [dynamo_to_dict(value) for value in obj]
        if kind is Item:
            return dynamo_to_dict(obj.to_json())
        return obj if kind is datetime else original(obj)

    responses.dynamo_to_dict = dynamo_to_dict


SHIMS: list[Callable[[], None]] = [
    items_are_sorted_by_what_they_say,
    items_are_copied_value_by_value,
    items_are_weighed_for_their_limit_only,
    attributes_are_taken_as_they_are,
    answers_are_written_in_one_pass,
]
