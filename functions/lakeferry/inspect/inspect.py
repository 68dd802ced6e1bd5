"""The pass itself: source, decoder, format, output, and the verdict."""

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from lakeferry.checks.badrows import BadRows
from lakeferry.counting import count_of
from lakeferry.decode import DecodeKeys, Delivered, Member, Readable, drain, open_members
from lakeferry.errors import FileRejectedError
from lakeferry.feeds import Feed
from lakeferry.feeds.columns import colliding
from lakeferry.formats import raw_form, raw_name
from lakeferry.formats.landing import in_declared_order
from lakeferry.formats.reading import BLOCK_BYTES, Reader, Reading, reader_of
from lakeferry.inspect.known import Known
from lakeferry.inspect.totals import Hashed, check_drift, check_promise, check_rows, drift_of

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
        drift: How the columns differ from the feed's last file: `added`, `removed`, `reordered`; empty if they do not.
        notes: What a person should know and no check refuses.
        seconds: Stage (`decode`, `check`, `write`) → how long it took; not part of what makes two reports equal.
    """

    bytes_in: int
    sha256_in: str
    outputs: tuple[OutputReport, ...]
    columns: tuple[str, ...]
    schema_fingerprint: str
    drift: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict, compare=False)


class _Clock:
    """Seconds by stage; a stage within another is not counted twice."""

    def __init__(self) -> None:
        self.seconds = {"decode": 0.0, "check": 0.0, "write": 0.0}
        self._at = time.perf_counter()

    def note(self, stage: str) -> None:
        """What passed since the last note went to that stage."""
        now = time.perf_counter()
        self.seconds[stage] += now - self._at
        self._at = now


class _Counted:
    """An output with its count and hash."""

    def __init__(self, output: Output, clock: _Clock) -> None:
        self._output, self._clock = output, clock
        self._hash = hashlib.sha256()
        self.bytes = 0

    def write(self, data: bytes | memoryview) -> None:
        self._clock.note("check")
        self._hash.update(data)
        self.bytes += len(data)
        self._output.write(data)
        self._clock.note("write")

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()


def inspect(
    feed: Feed,
    name: str,
    source: Readable,
    open_output: Callable[[str], Output],
    *,
    bad_rows: BadRows,
    known: Known | None = None,
    keys: DecodeKeys | None = None,
    read_bytes: int = READ_BYTES,
    block_bytes: int = BLOCK_BYTES,
) -> Report:
    """Decodes and checks a file.

    Args:
        source: The delivered bytes.
        open_output: Makes the output for a decoded file's name; what it got is worth nothing if this raises.
        bad_rows: Takes the rows that do not land; it has their counts and examples afterwards, even if this raises.
        known: What a control file and the feed's last files tell.
        keys: What opens encrypted files, asked only if it is one.
        read_bytes: How much is decoded at a time; the verdict does not depend on it.
        block_bytes: How much text is checked at a time; nor on this.

    Raises:
        FileRejectedError: the file fails a check; the message says which, where, and what to do.
    """
    known, clock = known or Known(), _Clock()
    hashed = Hashed(source, known.promise)
    delivered = Delivered(hashed)
    outputs: list[OutputReport] = []
    notes: list[str] = []
    columns: tuple[str, ...] | None = None
    for member in open_members(name, delivered, feed.decode, keys or DecodeKeys(), feed.decode_options):
        landing = raw_name(feed.format, member.name)
        output = _Counted(open_output(landing), clock)
        reader = reader_of(Reading(feed, member.name, output.write, bad_rows, member.member, block_bytes=block_bytes))
        try:
            _read(reader, member.stream, read_bytes, clock)
        except FileRejectedError:
            if not bad_rows.are_too_many:
                drain(member.stream)  # damaged bytes make bad records: the layer they were damaged in says why
            raise
        _check_trailer(member, reader)
        columns = _columns_with(feed, member, reader, columns)
        notes += reader.notes
        rejected = reader.rows_rejected
        outputs.append(
            OutputReport(landing, reader.rows_read, reader.rows_read - rejected, rejected, output.bytes, output.sha256)
        )
    delivered.drain()
    clock.note("decode")
    rows_read, columns = sum(output.rows_read for output in outputs), columns or ()
    bad_rows.raise_if_too_many(rows_read)
    notes += check_rows(feed, name, rows_read, known.history)
    check_promise(name, known.promise, rows_read, delivered.count, hashed)
    drift = drift_of(columns, known.history.columns)
    check_drift(feed, name, drift)
    return Report(
        bytes_in=delivered.count,
        sha256_in=delivered.sha256,
        outputs=tuple(outputs),
        columns=columns,
        schema_fingerprint=fingerprint(columns),
        drift=drift,
        notes=tuple(dict.fromkeys(notes)),
        seconds=clock.seconds,
    )


def _check_trailer(member: Member, reader: Reader) -> None:
    if reader.promised_rows is not None and reader.promised_rows != reader.rows_read:
        raise FileRejectedError(
            f"{member.name} has {count_of(reader.rows_read, 'row')} and its trailer promises {reader.promised_rows}. "
            "Ask the partner to deliver it again, or correct format.trailer."
        )


def _columns_with(feed: Feed, member: Member, reader: Reader, columns: tuple[str, ...] | None) -> tuple[str, ...]:
    """The columns of an archive's members, which are one file to the Glue job and one table to everybody.

    Records of JSON may lack keys, so of those it is the keys of all members.
    """
    if columns is None or reader.columns == columns:
        return reader.columns
    together = in_declared_order(feed, (*columns, *reader.columns))
    if raw_form(feed.format).kind == "jsonl" and not colliding(together):
        return together
    raise FileRejectedError(
        f"{member.name} has the columns {', '.join(reader.columns)}, and the members before it have "
        f"{', '.join(columns)}. Members of one archive must be alike: name those that are wanted in "
        "decode_options.members, and the others in a feed of their own."
    )


def fingerprint(columns: tuple[str, ...]) -> str:
    """Equal for equal columns in equal order; 16 hexadecimal digits."""
    return hashlib.sha256("\x1f".join(columns).encode()).hexdigest()[:16]


def _read(reader: Reader, stream: Readable, read_bytes: int, clock: _Clock) -> None:
    while data := stream.read(read_bytes):
        clock.note("decode")
        reader.feed(data)
        clock.note("check")
    clock.note("decode")
    reader.finish()
    clock.note("check")
