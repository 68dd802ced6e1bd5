"""Raw CSV as columns of text, where there is but one way to read it.

Spark's reader and Arrow's are of one mind about plain records: fields between delimiters, in quotes as a whole or not
at all. Anything else (a quote within a field, carriage returns, NUL, lines of blanks) is left to Spark.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Self, TypeAlias

import pyarrow as pa
import pyarrow.csv as pacsv

from arrowworker.equal import NotEqualError
from arrowworker.raw import Content, Delivered
from lakeferry.checks.arrow import Column
from lakeferry.expressions import Type
from lakeferry.feeds import Feed
from lakeferry.feeds.columns import column_names
from lakeferry.formats import raw_form
from lakeferry.formats.raw import RawForm
from lakefiles import Lake
from worklist import LandedFile

_BLOCK = 4 * 1024 * 1024
_BLANK_LINE = re.compile(rb"(?:\A|\n)[\x00-\x20]+(?:\n|\Z)")
_BOM = b"\xef\xbb\xbf"


class RawCsv:
    """One raw object; a context."""

    Texts: TypeAlias = Mapping[str, Column]
    """Column, by its name in tables → text, null for no value."""

    def __init__(self, lake: Lake, key: str, feed: Feed | None, titles: Sequence[str]) -> None:
        """
        Args:
            feed: Whose file it is; None: CSV as it is most often.
            titles: The file's columns as its header has them.
        """
        self._form = RawForm("csv") if feed is None else raw_form(feed.format)
        self._titles, self._key = list(titles), key
        self._content = Content(lake, key)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._content.close()

    def texts(self) -> Iterator[Texts]:
        """The rows, some at a time.

        Raises:
            NotEqualError: Spark might read something else.
            ArrowInvalid: a row has too few or too many values.
        """
        has_quotes = self._check()
        if not len(self._content.data):
            return
        try:
            reader = pacsv.open_csv(
                pa.BufferReader(pa.py_buffer(self._content.data)),  # type: ignore[arg-type]  # it takes any of Arrow's files
                read_options=pacsv.ReadOptions(
                    use_threads=False, block_size=_BLOCK, column_names=None if self._form.header else self._titles
                ),
                parse_options=pacsv.ParseOptions(
                    delimiter=self._form.delimiter,
                    quote_char=self._form.quote,
                    double_quote=True,
                    escape_char=False,
                    newlines_in_values=has_quotes,
                    ignore_empty_lines=True,
                ),
                convert_options=pacsv.ConvertOptions(
                    check_utf8=True,
                    column_types=dict.fromkeys(self._titles, pa.string()),
                    null_values=[""],
                    strings_can_be_null=True,
                    quoted_strings_can_be_null=True,
                ),
            )
        except pa.ArrowInvalid as error:
            raise NotEqualError(f"{self._key}: its first rows cannot be read") from error
        if reader.schema.names != self._titles:
            raise NotEqualError(f"{self._key}: its header is not the one that was noted")
        names = column_names(self._titles)
        for batch in reader:
            if batch.num_rows:
                yield dict(zip(names, batch.columns, strict=True))

    def _check(self) -> bool:
        """Sees that there is one way to read it; whether it has quotes."""
        data, form = self._content.data, self._form
        if len(self._titles) < 2:
            raise NotEqualError(f"{self._key}: a line of blanks is a row of one column to Arrow, and none to Spark")
        if data[:3] == _BOM or data.find(b"\r") >= 0 or data.find(b"\0") >= 0:
            raise NotEqualError(f"{self._key}: it has a byte-order mark, carriage returns or NUL")
        if form.delimiter <= " " and _BLANK_LINE.search(data):
            raise NotEqualError(f"{self._key}: a line of blanks is a row to Arrow, and none to Spark")
        if data.find(form.quote.encode()) < 0:
            return False
        if not _regular(form.delimiter, form.quote).fullmatch(data):
            raise NotEqualError(f"{self._key}: it has quotes within values that are not in quotes")
        return True


class RawCsvFile(RawCsv):
    """A landed file's raw object."""

    def __init__(self, lake: Lake, key: str, feed: Feed, landed: LandedFile) -> None:
        super().__init__(lake, key, feed, landed.columns)

    def types(self) -> Mapping[str, Type]:
        """All are text."""
        return dict.fromkeys(column_names(self._titles), Type("string"))

    def batches(self) -> Iterator[Delivered]:
        """The rows, some at a time; raises as `texts` does."""
        return map(Delivered, self.texts())


def _regular(delimiter: str, quote: str) -> re.Pattern[bytes]:
    """Fields in quotes as a whole, with doubled ones within, or without any."""
    mark, sign = re.escape(quote.encode()), re.escape(delimiter.encode())
    field = (
        rb"(?:" + mark + rb"(?:[^" + mark + rb"]++|" + mark * 2 + rb")*+" + mark + rb"|[^" + mark + sign + rb"\n]*+)"
    )
    return re.compile(rb"(?:" + field + rb"[" + sign + rb"\n])*+" + field, re.DOTALL)
