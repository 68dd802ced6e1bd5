"""Fields of bytes → texts, each by itself, a column at a time."""

import codecs
from itertools import pairwise

import pyarrow as pa

from lakeferry.checks.arrow import Column, kernels
from lakeferry.checks.casts import text_bytes
from lakeferry.encodings import is_ebcdic


def _is_single(encoding: str) -> bool:
    """Whether each byte is one character: none is swallowed by the one before it."""
    pairs = (bytes((first, second)) for first in range(256) for second in (0x41, 0xA2))
    return all(len(pair.decode(encoding, "replace")) == 2 for pair in pairs)


class FieldTexts:
    """Decodes fields of one encoding.

    Attributes:
        may_begin_within: A field may begin within a character and be text all the same, as in Shift-JIS.
    """

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding
        self._is_utf_8 = encoding == "utf-8"
        self._is_single = not self._is_utf_8 and _is_single(encoding)
        ebcdic = is_ebcdic(encoding)
        self._as_ascii = not ebcdic
        self._line_ends = "\n\r\x85" if ebcdic else "\n\r"
        self.may_begin_within = not self._is_utf_8 and not self._is_single

    def decoded(self, fields: Column) -> tuple[Column, list[int]]:
        """The texts, and the indices of fields that are none; those are null."""
        fields = fields.cast(pa.binary())
        data = text_bytes(fields)
        if self._as_ascii and data.isascii():
            return fields.cast(pa.string()), []
        try:
            if self._is_utf_8:
                return fields.cast(pa.string()), []
            if self._is_single:
                return self._by_places(fields, data), []
        except (pa.ArrowInvalid, UnicodeDecodeError):
            pass
        return self._one_by_one(fields)

    def _by_places(self, fields: Column, data: bytes) -> Column:
        """Of an encoding in which places of characters are those of bytes, all in one."""
        text = data.decode(self._encoding)
        if text.isascii() and not fields.offset:
            buffers = [None, fields.buffers()[1], pa.py_buffer(text.encode())]
            return pa.Array.from_buffers(pa.string(), len(fields), buffers)
        ends = [0, *kernels.cumulative_sum(kernels.binary_length(fields)).to_pylist()]
        return pa.array([text[start:end] for start, end in pairwise(ends)], pa.string())

    def _one_by_one(self, fields: Column) -> tuple[Column, list[int]]:
        coded = fields.dictionary_encode()
        texts = [self._text(value) for value in coded.dictionary.to_pylist()]
        column = pa.array(texts, pa.string()).take(coded.indices)
        return column, kernels.indices_nonzero(kernels.is_null(column)).to_pylist()

    def _text(self, value: bytes) -> str | None:
        try:
            return value.decode(self._encoding)
        except UnicodeDecodeError:
            return None

    def with_nul(self, texts: Column, fields: Column) -> list[int]:
        """Indices of texts with a NUL."""
        if b"\0" not in text_bytes(fields.cast(pa.binary())):
            return []
        found: list[int] = kernels.indices_nonzero(kernels.match_substring(texts, "\0")).to_pylist()
        return found

    def with_line_end(self, texts: Column, fields: Column) -> int | None:
        """The first text with a line end in it."""
        data = text_bytes(fields.cast(pa.binary()))
        if not any(sign.encode(self._encoding) in data for sign in self._line_ends):
            return None
        found = kernels.indices_nonzero(kernels.match_substring_regex(texts, f"[{self._line_ends}]"))
        return found[0].as_py() if len(found) else None

    def cut_at_end(self, fields: Column) -> list[int]:
        """Indices of what ends in the middle of a character; whether the rest of it is text does not matter."""
        fields = fields.cast(pa.binary())
        if text_bytes(fields).isascii():
            return []
        coded = fields.dictionary_encode()
        cut = pa.array([self._is_cut(value) for value in coded.dictionary.to_pylist()], pa.bool_())
        found: list[int] = kernels.indices_nonzero(cut.take(coded.indices)).to_pylist()
        return found

    def _is_cut(self, value: bytes) -> bool:
        decoder = codecs.getincrementaldecoder(self._encoding)("replace")
        decoder.decode(value)
        return bool(decoder.getstate()[0])
