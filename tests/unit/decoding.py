"""Decoding of bytes at hand, in pieces of any size, and the real tools that make what is decoded."""

import io
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from lakeferry.decode import DecodeKeys, Delivered, open_members
from lakeferry.feeds.decode import DecodeSpec

TEXT = b"".join(b"%d,some words\n" % number for number in range(300))


class Dripping:
    """A source that gives as many bytes as it likes, never more than it is asked for."""

    def __init__(self, data: bytes, sizes: Iterator[int]) -> None:
        self._data, self._sizes = io.BytesIO(data), sizes

    def read(self, size: int) -> bytes:
        return self._data.read(min(size, next(self._sizes, size)))


def members(
    name: str,
    data: bytes,
    chain: tuple[str, ...] | None = None,
    secret: Mapping[str, str] | None = None,
    sizes: Iterable[int] = (),
    read: int = 1 << 20,
    **options: Any,
) -> dict[str, bytes]:
    """The decoded files by name; the source drips by `sizes`, and `read` bytes are asked for at a time."""
    delivered = Delivered(Dripping(data, iter(sizes)))
    keys = DecodeKeys(lambda: secret or {}, "lakeferry/acme/daily_sales")
    found: dict[str, bytes] = {}
    for member in open_members(name, delivered, chain, keys, DecodeSpec(**options)):
        out = io.BytesIO()
        while piece := member.stream.read(read):
            assert len(piece) <= read
            out.write(piece)
        found[member.name] = out.getvalue()
    delivered.drain()
    assert delivered.count == len(data)
    return found


def decoded(data: bytes, name: str = "a.csv.gz", **rest: Any) -> bytes:
    """The only decoded file."""
    (found,) = members(name, data, **rest).values()
    return found


def needs(tool: str) -> pytest.MarkDecorator:
    """For a test that has a real tool make its files."""
    return pytest.mark.skipif(shutil.which(tool) is None, reason=f"needs the command {tool}")


def run(*command: str, data: bytes = b"", folder: Path | None = None) -> bytes:
    """What a tool writes to its standard output."""
    done = subprocess.run(command, input=data, capture_output=True, cwd=folder, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout
