"""The pass itself: source, decoder, format, output, and the verdict."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from lakeferry.checks.csv import BLOCK_BYTES, CsvCheck
from lakeferry.decode import Delivered, Readable, decode
from lakeferry.errors import FileRejectedError
from lakeferry.feeds import Feed

READ_BYTES = 1024 * 1024


class Output(Protocol):
    """Takes decoded UTF-8 text for the raw zone."""

    def write(self, data: bytes | memoryview) -> object:
        """Takes the next bytes."""
        ...


@dataclass(frozen=True, slots=True)
class OutputReport:
    """What one decoded file is. `rows_read` is `rows_landed` plus `rows_rejected`."""

    name: str
    rows_read: int
    rows_landed: int
    rows_rejected: int
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Report:
    """What a delivered file is.

    Attributes:
        bytes_in: Delivered bytes.
        sha256_in: SHA-256 of the delivered bytes, hexadecimal.
        columns: Names in the file's own order.
        schema_fingerprint: Equal for files with equal columns.
    """

    bytes_in: int
    sha256_in: str
    outputs: tuple[OutputReport, ...]
    columns: tuple[str, ...]
    schema_fingerprint: str


class _Counted:
    def __init__(self, output: Output) -> None:
        self._output = output
        self._hash = hashlib.sha256()
        self.bytes = 0

    def write(self, data: bytes) -> None:
        self._hash.update(data)
        self.bytes += len(data)
        self._output.write(data)

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()


def inspect(
    feed: Feed,
    name: str,
    source: Readable,
    open_output: Callable[[str], Output],
    read_bytes: int = READ_BYTES,
    block_bytes: int = BLOCK_BYTES,
) -> Report:
    """Decodes and checks a file.

    Args:
        source: The delivered bytes.
        open_output: Makes the output for a decoded file's name; what it got is worth nothing if this raises.
        read_bytes: How much is decoded at a time; the verdict does not depend on it.
        block_bytes: How much text is checked at a time; nor on this.

    Raises:
        FileRejectedError: the file fails a check; the message says which, where, and what to do.
    """
    delivered = Delivered(source)
    stream, decoded_name = decode(name, delivered, feed.decode)
    output = _Counted(open_output(decoded_name))
    check = CsvCheck(feed, name, output.write, block_bytes=block_bytes)
    while data := stream.read(read_bytes):
        check.feed(data)
    check.finish()
    delivered.drain()
    _check_rows(feed, name, check.rows)
    return Report(
        bytes_in=delivered.count,
        sha256_in=delivered.sha256,
        outputs=(OutputReport(decoded_name, check.rows, check.rows, 0, output.bytes, output.sha256),),
        columns=check.columns,
        schema_fingerprint=hashlib.sha256("\x1f".join(check.columns).encode()).hexdigest()[:16],
    )


def _check_rows(feed: Feed, name: str, rows: int) -> None:
    limits = feed.checks.rows
    if rows < limits.min:
        raise FileRejectedError(
            f"{name} has {rows} rows; the feed asks for at least {limits.min}. "
            "Ask the partner whether the file is complete, or lower checks.rows.min."
        )
    if limits.max is not None and rows > limits.max:
        raise FileRejectedError(
            f"{name} has {rows} rows; the feed takes at most {limits.max}. Ask the partner, or raise checks.rows.max."
        )
