"""gzip as partners deliver it, whole and broken."""

import gzip
import io
import zlib
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakeferry.decode import Delivered, decode
from lakeferry.errors import FileRejectedError

TEXT = b"".join(b"%d,some words\n" % number for number in range(300))


class Dripping:
    """A source that gives as many bytes as it likes, never more than it is asked for."""

    def __init__(self, data: bytes, sizes: Iterator[int]) -> None:
        self._data, self._sizes = io.BytesIO(data), sizes

    def read(self, size: int) -> bytes:
        return self._data.read(min(size, next(self._sizes, size)))


def decoded(data: bytes, name: str = "a.csv.gz", declared: tuple[str, ...] | None = None, size: int = 1 << 20) -> bytes:
    delivered = Delivered(io.BytesIO(data))
    stream, _ = decode(name, delivered, declared)
    out = b""
    while piece := stream.read(size):
        assert len(piece) <= size
        out += piece
    delivered.drain()
    assert delivered.count == len(data)
    return out


@pytest.mark.parametrize(
    ("name", "data", "declared", "out_name"),
    [
        ("a.csv.gz", gzip.compress(TEXT), None, "a.csv"),
        ("a.csv.GZ", gzip.compress(TEXT), None, "a.csv"),
        ("a.csv", gzip.compress(TEXT), None, "a.csv"),
        ("a.csv", TEXT, None, "a.csv"),
        ("a.csv.gz", gzip.compress(TEXT), ("gzip",), "a.csv"),
        ("a.dat", gzip.compress(TEXT), ("gzip",), "a.dat"),
    ],
)
def test_what_a_file_is_wrapped_in_comes_off(
    name: str, data: bytes, declared: tuple[str, ...] | None, out_name: str
) -> None:
    assert decoded(data, name, declared) == TEXT
    assert decode(name, Delivered(io.BytesIO(data)), declared)[1] == out_name


def test_decoding_switched_off_leaves_the_bytes_alone() -> None:
    assert decoded(gzip.compress(TEXT), "a.csv.gz", ()) == gzip.compress(TEXT)


@given(st.lists(st.binary(max_size=400), min_size=1, max_size=5), st.lists(st.integers(1, 50)), st.integers(1, 70))
def test_members_follow_each_other_whatever_the_pieces(members: list[bytes], sizes: list[int], size: int) -> None:
    data = b"".join(gzip.compress(member) for member in members)
    delivered = Delivered(Dripping(data, iter(sizes)))
    stream, _ = decode("a.gz", delivered, None)
    assert b"".join(iter(lambda: stream.read(size), b"")) == b"".join(members)
    assert delivered.count == len(data)


def test_a_file_cut_at_any_byte_is_rejected() -> None:
    data = gzip.compress(TEXT)
    for end in range(2, len(data)):
        with pytest.raises(FileRejectedError, match=r"a\.csv\.gz.*truncated"):
            decoded(data[:end])


def test_a_flipped_bit_never_changes_the_data() -> None:
    data = gzip.compress(TEXT[:800], mtime=0)
    rejected = 0
    for bit in range(16, 8 * len(data)):
        broken = bytearray(data)
        broken[bit // 8] ^= 1 << bit % 8
        try:
            assert decoded(bytes(broken), declared=("gzip",)) == TEXT[:800], bit
        except FileRejectedError:
            rejected += 1
    assert rejected > 7.5 * len(data), "the bits that matter are far more than those of the header's extras"


@pytest.mark.parametrize("rubbish", [b"x", b"\x00\x00x", b"garbage after it"])
def test_what_follows_the_data_is_rejected(rubbish: bytes) -> None:
    with pytest.raises(FileRejectedError, match="something else follows"):
        decoded(gzip.compress(TEXT) + rubbish)


@pytest.mark.parametrize(
    ("name", "declared", "words"),
    [("a.csv.gz", None, "the name says gzip"), ("a.csv", ("gzip",), "the feed says gzip")],
)
def test_a_file_that_is_not_what_it_says_is_rejected(name: str, declared: tuple[str, ...] | None, words: str) -> None:
    with pytest.raises(FileRejectedError, match=words):
        decoded(TEXT, name, declared)


def test_an_empty_file_is_not_gzip() -> None:
    with pytest.raises(FileRejectedError):
        decoded(b"")


def test_a_bomb_is_rejected_before_it_has_gone_off() -> None:
    packer = zlib.compressobj(9, wbits=31)
    data = b"".join(packer.compress(bytes(1 << 20)) for _ in range(200)) + packer.flush()
    delivered = Delivered(io.BytesIO(data))
    stream, _ = decode("a.csv.gz", delivered, None)
    seen: list[int] = []
    with pytest.raises(FileRejectedError, match="decompression bomb"):
        seen.extend(len(piece) for piece in iter(lambda: stream.read(1 << 20), b""))
    assert sum(seen) <= 65 << 20


def test_ten_thousand_small_members_take_no_quadratic_time() -> None:
    assert decoded(gzip.compress(b"1\n") * 10_000) == b"1\n" * 10_000
