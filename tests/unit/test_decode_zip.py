"""ZIP archives by real tools, whole, locked, broken and inconsistent."""

import base64
import io
import random
import stat
import struct
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
import pyzipper
from hypothesis import given, settings
from hypothesis import strategies as st
from inflate64 import Deflater

from lakeferry.decode import DecodeKeys, Delivered, open_members
from lakeferry.decode.deflate64 import Deflate64Decompressor
from lakeferry.errors import FileRejectedError, SecretMissingError
from lakeferry.feeds.decode import DecodeSpec
from tests.unit.decoding import TEXT, members, needs, run

FILES = {"x/a.csv": TEXT * 40, "x/sub/a.csv": TEXT, "x/e.csv": b""}
PASSWORD = {"zip_password": "pässword"}
# `7z a -tzip -mem=AES256 -mm=LZMA -ppw` and `-mm=Deflate64` of p7zip 16.02
SEVEN_ZIP_AES = base64.b64decode(
    "UEsDBDMAAwBjAJ1teF0AAAAAOgAAAB4AAAAJAAsAc2FsZXMuY3N2AZkHAAIAQUUDAADZg6UV7jS7AjvLl+pY1I1VaZFsFb/iBcrtG5SPCDGSUs"
    "gy2o47pWGlyvaFH5WlsFq/wRdw1lvDwMpVUEsBAj8DMwADAGMAnW14XQAAAAA6AAAAHgAAAAkALwAAAAAAAAAggKSBAAAAAHNhbGVzLmNzdgoA"
    "IAAAAAAAAQAYAAajX/4ZfN0BAAAAAAAAAAAAAAAAAAAAAAGZBwACAEFFAwAAUEsFBgAAAAABAAEAZgAAAGwAAAAAAA=="
)
SEVEN_ZIP_DEFLATE64 = base64.b64decode(
    "UEsDBBUAAAAJAJ1teF2vig2mEgAAAJABAAAFAAAAci5jc3blwQEJAAAAgKCt/T/RjSBlr0VQSwECPwMVAAAACQCdbXhdr4oNphIAAACQAQAABQ"
    "AkAAAAAAAAACCApIEAAAAAci5jc3YKACAAAAAAAAEAGADfl2T+GXzdAQAAAAAAAAAAAAAAAAAAAABQSwUGAAAAAAEAAQBXAAAANQAAAAAA"
)


class Unseekable(io.RawIOBase):
    """Makes `zipfile` tell sizes after the data."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        self.pieces.append(bytes(memoryview(data)))  # type: ignore[arg-type]
        return len(self.pieces[-1])


def zipped(files: dict[str, bytes] = FILES, method: int = zipfile.ZIP_DEFLATED, *, stream: bool = False) -> bytes:
    target = Unseekable() if stream else io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return b"".join(target.pieces) if isinstance(target, Unseekable) else target.getvalue()


def locked(method: int = zipfile.ZIP_DEFLATED, bits: int = 256) -> bytes:
    target = io.BytesIO()
    with pyzipper.AESZipFile(target, "w", compression=method, encryption=pyzipper.WZ_AES) as archive:
        archive.setpassword(PASSWORD["zip_password"].encode())
        archive.setencryption(pyzipper.WZ_AES, nbits=bits)
        for name, data in FILES.items():
            archive.writestr(name, data)
    return target.getvalue()


def unzipped(data: bytes, **rest: object) -> dict[str, bytes]:
    found = members("z.zip", data, **rest)  # type: ignore[arg-type]
    return {name.removeprefix("z.zip/"): content for name, content in found.items()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, data in {**FILES, "x/.DS_Store": b"junk", "x/__MACOSX/a.csv": b"junk", "x/._a.csv": b"junk"}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    return tmp_path


@needs("zip")
@pytest.mark.parametrize("options", ["-r", "-0 -r", "-9 -r", "-Z bzip2 -r", "-fz -r", "-e -P pässword -r"])
def test_what_zip_makes_is_read(folder: Path, options: str) -> None:
    run("zip", *options.split(), "z.zip", "x", folder=folder)
    assert unzipped((folder / "z.zip").read_bytes(), secret=PASSWORD) == FILES


@needs("zip")
@pytest.mark.parametrize("options", ["-r", "-fz -r", "-e -P pässword -r"])
def test_what_zip_makes_on_a_pipe_is_read(folder: Path, options: str) -> None:
    assert unzipped(run("zip", *options.split(), "-", "x", folder=folder), secret=PASSWORD) == FILES


METHODS = [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]


@pytest.mark.parametrize("method", METHODS)
def test_each_method_is_read(method: int) -> None:
    assert unzipped(zipped(method=method)) == FILES
    assert unzipped(zipped(method=method, stream=True)) == FILES


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("bits", [128, 192, 256])
def test_aes_is_unlocked(method: int, bits: int) -> None:
    assert unzipped(locked(method, bits), secret=PASSWORD) == FILES


def test_what_seven_zip_makes_is_read() -> None:
    text = b"order_id,amount\n1,2.50\n2,3.75\n"
    assert unzipped(SEVEN_ZIP_AES, secret={"zip_password": "pw"}) == {"sales.csv": text}


def deflated64(content: bytes, *, flags: int = 0, cut: int | None = None) -> bytes:
    """An archive with one member, r.csv, of which the first bytes alone may be there."""
    deflater = Deflater()
    data = bytes(deflater.deflate(content) + deflater.flush())[:cut]
    told = (0, 0, 0) if flags & 8 else (zlib.crc32(content), len(data), len(content))
    of_both = struct.pack("<HHHHHIIIHH", 21, flags, 9, 0, 0x21, *told, 5, 0)
    local = b"PK\3\4" + of_both + b"r.csv" + data
    central = b"PK\1\2" + struct.pack("<H", 21) + of_both + struct.pack("<HHHII", 0, 0, 0, 0, 0) + b"r.csv"
    return local + central + b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(central), len(local), 0)


def test_deflate64_is_read() -> None:
    (content,) = unzipped(SEVEN_ZIP_DEFLATE64).values()
    assert len(content) == 400
    # distances above 32 KB and matches above 258 bytes are what Deflate has not
    far = random.Random(1).randbytes(50_000)
    content = far + b"a" * 300_000 + far
    assert unzipped(deflated64(content)) == {"r.csv": content}


@pytest.mark.parametrize(
    ("archive", "message"),
    [
        (deflated64(TEXT, cut=-3), "its compressed data is not complete"),
        (deflated64(TEXT)[:35] + b"\xff" * 20 + deflated64(TEXT)[55:], "its compressed data is broken"),
        (
            deflated64(TEXT, flags=8),
            "compressed with Deflate64 and its size told only after it, which is not supported",
        ),
    ],
)
def test_deflate64_that_is_wrong_is_told(archive: bytes, message: str) -> None:
    with pytest.raises(FileRejectedError, match=message):
        unzipped(archive)


def test_a_deflate64_bomb_costs_no_memory() -> None:
    deflater = Deflater()
    left, decompressor, size = deflater.deflate(bytes(200_000_000)) + deflater.flush(), Deflate64Decompressor(), 0
    assert len(left) < 10_000
    tracemalloc.start()
    while not decompressor.eof:
        size += len(decompressor.decompress(left if decompressor.needs_input else b"", 1 << 20))
        assert size <= 200_000_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert size == 200_000_000
    assert peak < 40_000_000


def test_unsupported_methods_are_named() -> None:
    archive = bytearray(zipped({"r.csv": TEXT}))
    archive[8] = archive[archive.index(b"PK\1\2") + 10] = 98
    with pytest.raises(FileRejectedError, match=r"r\.csv is compressed with PPMd, which is not supported"):
        unzipped(bytes(archive))


def test_a_stored_member_of_unknown_size_may_hold_an_archive() -> None:
    inner = zipped({"b.csv": TEXT}, zipfile.ZIP_STORED, stream=True)
    outer = zipped({"a.dat": inner, "PK\7\x08.csv": b"PK\7\x08" * 100}, zipfile.ZIP_STORED, stream=True)
    assert list(unzipped(outer, chain=("zip",)).values()) == [inner, b"PK\7\x08" * 100]


def test_members_can_be_wrapped_themselves() -> None:
    inner = zipped({"b.csv": TEXT})
    assert unzipped(zipped({"inner.zip": inner})) == {"inner.zip/b.csv": TEXT}
    assert unzipped(zipped({"inner.zip": inner}), chain=("zip", "zip"), members=("b.*",)) == {"inner.zip/b.csv": TEXT}
    with pytest.raises(FileRejectedError, match="the feed says tar"):
        unzipped(zipped({"inner.zip": inner}), chain=("zip", "tar"))


@given(
    st.dictionaries(st.from_regex(r"[a-z]{1,8}\.csv", fullmatch=True), st.binary(max_size=600), min_size=1, max_size=5),
    st.sampled_from(METHODS),
    st.booleans(),
    st.lists(st.integers(1, 40)),
    st.integers(1, 90),
)
@settings(deadline=None)
def test_the_pieces_never_matter(
    files: dict[str, bytes], method: int, stream: bool, sizes: list[int], read: int
) -> None:
    assert unzipped(zipped(files, method, stream=stream), chain=("zip",), sizes=sizes, read=read) == files


@given(st.lists(st.integers(1, 40)), st.integers(1, 90))
@settings(deadline=None, max_examples=20)
def test_the_pieces_never_matter_to_a_locked_archive(sizes: list[int], read: int) -> None:
    data = locked()
    assert unzipped(data, secret=PASSWORD, sizes=sizes * 30, read=read) == FILES


def test_members_are_chosen_by_pattern_and_the_others_need_no_password() -> None:
    target = io.BytesIO(locked())
    with zipfile.ZipFile(target, "a") as archive:
        archive.writestr("y/plain.csv", TEXT)
        archive.writestr("y/plain.txt", b"readme")
    data = target.getvalue()
    assert unzipped(data, members=("plain.csv",)) == {"y/plain.csv": TEXT}
    assert unzipped(data, members=("y/*.csv", "*.txt")) == {"y/plain.csv": TEXT, "y/plain.txt": b"readme"}
    with pytest.raises(FileRejectedError, match=r"holds no file that matches \*\.xml"):
        unzipped(data, members=("*.xml",))
    with pytest.raises(FileRejectedError, match="holds no file"):
        unzipped(zipped({}))


@needs("zip")
def test_a_member_nobody_wants_needs_no_password(folder: Path) -> None:
    run("zip", "-e", "-P", "secret", "z.zip", "x/a.csv", folder=folder)
    run("zip", "z.zip", "x/e.csv", folder=folder)
    assert unzipped((folder / "z.zip").read_bytes(), members=("e.csv",)) == {"x/e.csv": b""}


def test_names_are_never_paths() -> None:
    names = ["../../etc/passwd.csv", "/abs.csv", "C:\\win\\a.csv", "new\nline.csv", "ünï.csv"]
    found = unzipped(zipped(dict.fromkeys(names, TEXT)))
    assert list(found) == ["../../etc/passwd.csv", "/abs.csv", "C:/win/a.csv", "new\\x0aline.csv", "ünï.csv"]


def test_two_members_of_one_name_are_rejected() -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("a.csv", TEXT)
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("a.csv", TEXT)
    with pytest.raises(FileRejectedError, match=r"holds z\.zip/a\.csv twice"):
        unzipped(target.getvalue())


def test_an_office_file_is_no_archive() -> None:
    data = zipped({"xl/workbook.xml": b"<x/>"})
    assert members("report.xlsx", data) == {"report.xlsx": data}
    assert members("report.dat", data) == {"report.dat": data}
    assert list(members("report.dat", data, ("zip",))) == ["report.dat/xl/workbook.xml"]


def test_a_missing_and_a_wrong_password_are_told_apart() -> None:
    with pytest.raises(SecretMissingError, match="'lakeferry/acme/daily_sales' has no zip_password"):
        unzipped(locked())
    with pytest.raises(FileRejectedError, match=r"x/a\.csv is locked with another password"):
        unzipped(locked(), secret={"zip_password": "wrong"})


@needs("zip")
def test_a_wrong_legacy_password_is_rejected_even_where_its_header_fits(folder: Path) -> None:
    run("zip", "-e", "-P", "right", "z.zip", "x/a.csv", folder=folder)
    data = (folder / "z.zip").read_bytes()
    reasons: set[str] = set()
    for number in range(10_000):  # one in 256 fits
        if len(reasons) == 2:
            break
        with pytest.raises(FileRejectedError) as caught:
            unzipped(data, secret={"zip_password": f"wrong{number}"})
        reasons.add("header" if "another password" in str(caught.value) else "data")
    assert reasons == {"header", "data"}


def test_a_locked_member_that_was_changed_is_rejected() -> None:
    data = bytearray(locked())
    data[len(data) // 4] ^= 1
    with pytest.raises(FileRejectedError, match=r"corrupt: its (authentication code|compressed data)"):
        unzipped(bytes(data), secret=PASSWORD)


@pytest.mark.parametrize("stream", [False, True])
def test_an_archive_cut_at_any_byte_is_rejected(stream: bool) -> None:
    data = zipped({"a.csv": TEXT[:300], "b.csv": TEXT[:50]}, stream=stream)
    for end in range(4, len(data)):
        with pytest.raises(FileRejectedError, match=r"z\.zip: .*truncated"):
            unzipped(data[:end])


@pytest.mark.parametrize("stream", [False, True])
def test_a_flipped_bit_never_changes_a_member(stream: bool) -> None:
    files = {"a.csv": TEXT[:300], "b.csv": TEXT[:50]}
    data = zipped(files, stream=stream)
    rejected = 0
    for bit in range(8 * len(data)):
        broken = bytearray(data)
        broken[bit // 8] ^= 1 << bit % 8
        try:
            assert sorted(unzipped(bytes(broken), chain=("zip",)).values()) == sorted(files.values()), bit
        except (FileRejectedError, SecretMissingError):
            rejected += 1
    assert rejected > 4 * len(data)


def test_what_follows_the_archive_is_rejected() -> None:
    with pytest.raises(FileRejectedError, match=r"after the ZIP archive, at byte [0-9]+, something else follows"):
        unzipped(zipped() + b"x")


def edited(edit: Callable[[bytearray, int], None]) -> bytes:
    """An archive whose first record of the central directory was tampered with."""
    data = bytearray(zipped())
    edit(data, data.index(b"PK\1\2"))
    return bytes(data)


@pytest.mark.parametrize(
    ("at", "value", "words"),
    [
        (24, struct.pack("<I", 7), "another size in its central directory"),
        (20, struct.pack("<I", 7), "another compressed size in its central directory"),
        (16, struct.pack("<I", 7), "another checksum in its central directory"),
        (10, struct.pack("<H", 0), "another method in its central directory"),
        (42, struct.pack("<I", 9), "is in its central directory and not where that says"),
        (
            46,
            b"y",
            r"y/a\.csv at byte 0 is called 'x/a\.csv' in its local header and 'y/a\.csv' in its central directory",
        ),
        (34, struct.pack("<H", 1), "one of several volumes"),
    ],
)
def test_an_archive_that_contradicts_itself_is_rejected(at: int, value: bytes, words: str) -> None:
    def edit(data: bytearray, start: int) -> None:
        data[start + at : start + at + len(value)] = value

    with pytest.raises(FileRejectedError, match=words):
        unzipped(edited(edit))


def test_a_member_that_only_its_local_header_knows_is_rejected() -> None:
    whole, hidden = zipped({"a.csv": TEXT}), zipped({"hidden.csv": b"1\n"})
    local = hidden[: hidden.index(b"PK\1\2")]
    start = whole.index(b"PK\1\2")
    end = bytearray(whole[start:])
    at = end.index(b"PK\5\6")
    end[at + 16 : at + 20] = struct.pack("<I", start + len(local))
    with pytest.raises(FileRejectedError, match=r"hidden\.csv is not in its central directory"):
        unzipped(whole[:start] + local + bytes(end))


def test_a_wrong_count_at_the_end_is_rejected() -> None:
    data = bytearray(zipped())
    at = data.rindex(b"PK\5\6")
    data[at + 10 : at + 12] = struct.pack("<H", 9)
    with pytest.raises(FileRejectedError, match="its end says 9 members"):
        unzipped(bytes(data))


def test_a_link_is_rejected_unless_nobody_asks_for_it() -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        link = zipfile.ZipInfo("link.csv")
        link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("a.csv", TEXT)
    with pytest.raises(FileRejectedError, match=r"link\.csv is a link"):
        unzipped(target.getvalue())
    assert unzipped(target.getvalue(), members=("a.csv",)) == {"a.csv": TEXT}


def test_too_many_members_are_rejected() -> None:
    files = {f"{number}.csv": b"1\n" for number in range(11)}
    assert len(unzipped(zipped(files), max_members=11)) == 11
    with pytest.raises(FileRejectedError, match=r"more than 10 members.*decode_options\.max_members"):
        unzipped(zipped(files), max_members=10)


def test_all_members_together_are_held_against_the_limits() -> None:
    files = {f"{number}.csv": bytes(10 << 20) for number in range(8)}
    with pytest.raises(FileRejectedError, match="bomb"):
        unzipped(zipped(files))


def test_a_member_is_read_to_its_end_even_if_nobody_does() -> None:
    data = bytearray(zipped({"a.csv": TEXT * 400, "b.csv": TEXT}))
    data[-1000 - len(zipped({"b.csv": TEXT}))] ^= 4
    delivered = Delivered(io.BytesIO(bytes(data)))
    opened = open_members("z.zip", delivered, None, DecodeKeys(), DecodeSpec())
    assert next(opened).stream.read(3) == TEXT[:3]
    with pytest.raises(FileRejectedError, match=r"a\.csv, at byte [0-9]+, is corrupt"):
        next(opened)
