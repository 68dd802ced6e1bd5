"""Rows written anew, where the raw zone cannot keep the text as it is: the Glue job, Athena and the crawler know the
feed's delimiter and quote, but no escapes, no other spellings of "no value" and of numbers.
"""

from collections.abc import Mapping, Sequence

import pyarrow as pa

from lakeferry.checks.arrow import Column, kernels
from lakeferry.checks.casts import text_bytes
from lakeferry.checks.columns import ColumnChecks
from lakeferry.feeds import Feed
from lakeferry.feeds.number_spellings import Spelling


def asks_for_rewriting(feed: Feed) -> bool:
    """Whether the feed's format has what readers of the raw zone do not know."""
    form = feed.format
    own = not Spelling(form.decimal, form.thousands, form.negative).is_plain
    return bool(form.escape or form.null_values or own)


class Rewriter:
    """Writes RFC 4180 with the feed's delimiter and quote: doubled quotes, nothing for no value."""

    def __init__(self, delimiter: bytes, quote: bytes) -> None:
        self._delimiter, self._quote = delimiter.decode(), quote.decode()

    def rows(self, checks: ColumnChecks, columns: Mapping[str, Column]) -> bytes:
        """Rows as text, each with a line end.

        Args:
            columns: All of the file's columns as text, in its order; null is no value.
        """
        texts = [self._quoted(checks.canonical(name, column)) for name, column in columns.items()]
        if len(texts) == 1 or self._delimiter <= " ":
            # a row of nothing must not look like a blank line
            empty = kernels.equal(kernels.utf8_trim_whitespace(texts[0]), "")
            texts[0] = kernels.if_else(
                empty, kernels.binary_join_element_wise(self._quote, texts[0], self._quote, ""), texts[0]
            )
        texts[-1] = kernels.binary_join_element_wise(texts[-1], "\n", "")
        return text_bytes(_joined(texts, self._delimiter))

    def _quoted(self, column: Column) -> Column:
        text = kernels.fill_null(column, "")
        data = text_bytes(text)
        quote = self._quote
        if not any(sign in data for sign in (self._delimiter.encode(), quote.encode(), b"\n")):
            return text
        signs = [kernels.match_substring(text, sign) for sign in (self._delimiter, quote, "\n")]
        needs = kernels.or_(kernels.or_(signs[0], signs[1]), signs[2])
        doubled = kernels.replace_substring(text, quote, quote * 2)
        return kernels.if_else(needs, kernels.binary_join_element_wise(quote, doubled, quote, ""), text)


def _joined(texts: Sequence[Column], delimiter: str) -> Column:
    return texts[0] if len(texts) == 1 else kernels.binary_join_element_wise(*texts, pa.scalar(delimiter))
