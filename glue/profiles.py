"""What is known of a column's values without a pass over the rows: nulls, the least value and the greatest, as text."""

import math
from dataclasses import dataclass
from decimal import Decimal

SHOWN = 100
"""Characters of a least or greatest value that are kept."""


@dataclass(frozen=True, slots=True)
class ColumnProfile:
    """One column of a partition's rows; values as text, None where there are none or nothing tells."""

    name: str
    nulls: int | None
    least: str | None
    greatest: str | None


def float64_text(value: float) -> str:
    """A float64 as Java writes it, but always with the fewest digits."""
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    sign = "-" if math.copysign(1, value) < 0 else ""
    if value == 0:
        return f"{sign}0.0"
    parts = Decimal(repr(abs(value))).normalize().as_tuple()
    digits = "".join(map(str, parts.digits))
    point = len(digits) + int(parts.exponent)
    if -3 < point <= 7:
        whole = digits[:point].ljust(point, "0") if point > 0 else "0"
        return f"{sign}{whole}.{('0' * -point + digits if point <= 0 else digits[point:]) or '0'}"
    return f"{sign}{digits[0]}.{digits[1:] or '0'}E{point - 1}"
