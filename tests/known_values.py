"""What boto3 and botocore ask of each value of DynamoDB's, of ten kinds: here of those that it has, and at once.

Part of `known_calls`; tests/unit/test_known_calls.py holds what is asked and answered against the long way's.
"""

import copy
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import boto3.dynamodb.transform
import boto3.dynamodb.types
import botocore.parsers
import botocore.validate

_transform: Any = boto3.dynamodb.transform
_types: Any = boto3.dynamodb.types
_parser: Any = botocore.parsers.BaseJSONParser
_validator: Any = botocore.validate.ParamValidator
_parse_answer, _parse_map, _validate_map = _parser._handle_structure, _parser._handle_map, _validator._validate_map
_serialize, _deserialize = _types.TypeSerializer.serialize, _types.TypeDeserializer.deserialize
MOST = 10**38
"""Above any number that DynamoDB has."""
_UNCHANGING = {str, int, bool, bytes, Decimal, type(None)}


def in_place_of() -> Iterator[tuple[Any, str, Any]]:
    """Owner, name, and what stands there instead."""
    yield _transform, "copy_dynamodb_params", params_copied
    yield _parser, "_handle_structure", parse_answer
    yield _parser, "_handle_map", parse_map
    yield _validator, "_validate_map", validate_map
    yield _types.TypeSerializer, "serialize", serialize
    yield _types.TypeDeserializer, "deserialize", deserialize


def params_copied(params: Any, **_: Any) -> Any:
    """By `deepcopy`, boto3 asks of each text and number how it is copied."""
    kind = type(params)
    if kind is dict:
        return {key: params_copied(value) for key, value in params.items()}
    if kind is list:
        return [params_copied(value) for value in params]
    return params if kind in _UNCHANGING else copy.deepcopy(params)


def parse_answer(self: Any, shape: Any, value: Any) -> Any:
    """botocore asks each value of an item for each of the ten kinds that it may be of."""
    return value if shape.name == "AttributeValue" and is_plain(value) else _parse_answer(self, shape, value)


def parse_map(self: Any, shape: Any, value: Any) -> Any:
    """An item's attributes, all at once."""
    is_item = shape.value.name == "AttributeValue" and all(map(is_plain, value.values()))
    return dict(value) if is_item else _parse_map(self, shape, value)


def validate_map(self: Any, param: Any, shape: Any, errors: Any, name: str) -> None:
    """The same of what is asked; in sets, botocore looks for what is no text."""
    is_item = shape.value.name == "AttributeValue" and type(param) is dict and set(map(type, param)) == {str}
    if not is_item or not all(
        is_plain(value) and not value.keys() & {"M", "L", "SS", "NS"} for value in param.values()
    ):
        _validate_map(self, param, shape, errors, name)


def serialize(self: Any, value: Any) -> Any:
    """boto3 asks of each value in turn whether it is of ten kinds, each with functions of its own."""
    kind = type(value)
    if kind is str:
        return {"S": value}
    if kind is bool:
        return {"BOOL": value}
    if kind is int and -MOST < value < MOST:
        return {"N": str(value)}
    if kind is dict:
        return {"M": {key: self.serialize(inner) for key, inner in value.items()}}
    if kind is list:
        return {"L": [self.serialize(inner) for inner in value]}
    return {"NULL": True} if value is None else _serialize(self, value)


def deserialize(self: Any, value: Any) -> Any:
    """boto3 looks for a method of the name that each value's kind has."""
    if type(value) is dict and len(value) == 1:
        ((kind, inner),) = value.items()
        if kind in {"S", "BOOL"}:
            return inner
        if kind == "N":
            return _types.DYNAMODB_CONTEXT.create_decimal(inner)
        if kind == "M":
            return {key: self.deserialize(one) for key, one in inner.items()}
        if kind == "L":
            return [self.deserialize(one) for one in inner]
    return _deserialize(self, value)


def is_plain(value: Any) -> bool:
    """Whether a value of DynamoDB's, as JSON has it, is what any reader of it makes of it: nothing in it is bytes."""
    if type(value) is not dict or len(value) != 1:
        return False
    ((kind, inner),) = value.items()
    if kind in {"S", "N"}:
        return type(inner) is str
    if kind == "M":
        return type(inner) is dict and all(map(is_plain, inner.values()))
    if kind == "L":
        return type(inner) is list and all(map(is_plain, inner))
    return (kind in {"BOOL", "NULL"} and type(inner) is bool) or (kind in {"SS", "NS"} and type(inner) is list)
