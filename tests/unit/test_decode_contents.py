"""Files that are not wrapped as their name or their feed says, and parts of archives: named, with what helps."""

import bz2
import gzip
import io
import lzma
import random
import re
import struct
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from lakeferry.decode.zip_records import is_last_volume
from lakeferry.errors import FileRejectedError
from tests.unit.decoding import TEXT, members, needs, run
from tests.unit.inspecting import feed_of, inspected, rejection
from tests.unit.test_decode_tar import tarred
from tests.unit.test_decode_zip import unzipped, zipped
from tests.unit.test_xlsx import workbook

NOISE = random.Random(7919).randbytes(300_000)
"""Bytes that nothing makes smaller."""


def refusal(name: str, data: bytes, chain: tuple[str, ...] | None = None) -> str:
    with pytest.raises(FileRejectedError) as caught:
        members(name, data, chain)
    return str(caught.value)


@pytest.mark.parametrize(
    ("content", "what", "advice"),
    [
        (b"7z\xbc\xaf\x27\x1c\0\4", "a 7z archive", "7z is not read."),
        (b"Rar!\x1a\x07\x01\0", "a RAR archive", "RAR is not read."),
        (b"\x1f\x9d\x90abc", "packed with compress (.Z)", "Ask the partner for gzip: .Z is not read."),
        (lzma.compress(TEXT, lzma.FORMAT_ALONE), "packed with lzma, the forerunner of xz", ".lzma is not read."),
        (b"LZIP\x01\x0c", "packed with lzip", "lzip is not read."),
        (b"\x02\x21\x4c\x18abcd", "lz4's legacy format", "lz4 without -l"),
        (b"MSCF\0\0\0\0", "a Windows cabinet", ".cab is not read."),
        (b"MZ\x90\0\3\0", "a program for Windows, perhaps an archive that unpacks itself", "a plain ZIP archive."),
        (b"%PDF-1.7\n", "a PDF", "the data itself."),
        (b"\r\n<!DOCTYPE html><html>", "an HTML page", "an error page of the partner's server."),
        (b"<HTML><title>404", "an HTML page", "an error page of the partner's server."),
        (b"", "empty", "Ask the partner to deliver the file again."),
    ],
)
@pytest.mark.parametrize("layer", ["zip", "gzip", "tar", "pgp", "xz"])
def test_what_is_not_what_its_name_or_feed_says_is_named(content: bytes, what: str, advice: str, layer: str) -> None:
    by_name = refusal(f"a.csv.{layer}", content)
    assert f"the name says {layer} and the content is not: it is {what}. " in by_name
    assert advice in by_name
    by_feed = refusal("a.csv", content, (layer,))
    assert f"the feed says {layer} and the content is not: it is {what}. " in by_feed
    assert advice in by_feed


@pytest.mark.parametrize(
    ("content", "what"),
    [(zipped({"a.csv": TEXT}), "zip"), (gzip.compress(TEXT), "gzip"), (bz2.compress(TEXT), "bzip2"),
     (lzma.compress(TEXT), "xz"), (b"-----BEGIN PGP MESSAGE-----\n\n", "pgp")],
)  # fmt: skip
def test_a_layer_under_anothers_name_is_told_with_what_to_set(content: bytes, what: str) -> None:
    assert refusal("a.csv.zst", content).endswith(
        f"the name says zstd and the content is not: it is {what}. Ask the partner to name it right, or, if it is "
        f"always so, set {what} in decode instead."
    )


def test_text_that_is_not_packed_may_be_taken_as_it_is() -> None:
    assert refusal("a.csv.gz", TEXT).endswith(
        "(it begins with b'0,so'). Ask the partner to deliver it again, or set decode: [] in the feed."
    )
    assert refusal("a.csv", TEXT, ("gzip",)).endswith(
        "(it begins with b'0,so'). Ask the partner to deliver it again, or change decode in the feed."
    )


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.7z", b"7z\xbc\xaf\x27\x1c\0\4", "it is a 7z archive. Ask the partner for ZIP or gzip: 7z is not read."),
        ("a.xlsx", b"Rar!\x1a\x07\0", "it is a RAR archive. Ask the partner for ZIP or gzip: RAR is not read."),
        ("a.csv.Z", b"\x1f\x9d\x90", "it is packed with compress (.Z). Ask the partner for gzip: .Z is not read."),
    ],
)
@pytest.mark.parametrize("form", ["csv", "xlsx", "parquet", "json"])
def test_what_nothing_here_unpacks_is_told_whatever_the_format(
    name: str, content: bytes, words: str, form: str
) -> None:
    assert rejection(content, feed_of(form), name=name) == f"{name}: {words}"
    assert members(name, content, ()) == {name: content}


def test_two_bytes_of_packed_decimals_are_not_taken_for_compress() -> None:
    assert members("a.dat", b"\x1f\x9d\x0c") == {"a.dat": b"\x1f\x9d\x0c"}


# -- workbooks


@pytest.mark.parametrize(
    "first",
    ["[Content_Types].xml", "_rels/.rels", "docProps/app.xml", "xl/worksheets/sheet1.xml", "word/document.xml"],
)
def test_a_workbook_under_another_name_is_left_to_its_format(first: str) -> None:
    """Which reads it, or says that it is a document of Office; its parts are no files of a partner's."""
    data = zipped({first: b"<x/>", "xl/workbook.xml": b"<x/>"})
    for name in ("report.csv", "report", "report.dat"):
        assert members(name, data) == {name: data}
    assert list(members("report.zip", data)) == [f"report.zip/{first}", "report.zip/xl/workbook.xml"]
    assert len(members("report.csv", data, ("zip",))) == 2


def test_a_workbook_named_csv_is_told_as_one_and_read_where_the_feed_says_so() -> None:
    data = workbook(["id", "name"], [1, "a"])
    words = rejection(data, feed_of("csv"), name="sales.csv")
    assert words.startswith("sales.csv: it is no text of a table but a document of Office, such as a workbook")
    assert "If it is a workbook, set format.type to xlsx" in words
    assert inspected(data, feed_of("xlsx"), name="sales.csv").lines == ["id,name", "1,a"]


def test_an_open_document_under_another_name_is_left_to_its_format() -> None:
    kind = b"application/vnd.oasis.opendocument.spreadsheet"
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("mimetype", kind)
        archive.writestr("content.xml", b"<x/>")
    assert members("report.csv", target.getvalue()) == {"report.csv": target.getvalue()}


def test_an_archive_of_files_under_another_name_is_one() -> None:
    assert list(members("report.csv", zipped({"out/xl.csv": TEXT}))) == ["report.csv/out/xl.csv"]


# -- archives in parts


@needs("zip")
def test_each_volume_of_a_split_archive_is_told_as_one(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(NOISE)
    run("zip", "-0", "-s", "64k", "a.zip", "a.bin", folder=tmp_path)
    last = refusal("a.zip", (tmp_path / "a.zip").read_bytes())
    assert last.startswith("a.zip: it is one of several volumes of a ZIP archive, the last one by its end. Ask the ")
    assert refusal("b.dat", (tmp_path / "a.zip").read_bytes(), ("zip",)) == last.replace("a.zip", "b.dat", 1)
    first = refusal("a.z01", (tmp_path / "a.z01").read_bytes())
    assert (
        "it is one of several volumes of a ZIP archive, and it ends after 65536 bytes, in the middle of a.bin" in first
    )
    assert first.endswith("Ask the partner for the archive in one file; volumes are not joined.")


def test_the_first_volume_may_end_between_its_members() -> None:
    data = b"PK\7\x08" + zipped({"a.csv": TEXT})
    assert "one of several volumes of a ZIP archive, and it ends after" in refusal(
        "a.z01", data[: data.index(b"PK\1\2")]
    )


def test_an_archive_in_one_piece_that_was_to_be_split_is_read_and_cut_ones_are_truncated() -> None:
    data = zipped({"a.csv": TEXT})
    cut = data[: data.index(b"PK\1\2")]
    assert "the ZIP archive is truncated: it ends after" in refusal("a.zip", b"PK00" + cut)


@pytest.mark.parametrize(
    ("tail", "is_it"),
    [
        (b"x" * 500 + b"PK\5\6" + struct.pack("<4H2IH", 2, 2, 1, 1, 9, 9, 0), True),
        (b"x" * 500 + b"PK\5\6" + struct.pack("<4H2IH", 0, 0, 1, 1, 9, 9, 0), False),
        (b"PK\6\7" + struct.pack("<IQI", 2, 9, 3) + b"PK\5\6" + b"\xff" * 16 + b"\0\0", True),
        (b"PK\6\7" + struct.pack("<IQI", 0, 9, 1) + b"PK\5\6" + b"\xff" * 16 + b"\0\0", False),
        (b"PK\5\6" + b"\xff" * 16 + b"\0\0", False),
        (b"PK\5\6\2\0", False),
        (TEXT, False),
        (b"", False),
    ],
)
def test_the_end_of_a_split_archive_is_known_by_its_number(tail: bytes, is_it: bool) -> None:
    assert is_last_volume(tail) is is_it


def test_what_lies_between_members_is_named_with_its_place() -> None:
    one, two = zipped({"a.csv": TEXT}), zipped({"b.csv": TEXT})
    start = one.index(b"PK\1\2")
    words = refusal("z.zip", one[:start] + b"-JUNK-" + two)
    assert words == (
        f"z.zip: at byte {start} of the ZIP archive, after 'a.csv', there is something that belongs to no member and "
        "is not the central directory (b'-JUN' ...). Ask the partner to zip the files again in one go: nothing may lie "
        "between the parts of an archive."
    )
    end = one.index(b"PK\5\6")
    assert f"at byte {end} of the ZIP archive, after 'a.csv', there is something" in refusal(
        "z.zip", one[:end] + b"-JUNK-" + one[end:]
    )


def test_zeros_after_an_archive_are_padding() -> None:
    assert unzipped(zipped({"a.csv": TEXT}) + bytes(70_000)) == {"a.csv": TEXT}
    data = zipped({"a.csv": TEXT})
    with pytest.raises(FileRejectedError, match=f"at byte {len(data) + 9}, something else follows"):
        unzipped(data + bytes(9) + b"x")


@pytest.mark.parametrize(("flags", "what"), [(0x41, "its member a.csv"), (0x2041, "its list of members")])
def test_pkwares_own_encryption_is_told_and_that_no_password_helps(flags: int, what: str) -> None:
    data = bytearray(zipped({"a.csv": TEXT}))
    data[6:8] = flags.to_bytes(2, "little")
    with pytest.raises(FileRejectedError) as caught:
        unzipped(bytes(data), secret={"zip_password": "right"})
    assert re.search(
        f"{re.escape(what)} is locked with PKWARE's strong encryption, which no password opens here. "
        "Ask the partner to lock it with AES-256",
        str(caught.value),
    )


def test_a_member_nobody_wants_may_be_locked_in_pkwares_own_way() -> None:
    data = bytearray(zipped({"a.csv": TEXT, "b.txt": TEXT}))
    data[data.index(b"PK\3\4", 4) + 6] = 0x41
    assert unzipped(bytes(data), members=("a.csv",)) == {"a.csv": TEXT}


# -- padding between streams


@pytest.mark.parametrize("zeros", [4, 8, 700_000])
def test_xz_streams_may_have_padding_between(zeros: int) -> None:
    """Section 2.2 of the .xz format: a multiple of four."""
    data = lzma.compress(TEXT) + bytes(zeros) + lzma.compress(b"more\n")
    assert members("a.xz", data + bytes(4)) == {"a": TEXT + b"more\n"}
    assert members("a.xz", data, sizes=[7, 1, 3] * 90) == {"a": TEXT + b"more\n"}


@needs("xz")
def test_xz_agrees_on_padding() -> None:
    data = lzma.compress(TEXT) + bytes(12) + lzma.compress(b"more\n")
    assert run("xz", "-dc", data=data) == TEXT + b"more\n"
    odd = lzma.compress(TEXT) + bytes(5) + lzma.compress(b"more\n")
    assert subprocess.run(["xz", "-dc"], input=odd, capture_output=True, check=False).returncode != 0


def test_padding_of_another_length_is_named_with_its_place() -> None:
    one = lzma.compress(TEXT)
    assert (
        f"at byte {len(one)} there are 5 zeros between two xz streams, and only multiples of 4 may be there"
        in refusal("a.xz", one + bytes(5) + one)
    )


def test_a_file_of_zeros_is_no_xz_and_other_layers_have_no_padding_between() -> None:
    assert "the name says xz and the content is not" in refusal("a.xz", bytes(64) + lzma.compress(TEXT))
    for name, compress in (("a.gz", gzip.compress), ("a.bz2", bz2.compress)):
        assert "something else follows" in refusal(name, compress(TEXT) + bytes(4) + compress(TEXT))


# -- sums of old programs


def test_a_tar_whose_sums_were_made_with_signed_bytes_is_read() -> None:
    data = bytearray(tarred({"Ums\udce4tze.csv": TEXT}, tarfile.USTAR_FORMAT))
    unsigned = 256 + sum(data[:148]) + sum(data[156:512])
    signed = unsigned - 256 * sum(byte > 127 for byte in (*data[:148], *data[156:512]))
    assert signed != unsigned
    data[148:156] = b"%06o\0 " % signed
    assert members("t.tar", bytes(data)) == {"t.tar/Umsätze.csv": TEXT}
    data[148:156] = b"%06o\0 " % (signed - 1)
    assert "the name says tar and the content is not" in refusal("t.tar", bytes(data))
