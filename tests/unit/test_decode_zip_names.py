"""Names of members: however a program spells them, one name for one file, and no two names for one member."""

import struct
import tarfile
import unicodedata
import zlib

import pytest

from lakeferry.errors import FileRejectedError
from tests.unit.decoding import TEXT
from tests.unit.test_decode_tar import tarred, untarred
from tests.unit.test_decode_zip import unzipped, zipped


def field(kind: int, data: bytes) -> bytes:
    return struct.pack("<HH", kind, len(data)) + data


def path_field(name: bytes, path: bytes, *, version: int = 1, crc: int | None = None) -> bytes:
    """Info-ZIP's Unicode-path field for a member called `name`."""
    return field(0x7075, struct.pack("<BI", version, zlib.crc32(name) if crc is None else crc) + path)


def archive(
    name: bytes, *, listed: bytes | None = None, extra: bytes = b"", listed_extra: bytes | None = None, flags: int = 0
) -> bytes:
    """One stored member, of any name, and what the central directory calls it."""
    listed = name if listed is None else listed
    listed_extra = extra if listed_extra is None else listed_extra
    common = struct.pack("<HHHHIII", flags, 0, 0, 0x5C21, zlib.crc32(TEXT), len(TEXT), len(TEXT))
    local = b"PK\3\4\x0a\0" + common + struct.pack("<HH", len(name), len(extra)) + name + extra + TEXT
    central = b"PK\1\2\x0a\0\x0a\0" + common
    central += struct.pack("<5H2I", len(listed), len(listed_extra), 0, 0, 0, 0, 0) + listed + listed_extra
    return local + central + b"PK\5\6" + struct.pack("<4H2IH", 0, 0, 1, 1, len(central), len(local), 0)


def test_utf_8_without_its_flag_is_read_as_utf_8() -> None:
    """As Info-ZIP and macOS write it."""
    data = archive("Umsätze 2026.csv".encode())
    assert unzipped(data, members=("Umsätze*.csv",)) == {"Umsätze 2026.csv": TEXT}


def test_a_name_of_dos_stays_one() -> None:
    assert unzipped(archive("Umsätze.csv".encode("cp437"))) == {"Umsätze.csv": TEXT}


def test_letters_that_macos_takes_apart_match_as_people_write_them() -> None:
    apart = unicodedata.normalize("NFD", "Umsätze.csv")
    assert apart != "Umsätze.csv"
    assert unzipped(archive(apart.encode()), members=("Umsätze.csv",)) == {"Umsätze.csv": TEXT}
    assert unzipped(archive(apart.encode()), members=(apart,)) == {"Umsätze.csv": TEXT}
    assert untarred(tarred({apart: TEXT}), members=("Umsätze.csv",)) == {"Umsätze.csv": TEXT}


def test_the_unicode_path_of_a_member_is_its_name() -> None:
    name = b"Ums_tze.csv"
    data = archive(name, extra=field(0x5455, b"\1\0\0\0\0") + path_field(name, "Umsätze €.csv".encode()))
    assert unzipped(data, members=("Umsätze*",)) == {"Umsätze €.csv": TEXT}


@pytest.mark.parametrize(
    "extra",
    [
        path_field(b"other.csv", b"new.csv"),  # the member was renamed since
        path_field(b"old.csv", b"new.csv", crc=0),
        path_field(b"old.csv", b"new.csv", version=2),
        path_field(b"old.csv", b"\xff.csv"),
        path_field(b"old.csv", b"folder/"),  # would be passed over as a folder, in silence
        path_field(b"old.csv", b"x")[:8],
        field(0x7075, b"\1"),
    ],
)
def test_a_unicode_path_that_is_not_of_this_name_is_not_taken(extra: bytes) -> None:
    assert unzipped(archive(b"old.csv", extra=extra)) == {"old.csv": TEXT}


def test_an_empty_unicode_path_leaves_the_name() -> None:
    assert unzipped(archive(b"old.csv", extra=path_field(b"old.csv", b""))) == {"old.csv": TEXT}


def test_the_flag_goes_before_a_unicode_path() -> None:
    name = "ä.csv".encode()
    assert unzipped(archive(name, extra=path_field(name, b"b.csv"), flags=0x800)) == {"ä.csv": TEXT}


def test_one_unicode_path_for_those_who_read_forward_and_another_for_the_rest_is_rejected() -> None:
    data = archive(b"a.csv", extra=path_field(b"a.csv", b"b.csv"), listed_extra=path_field(b"a.csv", b"c.csv"))
    with pytest.raises(
        FileRejectedError,
        match=r"c\.csv at byte 0 is called 'b\.csv' in its local header and 'c\.csv' in its central directory",
    ):
        unzipped(data)
    with pytest.raises(FileRejectedError, match=r"'a\.csv' in its local header and 'b\.csv'"):
        unzipped(archive(b"a.csv", listed_extra=path_field(b"a.csv", b"b.csv")))


def test_two_spellings_of_one_name_are_shown_as_they_are() -> None:
    with pytest.raises(
        FileRejectedError, match=r"is called '\./a/b\.csv' in its local header and 'a/b\.csv' in its central directory"
    ):
        unzipped(archive(b"./a/b.csv", listed=b"a/b.csv"))


@pytest.mark.parametrize("name", ["./x/a.csv", "x/./a.csv", "././x/a.csv", ".\\x\\a.csv"])
@pytest.mark.parametrize("glob", ["x/*.csv", "./x/*.csv"])
def test_a_dot_is_no_folder(name: str, glob: str) -> None:
    """`tar -C folder .` puts `./` before every name."""
    assert unzipped(zipped({name: TEXT}), members=(glob,)) == {"x/a.csv": TEXT}
    assert untarred(tarred({name: TEXT}), members=(glob,)) == {"x/a.csv": TEXT}


def test_a_name_that_is_no_utf_8_is_latin_1_in_a_tar() -> None:
    """As old programs wrote it; half a character could neither be kept nor mailed."""
    for form in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT):
        data = tarred({"Ums\udce4tze.csv": TEXT}, form)
        assert b"Ums\xe4tze" in data
        assert untarred(data, members=("Umsätze.csv",)) == {"Umsätze.csv": TEXT}
    assert untarred(tarred({"a\udc85b.csv": TEXT}, tarfile.USTAR_FORMAT)) == {"a\\x85b.csv": TEXT}


def test_one_file_under_two_spellings_is_rejected() -> None:
    for again in ("./x/a.csv", "x/./a.csv"):
        with pytest.raises(FileRejectedError, match=r"it holds z\.zip/x/a\.csv twice"):
            unzipped(zipped({"x/a.csv": TEXT, again: b"1\n"}))
        with pytest.raises(FileRejectedError, match=r"it holds t\.tar/x/a\.csv twice"):
            untarred(tarred({"x/a.csv": TEXT, again: b"1\n"}))


def test_dots_that_are_part_of_a_name_stay() -> None:
    names = ["../a.csv", "x./a.csv", ".x/a.csv", "...csv"]
    assert list(unzipped(zipped(dict.fromkeys(names, TEXT)))) == names


@pytest.mark.parametrize(("count", "rest"), [(3, ""), (10, ""), (11, " and more")])
def test_an_archive_without_a_match_shows_the_names_it_has(count: int, rest: str) -> None:
    files = {f"out/{number}.txt": TEXT for number in range(count)} | {"__MACOSX/._0.txt": b"", "out/.DS_Store": b""}
    shown = ", ".join(f"'out/{number}.txt'" for number in range(min(count, 10)))
    for read, data in ((unzipped, zipped(files)), (untarred, tarred(files))):
        with pytest.raises(FileRejectedError) as caught:
            read(data, members=("*.csv", "*.xml"))
        words = str(caught.value)
        assert f"archive holds no file that matches *.csv or *.xml; it has {shown}{rest}. " in words
        assert words.endswith(
            "Set decode_options.members to what the partner sends, or ask the partner for what is missing."
        )


def test_names_that_are_shown_are_bounded_and_quoted() -> None:
    files = {f"{number}\u202e" + "n" * 30_000: TEXT for number in range(12)}
    with pytest.raises(FileRejectedError) as caught:
        unzipped(zipped(files), members=("*.csv",))
    assert len(str(caught.value)) < 2_000
    assert "'0\\u202ennn" in str(caught.value)


def test_an_archive_with_nothing_in_it_says_no_more_than_that() -> None:
    for files in ({}, {"__MACOSX/a.csv": TEXT}, {"x/": b""}):
        with pytest.raises(FileRejectedError, match=r"its zip archive holds no file\. Ask the partner what should be"):
            unzipped(zipped(files), members=("*.csv",))
