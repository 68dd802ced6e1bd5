"""Fields whose places are counted in bytes of the file, as mainframes do, and numbers that are no text there.

Each field is decoded by itself: one that is cut through a character is a bad row, and nothing is replaced. Records of
one length are never looked at for line ends, which the bytes of packed decimals may look like.
"""

import codecs
from collections.abc import Iterator

import pyarrow as pa

from lakeferry.checks.arrow import Column, kernels
from lakeferry.checks.badrows import Problem
from lakeferry.checks.casts import text_bytes
from lakeferry.encodings import is_ebcdic
from lakeferry.feeds import ColumnSpec
from lakeferry.formats.fixed_width.cutting import Cut
from lakeferry.formats.fixed_width.fields import FieldTexts
from lakeferry.formats.fixed_width.records import Lines, OfOneLength
from lakeferry.formats.fixed_width.stored import packed, zoned
from lakeferry.formats.landing import rows_at_once, text_column
from lakeferry.formats.reading import Reading
from lakeferry.formats.rejections import AGAIN, rejected, shown

_FORMS = {
    "packed": "is no packed decimal: digits, and C, D or F in the last half byte",
    "zoned": "is no zoned decimal: digits, the last one with the sign",
}


class ByteCutter:
    """See `Cutter`."""

    def __init__(self, reading: Reading) -> None:
        form = reading.feed.format
        self._form, self._name, self._columns = form, reading.name, reading.feed.checks.columns
        encoding = codecs.lookup(form.encoding).name
        self._encoding = "utf-8" if encoding == "utf-8-sig" else encoding
        self._ebcdic = is_ebcdic(self._encoding)
        self._blank = " ".encode(self._encoding)
        self._fields = [(column.start - 1, column.start - 1 + column.length) for column in self._columns]
        self._length = form.record_length
        self._end = max((stop for _, stop in self._fields), default=0)
        self._shortest = max((start for start, _ in self._fields), default=0) + 1
        self._texts = FieldTexts(self._encoding)
        self._gaps = self._gaps_before_texts() if self._texts.may_begin_within else []
        has_packed = any(column.stored == "packed" for column in self._columns)
        self._source: Lines | OfOneLength
        if self._length is not None and (has_packed or not form.line_ends):
            self._source = OfOneLength(reading, self._length, self._encoding)
            self._one_length = True
        else:
            self._source = Lines(reading, self._encoding)
            self._one_length = False
        self._blanks = self._blank if self._one_length else " \t".encode(self._encoding)
        """What a record of nothing has."""
        self.lines = 0

    def _gaps_before_texts(self) -> list[tuple[int, int, str]]:
        """What lies between the fields, where a character may begin that ends in the next one."""
        found, end = [], 0
        for (start, stop), column in sorted(zip(self._fields, self._columns, strict=True), key=lambda pair: pair[0]):
            if start > end and column.stored is None:
                found.append((end, start, column.name))
            end = stop
        return found

    def take(self, data: bytes, *, final: bool) -> Iterator[Cut]:
        """See `Cutter`."""
        for records in self._source.take(data, final=final):
            yield from self._cuts(records)
        last = self._source.last if final else b""
        if last.strip(self._blanks + self._source.line_end_bytes + b"\x1a"):
            yield from self._last(last)

    def _last(self, last: bytes) -> Iterator[Cut]:
        if len(last) < (self._length or self._shortest):
            what = "record" if self._one_length else "line"
            raise rejected(
                self._name,
                f"it is truncated: {what} {self.lines + 1}, the last, is {len(last)} bytes long, {self._expected}: "
                f"{shown(self._shown(last).encode())}",
                AGAIN,
            )
        yield from self._cuts(pa.array([last], pa.binary()))

    @property
    def _expected(self) -> str:
        if self._length is not None:
            return f"where format.record_length is {self._length}"
        return f"where the last field is from {self._shortest} to {self._end}"

    def _cuts(self, records: Column) -> Iterator[Cut]:
        """Records that are cut, but blank ones and those that the feed skips."""
        before, rows = self.lines, len(records)
        self.lines += rows
        numbers: list[int] | range = range(before + 1, before + rows + 1)
        skipped = max(0, min(rows, self._form.skip_lines - before))
        # records of one length are looked at one by one only where some of them may be blank
        if skipped or not self._one_length or self._blank * (self._length or 0) in text_bytes(records):
            texts = records.to_pylist()
            kept = [row for row in range(skipped, rows) if texts[row].strip(self._blanks)]
            records, numbers = records.take(pa.array(kept, pa.int64())), [numbers[row] for row in kept]
        step = rows_at_once(len(self._fields))
        for start in range(0, len(numbers), step):
            yield self._cut(records.slice(start, step), numbers[start : start + step])

    def _cut(self, records: Column, numbers: list[int] | range) -> Cut:
        problems = self._of_wrong_length(records)
        columns: dict[str, Column] = {}
        for column, (start, stop) in zip(self._columns, self._fields, strict=True):
            field = kernels.binary_slice(records, start, stop)
            if column.stored is None:
                columns[column.name] = self._text(column, field, problems, numbers)
            else:
                columns[column.name] = self._number(column, field, problems)
        for start, stop, name in self._gaps:
            rows = self._texts.cut_at_end(kernels.binary_slice(records, start, stop))
            detail = f"begins within a character of {self._form.encoding} (format.positions: bytes)"
            problems += [Problem(row, name, None, "text", detail) for row in rows]
        return Cut(numbers, columns, lambda row: self._shown(records[row].as_py()), problems)

    def _of_wrong_length(self, records: Column) -> list[Problem]:
        """Blanks at a line's end may be missing, and nothing but blanks may be beyond the last field."""
        if self._one_length:
            return []
        lengths = kernels.binary_length(records)
        if self._length is not None:
            wrong = kernels.not_equal(lengths, self._length)
        else:
            wrong = kernels.less(lengths, self._shortest)
            if (longest := kernels.max(lengths).as_py()) > self._end:
                # without its end, Arrow 26 takes the slice for one of a negative size
                beyond = kernels.binary_slice(records, self._end, longest).to_pylist()
                wrong = kernels.or_(wrong, pa.array([bool(text.strip(self._blank)) for text in beyond]))
        return [
            Problem(row, None, None, "fields", f"is {lengths[row]} bytes long, {self._expected}")
            for row in kernels.indices_nonzero(wrong).to_pylist()
        ]

    def _text(self, column: ColumnSpec, field: Column, problems: list[Problem], numbers: list[int] | range) -> Column:
        texts, wrong = self._texts.decoded(field)
        if self._one_length and (row := self._texts.with_line_end(texts, field)) is not None:
            raise rejected(
                self._name,
                f"record {numbers[row]} has a line end in column {column.name}, and each record has "
                f"{self._length} bytes",
                "Correct format.record_length and format.line_ends, or the column's start and length.",
            )
        detail = f"is not {self._form.encoding} text: the field cuts through a character, or has other data"
        problems += [Problem(row, column.name, self._hex(field[row].as_py()), "text", detail) for row in wrong]
        for row in self._texts.with_nul(texts, field):
            detail = "has a NUL character, which no text has: if it is a number, the column is stored: packed"
            problems.append(Problem(row, column.name, self._hex(field[row].as_py()), "text", detail))
        return text_column(kernels.utf8_trim(texts, " "), self._form.null_values)

    def _number(self, column: ColumnSpec, field: Column, problems: list[Problem]) -> Column:
        length = column.length
        data = text_bytes(field)
        if len(data) != length * len(field):
            # a line may lack blanks at its end
            data = b"".join(value.ljust(length, self._blank) for value in field.to_pylist())
        scale = int(column.type.partition(",")[2].rstrip(")") or 0)
        if column.stored == "packed":
            found = packed(data, length, scale)
        else:
            found = zoned(data, length, scale, ebcdic=self._ebcdic)
        texts, blank = found.texts, self._blank * length
        if found.wrong:
            fields = {row: data[row * length : (row + 1) * length] for row in found.wrong}
            problems += [
                Problem(row, column.name, self._hex(value), "type", _FORMS[column.stored or ""])
                for row, value in fields.items()
                if value != blank
            ]
            wrong = set(found.wrong)
            texts = kernels.if_else(
                pa.array([row in wrong for row in range(len(texts))]), pa.scalar(None, pa.string()), texts
            )
        return text_column(texts, self._form.null_values)

    @staticmethod
    def _hex(value: bytes) -> str:
        """Bytes as mainframes write them."""
        return f"X'{value.hex().upper()}'"

    def _shown(self, record: bytes) -> str:
        """A record for a person; what is no text is there as `\\xNN`."""
        return record.decode(self._encoding, "backslashreplace")
