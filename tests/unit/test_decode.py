"""gzip, bzip2, xz, zstd and lz4 as partners deliver them, whole and broken, and the chain that takes them off."""

import bz2
import gzip
import lzma
import zlib
from collections.abc import Callable

import lz4.frame
import pytest
from backports import zstd
from hypothesis import given
from hypothesis import strategies as st

from lakeferry.decode import DecodeKeys, Delivered, open_members
from lakeferry.errors import FileRejectedError
from lakeferry.feeds.decode import DecodeSpec
from tests.unit.decoding import TEXT, Dripping, decoded, members, needs, run

COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": lambda data: zstd.compress(data, options={zstd.CompressionParameter.checksum_flag: 1}),
    "lz4": lambda data: bytes(lz4.frame.compress(data, content_checksum=True)),
}
CODECS = {"gz": "gzip", "bz2": "bzip2", "xz": "xz", "zst": "zstd", "lz4": "lz4"}
TOOLS = {"gz": "gzip", "bz2": "bzip2", "xz": "xz", "zst": "zstd", "lz4": "lz4"}
each_codec = pytest.mark.parametrize("suffix", CODECS)


@each_codec
@pytest.mark.parametrize(
    ("name", "chain", "out_name"),
    [
        ("a.csv.{}", None, "a.csv"),
        ("A.CSV.{}", None, "A.CSV"),
        ("a.csv", None, "a.csv"),
        ("a.csv.{}", "{}", "a.csv"),
        ("a.dat", "{}", "a.dat"),
    ],
)
def test_what_a_file_is_wrapped_in_comes_off(suffix: str, name: str, chain: str | None, out_name: str) -> None:
    name = name.format(suffix.upper() if name.isupper() else suffix)
    declared = None if chain is None else (CODECS[suffix],)
    assert members(name, COMPRESS[suffix](TEXT), declared) == {out_name: TEXT}


def test_a_plain_file_is_itself() -> None:
    assert members("a.csv", TEXT) == {"a.csv": TEXT}


def test_decoding_switched_off_leaves_the_bytes_alone() -> None:
    assert decoded(gzip.compress(TEXT), "a.csv.gz", chain=()) == gzip.compress(TEXT)


@pytest.mark.parametrize("suffix", [suffix for suffix, tool in TOOLS.items()])
def test_what_the_command_line_tools_make_is_decoded(suffix: str) -> None:
    tool = TOOLS[suffix]
    needs_it = needs(tool)
    if needs_it.args[0]:
        pytest.skip(needs_it.kwargs["reason"])
    assert members(f"a.csv.{suffix}", run(tool, "-c", "-9", data=TEXT * 50)) == {"a.csv": TEXT * 50}


@each_codec
@given(
    frames=st.lists(st.binary(max_size=400), min_size=1, max_size=5),
    sizes=st.lists(st.integers(1, 50)),
    read=st.integers(1, 70),
)
def test_frames_follow_each_other_whatever_the_pieces(
    suffix: str, frames: list[bytes], sizes: list[int], read: int
) -> None:
    data = b"".join(COMPRESS[suffix](frame) for frame in frames)
    assert decoded(data, "a", chain=(CODECS[suffix],), sizes=sizes, read=read) == b"".join(frames)


@each_codec
def test_a_file_cut_at_any_byte_is_rejected(suffix: str) -> None:
    data = COMPRESS[suffix](TEXT)
    for end in range(10, len(data)):
        with pytest.raises(FileRejectedError, match=rf"a\.csv\.{suffix}.*truncated: it ends after {end} bytes"):
            decoded(data[:end], f"a.csv.{suffix}")


@each_codec
def test_a_flipped_bit_never_changes_the_data(suffix: str) -> None:
    data = COMPRESS[suffix](TEXT[:800])
    rejected = 0
    for bit in range(8 * len(data)):
        broken = bytearray(data)
        broken[bit // 8] ^= 1 << bit % 8
        try:
            assert decoded(bytes(broken), "a.csv", chain=(CODECS[suffix],)) == TEXT[:800], bit
        except FileRejectedError:
            rejected += 1
    assert rejected > 7 * len(data), "the bits that matter are far more than those of the header's extras"


@each_codec
@pytest.mark.parametrize("rubbish", [b"x", b"\x00\x00x", b"garbage after it"])
def test_what_follows_the_data_is_rejected(suffix: str, rubbish: bytes) -> None:
    data = COMPRESS[suffix](TEXT)
    zeros = len(rubbish) - len(rubbish.lstrip(b"\0"))
    with pytest.raises(FileRejectedError, match=f"at byte {len(data) + zeros}, something else follows"):
        decoded(data + rubbish, f"a.{suffix}")


@each_codec
def test_zeros_after_the_data_are_padding(suffix: str) -> None:
    assert decoded(COMPRESS[suffix](TEXT) + bytes(700), f"a.{suffix}") == TEXT


def test_zstd_and_lz4_skip_what_they_are_told_to_skip() -> None:
    note = b"\x5a\x2a\x4d\x18" + (4).to_bytes(4, "little") + b"note"
    for suffix in ("zst", "lz4"):
        frame = COMPRESS[suffix](TEXT)
        assert decoded(note + frame + note * 3000 + frame, f"a.{suffix}") == TEXT * 2
        with pytest.raises(FileRejectedError, match="truncated"):
            decoded(frame + note[:-1], f"a.{suffix}")


@each_codec
def test_a_file_that_is_not_what_it_says_is_rejected(suffix: str) -> None:
    with pytest.raises(FileRejectedError, match=f"the name says {CODECS[suffix]} and the content is not"):
        decoded(TEXT, f"a.csv.{suffix}")
    with pytest.raises(FileRejectedError, match=f"the feed says {CODECS[suffix]} and the content is not"):
        decoded(TEXT, "a.csv", chain=(CODECS[suffix],))
    with pytest.raises(FileRejectedError):
        decoded(b"", f"a.csv.{suffix}")


def test_a_zstd_window_beyond_128_mib_is_rejected() -> None:
    packer = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: 30})
    data = packer.compress(TEXT * 10) + packer.flush()
    with pytest.raises(FileRejectedError, match="memory"):
        decoded(data, "a.zst")


def bomb(mebibytes: int) -> bytes:
    packer = zlib.compressobj(9, wbits=31)
    return b"".join(packer.compress(bytes(1 << 20)) for _ in range(mebibytes)) + packer.flush()


def test_a_bomb_is_rejected_before_it_has_gone_off() -> None:
    data, seen = bomb(200), list[int]()
    delivered = Delivered(Dripping(data, iter(())))
    member = next(open_members("a.csv.gz", delivered, None, DecodeKeys(), DecodeSpec()))
    with pytest.raises(FileRejectedError, match=r"more than 250 times its size.*decode_options\.max_ratio"):
        seen.extend(iter(lambda: len(member.stream.read(1 << 20)), 0))
    assert sum(seen) <= 65 << 20


def test_a_bomb_in_an_inner_layer_is_held_against_the_delivered_bytes() -> None:
    with pytest.raises(FileRejectedError, match="bomb"):
        decoded(gzip.compress(bomb(200)), "a.csv.gz.gz")


def test_a_feed_sets_its_own_limits() -> None:
    assert len(decoded(bomb(70), max_ratio=2000)) == 70 << 20
    with pytest.raises(FileRejectedError, match=r"more than 1000 bytes.*decode_options\.max_bytes"):
        decoded(gzip.compress(TEXT), max_bytes=1000)


def test_layers_in_each_other_come_off_to_a_limit() -> None:
    data, name = TEXT, "a.csv"
    for suffix in ("gz", "xz", "zst", "bz2"):
        data, name = COMPRESS[suffix](data), f"{name}.{suffix}"
    assert members(name, data) == {"a.csv": TEXT}
    with pytest.raises(FileRejectedError, match=r"wrapped more than 4 times.*decode_options\.max_depth"):
        members(f"{name}.gz", gzip.compress(data))


def test_ten_thousand_small_frames_take_no_quadratic_time() -> None:
    for suffix in CODECS:
        assert decoded(COMPRESS[suffix](b"1\n") * 10_000, f"a.{suffix}") == b"1\n" * 10_000
