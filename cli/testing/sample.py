"""The newest file, read as Validate reads it: decoded and checked, with nothing kept."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from lakeferry.checks import BadRows
from lakeferry.checks.badrows import described
from lakeferry.decode import DecodeKeys
from lakeferry.errors import LakeferryError
from lakeferry.feeds import Feed
from lakeferry.feeds.files import companion_of
from lakeferry.inspect import Report, inspect
from lakeferry.inspect.known import Known, Promise
from lakeferry.models import RemoteFile
from lakeferry.servers import Server
from validate.control_file import parse_control_file

FIRST_BYTES = 32 * 1024 * 1024
"""Of a delivered file, where not all of it is asked for."""
_MOST_CONTROL_BYTES = 64 * 1024


class _FirstBytesReadError(Exception):
    """No more of the file was fetched."""


@dataclass(slots=True)
class Sample:
    """What a file is, as far as it was read.

    Attributes:
        is_whole: Whether all of it was.
        outputs: What would be in the raw zone: name → file.
        report: None where it was rejected, or not read to its end.
        problem: Why it would be rejected; empty where it would not.
        bad_rows: Examples, in words.
        bad_columns: Those that they are bad by.
        seconds: Step → how long it took.
    """

    path: str
    bytes: int
    is_whole: bool
    outputs: dict[str, Path] = field(default_factory=dict)
    report: Report | None = None
    problem: str = ""
    bad_rows: list[str] = field(default_factory=list)
    bad_row_count: int = 0
    bad_columns: frozenset[str] = frozenset()
    seconds: dict[str, float] = field(default_factory=dict)


def fetch_sample(server: Server, remote: RemoteFile, file: IO[bytes], *, whole: bool) -> bool:
    """Reads a file, or its first bytes; whether that was all of it."""
    limit = remote.size if whole else min(remote.size, FIRST_BYTES)
    left = limit

    def sink(data: memoryview) -> bool:
        nonlocal left
        file.write(data if whole else data[: max(0, left)])
        left -= len(data)
        return whole or left > 0

    server.read(remote.path, 0, sink, size=remote.size)
    file.seek(0)
    return limit == remote.size


def promise_of(server: Server, feed: Feed, remote: RemoteFile) -> Promise | None:
    """What the file's control file says, where the feed has such.

    Raises:
        FileRejectedError: it does not have the form that the feed says.
    """
    spec = feed.checks.control_file
    if spec is None:
        return None
    name = companion_of(spec.pattern, remote.name)
    found = bytearray()

    def sink(data: memoryview) -> bool:
        found.extend(data)
        return len(found) < _MOST_CONTROL_BYTES

    folder = remote.path.rpartition("/")[0]
    server.read(f"{folder}/{name}", 0, sink)
    return parse_control_file(spec, name, bytes(found[:_MOST_CONTROL_BYTES]))


class _Ending:
    """The fetched bytes; after the last of a part of a file comes an error, not the file's end."""

    def __init__(self, file: IO[bytes], *, is_whole: bool) -> None:
        self._file, self._is_whole = file, is_whole

    def read(self, size: int) -> bytes:
        data = self._file.read(size)
        if not data and not self._is_whole:
            raise _FirstBytesReadError
        return data


def check_sample(
    feed: Feed,
    sample: Sample,
    file: IO[bytes],
    secret: Mapping[str, str],
    promise: Promise | None = None,
    folder: Path | None = None,
) -> Sample:
    """Decodes and checks what was fetched; the outcome is in the sample."""
    folder = folder or Path(tempfile.mkdtemp(prefix="lakeferry-"))
    name = sample.path.rpartition("/")[2]
    bad = BadRows(name, feed.checks.bad_rows, lambda data: None)
    open_files: list[IO[bytes]] = []

    def open_output(output: str) -> IO[bytes]:
        path = folder / f"{len(open_files)}"
        sample.outputs[output] = path
        opened = path.open("wb")
        open_files.append(opened)
        return opened

    keys = DecodeKeys(lambda: secret, feed.server.secret)
    source = _Ending(file, is_whole=sample.is_whole)
    try:
        sample.report = inspect(
            feed, name, source, open_output, bad_rows=bad, known=Known(promise if sample.is_whole else None), keys=keys
        )
        sample.seconds |= sample.report.seconds
    except _FirstBytesReadError:
        pass
    except LakeferryError as error:
        sample.problem = str(error)
    finally:
        for opened in open_files:
            opened.close()
    sample.bad_columns = frozenset(column for _, column in bad.by_rule if column is not None)
    sample.bad_rows, sample.bad_row_count = [described(one) for one in bad.examples[:5]], bad.count
    return sample
