"""Numbers as mainframes store them, a column at a time: packed (COMP-3) and zoned decimals → text.

Packed: two digits a byte, the last half byte is the sign: C and F are plus, D is minus. Zoned: a digit a byte, and the
last one has the sign in its upper half: C, D or F in EBCDIC; in files that went through a translation to ASCII that
is `{ABCDEFGHI` and `}JKLMNOPQR`, and of programs that were born there `p` to `y` for minus. (IBM's Principles of
Operation, "Decimal instructions", and Enterprise COBOL's "Numeric data" have the forms.)
"""

from dataclasses import dataclass

import pyarrow as pa

from lakeferry.checks.arrow import Column, kernels

_PLUS, _MINUS, _WRONG = b"+-x"
_PACKED_SIGNS = {b"cf": _PLUS, b"d": _MINUS}
_EBCDIC_SIGNS = {bytes(range(zone, zone + 10)): sign for zone, sign in ((0xC0, _PLUS), (0xF0, _PLUS), (0xD0, _MINUS))}
_ASCII_SIGNS = {b"0123456789": _PLUS, b"{ABCDEFGHI": _PLUS, b"}JKLMNOPQR": _MINUS, b"pqrstuvwxy": _MINUS}


def _signs(of: dict[bytes, int]) -> bytes:
    """A table from a byte to its sign."""
    found = {byte: sign for letters, sign in of.items() for byte in letters}
    return bytes(found.get(byte, _WRONG) for byte in range(256))


def _digits(*of: bytes) -> bytes:
    """A table from a byte to the digit that it stands for: its place."""
    found = {byte: ord("0") + digit for letters in of for digit, byte in enumerate(letters)}
    return bytes(found.get(byte, _WRONG) for byte in range(256))


_PACKED_SIGN, _HEX_DIGIT = _signs(_PACKED_SIGNS), _digits(b"0123456789")
_ZONED = {
    True: (_digits(bytes(range(0xF0, 0xFA))), _digits(*_EBCDIC_SIGNS), _signs(_EBCDIC_SIGNS)),
    False: (_digits(b"0123456789"), _digits(*_ASCII_SIGNS), _signs(_ASCII_SIGNS)),
}
"""Whether it is EBCDIC → digits before the last, the last one, its sign."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """A column of numbers as text.

    Attributes:
        texts: With a point and the sign before them; where it is no number, anything.
        wrong: Indices of what is no such number.
    """

    texts: Column
    wrong: list[int]


def digits_of(stored: str, length: int) -> int:
    """How many digits a field of so many bytes has."""
    return 2 * length - 1 if stored == "packed" else length


def packed(data: bytes, length: int, scale: int) -> Numbers:
    """Packed decimals.

    Args:
        data: The fields, each of `length` bytes, one behind the other.
        scale: How many of the digits are behind the point.
    """
    halves = bytearray(data.hex().encode())
    width = 2 * length
    signs = halves[width - 1 :: width].translate(_PACKED_SIGN)
    # the sign goes to the front, where a digit of nothing is: so all fields keep their width
    digits = bytearray(len(halves))
    digits[::width] = b"0" * len(signs)
    for at in range(width - 1):
        digits[at + 1 :: width] = halves[at::width]
    return _numbers(bytes(digits.translate(_HEX_DIGIT)), bytes(signs), width, scale)


def zoned(data: bytes, length: int, scale: int, *, ebcdic: bool) -> Numbers:
    """Zoned decimals; the arguments are those of `packed`."""
    before, last, sign = _ZONED[ebcdic]
    ends = data[length - 1 :: length]
    digits = bytearray(data.translate(before))
    digits[length - 1 :: length] = ends.translate(last)
    return _numbers(bytes(digits), ends.translate(sign), length, scale)


def _numbers(digits: bytes, signs: bytes, width: int, scale: int) -> Numbers:
    rows = len(signs)
    column = pa.Array.from_buffers(pa.binary(width), rows, [None, pa.py_buffer(digits)]).cast(pa.string())
    whole, fraction = kernels.utf8_slice_codeunits(column, 0, width - scale), None
    whole = kernels.utf8_ltrim(whole, "0")
    whole = kernels.if_else(kernels.equal(whole, ""), "0", whole)
    texts = whole
    if scale:
        fraction = kernels.utf8_slice_codeunits(column, width - scale, width)
        texts = kernels.binary_join_element_wise(whole, fraction, ".")
    if _MINUS in signs:
        negative = _where(signs, _MINUS)
        # there is no negative nothing
        negative = kernels.and_(negative, kernels.not_equal(kernels.utf8_ltrim(column, "0"), ""))
        texts = kernels.if_else(negative, kernels.binary_join_element_wise("-", texts, ""), texts)
    if _WRONG not in signs and _WRONG not in digits:
        return Numbers(texts, [])
    wrong = kernels.or_(_where(signs, _WRONG), kernels.match_substring(column, chr(_WRONG)))
    return Numbers(texts, kernels.indices_nonzero(wrong).to_pylist())


def _where(signs: bytes, sign: int) -> Column:
    codes = pa.Array.from_buffers(pa.uint8(), len(signs), [None, pa.py_buffer(signs)])
    return kernels.equal(codes, pa.scalar(sign, pa.uint8()))
