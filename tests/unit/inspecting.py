"""A file through the whole pass, in pieces of any size; what the tests of the formats share."""

import io
import json
from dataclasses import dataclass, replace
from typing import Any

import pytest

from lakeferry.checks import BadRows
from lakeferry.errors import FileRejectedError
from lakeferry.feeds import BadRowsSpec, ChecksSpec, Feed, FilesSpec, FormatSpec, ServerSpec
from lakeferry.inspect import Report, inspect

FEED = Feed(
    tenant="acme",
    feed="sales",
    server=ServerSpec(protocol="sftp", host="partner.example", port=22, username="u"),
    files=FilesSpec(directory="/out", pattern="*"),
    format=FormatSpec(),
    dataset="sales",
    checks=ChecksSpec(bad_rows=BadRowsSpec(max_ratio=1)),
)


def feed_of(form: str, *, checks: ChecksSpec | None = None, **settings: Any) -> Feed:
    """A feed of that format; bad rows are quarantined, however many."""
    checks = replace(checks or ChecksSpec(), bad_rows=BadRowsSpec(max_ratio=1))
    return replace(FEED, format=FormatSpec(form, **settings), checks=checks)


class Pieces:
    """Gives what was asked for, or less: as sockets do."""

    def __init__(self, content: bytes, sizes: tuple[int, ...]) -> None:
        self._content, self._sizes, self._calls = io.BytesIO(content), sizes, 0

    def read(self, size: int) -> bytes:
        self._calls += 1
        return self._content.read(min(size, self._sizes[self._calls % len(self._sizes)]))


@dataclass
class Result:
    """What came of a file.

    Attributes:
        raw: What the raw zone keeps.
        bad: The quarantine's lines.
    """

    report: Report
    name: str
    raw: bytes
    bad: list[dict[str, Any]]

    @property
    def rows(self) -> tuple[int, int]:
        """Rows that landed, and those that did not."""
        output = self.report.outputs[0]
        assert output.rows_read == output.rows_landed + output.rows_rejected
        return output.rows_landed, output.rows_rejected

    @property
    def lines(self) -> list[str]:
        return self.raw.decode().splitlines()

    @property
    def told(self) -> list[tuple[int, str | None, str]]:
        """Line, column and rule of each bad row."""
        return [(row["line"], row["column"], row["rule"]) for row in self.bad]


def inspected(
    content: bytes, feed: Feed, *, sizes: tuple[int, ...] = (1 << 20,), block_bytes: int = 1 << 20, name: str = ""
) -> Result:
    """Passes the file through; a workbook is told from an archive by its name."""
    name = name or _name(feed)
    raw, quarantine = io.BytesIO(), io.BytesIO()
    names: list[str] = []

    def open_output(output: str) -> io.BytesIO:
        names.append(output)
        return raw

    report = inspect(
        feed,
        name,
        Pieces(content, sizes),
        open_output,
        bad_rows=BadRows(name, feed.checks.bad_rows, quarantine.write),
        read_bytes=max(sizes),
        block_bytes=block_bytes,
    )
    (called,) = names
    return Result(report, called, raw.getvalue(), [json.loads(line) for line in quarantine.getvalue().splitlines()])


def _name(feed: Feed) -> str:
    return "a.xlsx" if feed.format.type == "xlsx" else "a.dat"


def rejection(content: bytes, feed: Feed, **options: Any) -> str:
    """The message with which the file is rejected."""
    with pytest.raises(FileRejectedError) as caught:
        inspected(content, feed, **options)
    message = str(caught.value)
    assert message.startswith(options.get("name") or _name(feed))
    return message


def verdict(content: bytes, feed: Feed, **options: Any) -> Result | None:
    """What came of it; None if it was rejected."""
    try:
        return inspected(content, feed, **options)
    except FileRejectedError:
        return None


def agree(content: bytes, feed: Feed, sizes: tuple[int, ...], block_bytes: int) -> Result | None:
    """The verdict, after the same was found in pieces."""
    whole = verdict(content, feed)
    assert verdict(content, feed, sizes=sizes, block_bytes=block_bytes) == whole
    assert verdict(content, feed, sizes=sizes) == whole
    return whole
