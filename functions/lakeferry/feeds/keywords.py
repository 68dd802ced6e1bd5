"""Keywords of JSON Schema as this project checks them: in linear time, and as ECMA has them."""

import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from lakeferry.feeds.patterns import compile_pattern

if TYPE_CHECKING:
    from jsonschema import ValidationError
    from jsonschema.protocols import Validator


def _pattern(validator: "Validator", pattern: str, instance: Any, schema: Any) -> "Iterator[ValidationError]":  # noqa: ANN401
    """With `$` at the very end: `jsonschema` takes Python's, before which a line break may stand."""
    from jsonschema import ValidationError

    if isinstance(instance, str) and compile_pattern(pattern).search(instance) is None:
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


def _unique_items(validator: "Validator", unique: bool, instance: Any, schema: Any) -> "Iterator[ValidationError]":  # noqa: ANN401
    """By their texts, since `jsonschema` compares each with each."""
    from jsonschema import ValidationError

    if unique and isinstance(instance, list):
        texts = {json.dumps(item, sort_keys=True) for item in instance}
        if len(texts) < len(instance):
            yield ValidationError("has something twice")


def checking(kind: type["Validator"]) -> type["Validator"]:
    """The validator of a version of JSON Schema, with these keywords."""
    from jsonschema import validators

    extend: Callable[..., type[Validator]] = validators.extend
    return extend(kind, {"pattern": _pattern, "uniqueItems": _unique_items})
