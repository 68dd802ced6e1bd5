"""What becomes of records that are one line of JSON each: the part that JSON Lines, JSON and XML have in common."""

from collections.abc import Sequence

import pyarrow as pa

from lakeferry.checks.arrow import Column
from lakeferry.formats.json.array import LINE_BREAK
from lakeferry.formats.json.records import JsonObject, Keys, decode_records, texts, without_cycle_search
from lakeferry.formats.json.schema import RecordSchema
from lakeferry.formats.landing import Landing, in_declared_order, text_column
from lakeferry.formats.reading import Reading
from lakeferry.formats.rejections import AGAIN, ERROR_PAGE, rejected, shown

BLANKS = b" \t\n\r"


class JsonLanding(Landing):
    """Takes records that are one line of JSON each."""

    def __init__(self, reading: Reading) -> None:
        super().__init__(reading)
        feed = reading.feed
        self.begin(self.columns)
        self._schema = RecordSchema(feed.feed_id, feed.checks.json_schema) if feed.checks.json_schema else None
        self._keys = Keys(self.columns)
        self._whole = {column.name for column in feed.checks.columns if column.type == "int64"}
        self._declared = {name.lower() for name in self.columns}

    def land(self, numbers: Sequence[int], lines: Sequence[bytes]) -> None:
        """Checks records and writes the good ones.

        Args:
            numbers: Each record's line, or its number where the format has no lines.
        """
        step = self.rows_at_once
        with without_cycle_search():
            for start in range(0, len(lines), step):
                self._check(numbers[start : start + step], lines[start : start + step])

    def _check(self, numbers: Sequence[int], lines: Sequence[bytes]) -> None:
        decoded = decode_records(lines)
        if wrong := self._keys.add(decoded.records):
            raise rejected(self.name, f"{wrong} (in or before line {numbers[-1]})", "Ask the partner for fixed keys.")
        self.columns = in_declared_order(self.reading.feed, self._keys.names) or self.columns
        self._refuse_extra_keys()
        checked = [] if self._schema is None else self._schema.check(decoded.records)
        columns = {name: self._column(name, decoded.records) for name in self.needed}
        checked += self.problems_of(columns, len(decoded.records))
        moved = [
            type(each)(decoded.indices[each.row], each.column, each.value, each.rule, each.detail) for each in checked
        ]
        bad = self.set_apart([*decoded.problems, *moved], numbers, lambda at: lines[at].replace(LINE_BREAK, b"\n"))
        good = [line for index, line in enumerate(lines) if index not in bad] if bad else lines
        if good:
            text = b"\n".join(good) + b"\n"
            self.reading.write(text.replace(LINE_BREAK, b"") if LINE_BREAK in text else text)

    def _column(self, name: str, records: Sequence[JsonObject]) -> Column:
        key = self._keys.spelled(name)
        if key not in self._keys:
            return pa.nulls(len(records), pa.string())
        return text_column(texts(records, key, whole=name in self._whole))

    def _refuse_extra_keys(self) -> None:
        if self.reading.feed.checks.header.extra != "reject":
            return
        extra = [name for name in self._keys.names if name.lower() not in self._declared]
        if extra:
            raise rejected(
                self.name,
                f"its records have keys that the feed does not declare: {', '.join(map(repr, extra[:10]))}",
                "Declare them in checks.columns, or set checks.header.extra to accept.",
            )


def refuse_page(name: str, start: bytes) -> None:
    """Tells a page of HTML, or XML, from JSON by how it begins.

    Raises:
        FileRejectedError: it is one.
    """
    if start.lstrip(BLANKS).startswith(b"<"):
        raise rejected(
            name,
            f"it is no JSON but HTML or XML: {shown(start)}",
            f"{ERROR_PAGE} {AGAIN}",
        )
