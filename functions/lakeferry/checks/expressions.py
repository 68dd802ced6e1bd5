"""Judges rows by the conditions of `checks.expressions`."""

from collections.abc import Iterator, Mapping

import pyarrow as pa

from lakeferry.checks.arrow import Column, kernels
from lakeferry.checks.evaluation import evaluate, type_of_arrow
from lakeferry.errors import FeedInvalidError
from lakeferry.expressions import ExpressionError, Scope, condition_of


class Condition:
    """One condition.

    Attributes:
        name, text: As in the feed.
    """

    def __init__(self, name: str, text: str, types: Mapping[str, pa.DataType]) -> None:
        """Args:
            types: Column in small letters → its type.

        Raises:
            FeedInvalidError: it names a column that is not there, or its types do not go together.
        """
        self.name, self.text = name, text
        try:
            scope = Scope({column: type_of_arrow(of_type) for column, of_type in types.items()})
            self._expression = condition_of(text, scope)
        except ExpressionError as error:
            raise FeedInvalidError(f"checks.expressions: {name}: {error}.") from error

    def problems(self, columns: Mapping[str, Column], rows: int) -> Iterator[tuple[list[int], str]]:
        """Indices of rows it is not true for, and why: it is false, or cannot be computed.

        One that is null, for want of a value, is neither.
        """
        found = evaluate(self._expression, columns, rows)
        if found.error is not None:
            yield _true(found.error, rows), f"cannot be computed, as a value is not in range: {self.text}"
        values = kernels.invert(found.values)
        if found.error is not None:
            values = kernels.and_kleene(values, kernels.invert(found.error))
        yield _true(values, rows), f"does not fulfil {self.text}"


def _true(mask: Column, rows: int) -> list[int]:
    if isinstance(mask, pa.Scalar):
        return list(range(rows)) if mask.as_py() else []
    return kernels.indices_nonzero(mask).to_pylist() if kernels.any(mask).as_py() else []
