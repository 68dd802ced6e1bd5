"""What every document keeps to before anybody looks at what it says: values that JSON has, no more than a table takes.

The table's limits are those of DynamoDB ("Quotas", Amazon DynamoDB Developer Guide): 400 KB and 32 levels an item, 38
digits a number. A document within them is checked in a time and memory that have a bound, too.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

MOST_BYTES = 400_000
"""Of all texts and names together, in UTF-8."""
MOST_VALUES = 20_000
MOST_LEVELS = 32
_LARGEST_NUMBER = 10**38


class BoundsError(Exception):
    """Names the JSON path, and what a document cannot have there."""


class Bounded:
    """Copies a document, counting."""

    def __init__(self) -> None:
        self._bytes = self._values = 0

    def copy(self, value: Any, path: str = "$", level: int = 1) -> Any:  # noqa: ANN401  (whatever was written)
        """The value as plain JSON: whole numbers are `int` however they were written, sets are lists.

        Raises:
            BoundsError: names the JSON path, and what a document cannot have there.
        """
        self._values += 1
        if self._values > MOST_VALUES:
            raise BoundsError(f"$: has more than {MOST_VALUES:,} values")
        if level > MOST_LEVELS:
            raise BoundsError(f"{cut(path)}: is more than {MOST_LEVELS} levels deep")
        if isinstance(value, str):
            return self._text(value, path)
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int | float | Decimal):
            return _number(value, path)
        if isinstance(value, Mapping):
            return {
                self._name(name, path): self.copy(item, f"{path}.{name}", level + 1) for name, item in value.items()
            }
        if isinstance(value, list | tuple | set | frozenset):
            return [self.copy(item, f"{path}[{index}]", level + 1) for index, item in enumerate(value)]
        raise BoundsError(f"{cut(path)}: is a {type(value).__name__}, which JSON does not have; a date needs quotes")

    def _name(self, name: object, path: str) -> str:
        if not isinstance(name, str):
            raise BoundsError(f"{cut(path)}: has the name {name!r:.60}, which is no text: put it in quotes")
        return self._text(name, path)

    def _text(self, text: str, path: str) -> str:
        try:
            self._bytes += len(text.encode())
        except UnicodeEncodeError:
            raise BoundsError(f"{cut(path)}: has half a character (a lone surrogate) in it") from None
        if self._bytes > MOST_BYTES:
            raise BoundsError(f"$: has more than {MOST_BYTES:,} bytes of text")
        return text


def _number(value: float | Decimal, path: str) -> int | float:
    # a float that is no number is neither below nor above; a Decimal of that kind may not even be compared
    is_number = not isinstance(value, Decimal) or value.is_finite()
    if not is_number or not -_LARGEST_NUMBER < value < _LARGEST_NUMBER:
        raise BoundsError(f"{cut(path)}: is not a number of up to 38 digits")
    # JSON Schema takes 4.0 for an integer, and so does everything behind it
    return int(value) if value == int(value) else float(value)


def cut(text: str, longest: int = 400) -> str:
    """The text, or the beginning of it, as UTF-8 can have it."""
    text = text[: longest + 1].encode("utf-8", "replace").decode()
    return text if len(text) <= longest else f"{text[:longest]}..."
