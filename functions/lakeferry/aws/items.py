"""DynamoDB's values as JSON's."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any


def plain(value: Any) -> Any:  # noqa: ANN401  (any JSON value)
    """A DynamoDB item as plain JSON: its `Decimal` numbers become int or float, sets become lists."""
    if type(value) is str:  # most are, and it takes longest to see that they are nothing else
        return value
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    return value
