"""tar archives of every dialect, whole and broken."""

import gzip
import io
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakeferry.errors import FileRejectedError
from tests.unit.decoding import TEXT, members, needs, run

FILES = {"x/a.csv": TEXT * 40, "x/sub/a.csv": TEXT, "x/e.csv": b""}
LONG = "d/" * 80 + "n" * 120 + "ü.csv"


def tarred(files: dict[str, bytes] = FILES, form: int = tarfile.PAX_FORMAT) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=form) as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return target.getvalue()


def untarred(data: bytes, name: str = "t.tar", **rest: object) -> dict[str, bytes]:
    found = members(name, data, **rest)  # type: ignore[arg-type]
    return {member.removeprefix("t.tar/"): content for member, content in found.items()}


def add(info: tarfile.TarInfo, form: int = tarfile.PAX_FORMAT) -> bytes:
    """An archive of a good file and a member without data."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=form) as archive:
        good = tarfile.TarInfo("a.csv")
        good.size = len(TEXT)
        archive.addfile(good, io.BytesIO(TEXT))
        archive.addfile(info)
    return target.getvalue()


@needs("tar")
@pytest.mark.parametrize("form", ["gnu", "pax", "ustar", "v7"])
def test_what_tar_makes_is_read(tmp_path: Path, form: str) -> None:
    for name, data in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    assert untarred(run("tar", f"--format={form}", "-cf", "-", "x", folder=tmp_path)) == FILES
    assert untarred(run("tar", "-czf", "-", "x", folder=tmp_path), "t.tgz") == FILES


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_long_names_are_read(form: int) -> None:
    assert untarred(tarred({LONG: TEXT}, form)) == {LONG: TEXT}


@pytest.mark.slow
@given(
    st.dictionaries(
        st.from_regex(r"[a-z]{1,8}\.csv", fullmatch=True), st.binary(max_size=1500), min_size=1, max_size=5
    ),
    st.lists(st.integers(1, 700)),
    st.integers(1, 2000),
)
@settings(deadline=None)
def test_the_pieces_never_matter(files: dict[str, bytes], sizes: list[int], read: int) -> None:
    assert untarred(tarred(files), chain=("tar",), sizes=sizes, read=read) == files


def test_layers_around_and_inside_an_archive_come_off() -> None:
    inside = tarred({"a.csv.gz": gzip.compress(TEXT), "b.csv": TEXT})
    assert untarred(gzip.compress(inside), "t.tar.gz") == {"a.csv": TEXT, "b.csv": TEXT}
    inside = tarred({"a.dat": gzip.compress(TEXT)})
    assert untarred(inside, chain=("tar", "gzip")) == {"a.dat": TEXT}


def test_members_are_chosen_by_pattern() -> None:
    assert untarred(tarred(), members=("x/a.csv",)) == {"x/a.csv": FILES["x/a.csv"]}
    with pytest.raises(FileRejectedError, match=r"its tar archive holds no file that matches \*\.xml"):
        untarred(tarred(), members=("*.xml",))


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (tarfile.SYMTYPE, "is a link"),
        (tarfile.LNKTYPE, "is a link"),
        (tarfile.CHRTYPE, "is a device or pipe"),
        (tarfile.FIFOTYPE, "is a device or pipe"),
        (tarfile.GNUTYPE_SPARSE, "is a sparse file"),
    ],
)
def test_only_regular_files_are_taken(kind: bytes, words: str) -> None:
    info = tarfile.TarInfo("evil.csv")
    info.type, info.linkname = kind, "/etc/passwd"
    with pytest.raises(FileRejectedError, match=rf"evil\.csv {words}"):
        untarred(add(info, tarfile.GNU_FORMAT))
    assert untarred(add(info, tarfile.GNU_FORMAT), members=("a.csv",)) == {"a.csv": TEXT}


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_an_archive_cut_anywhere_is_rejected(form: int) -> None:
    data = tarred({"a.csv": TEXT[:700], LONG: TEXT[:50]}, form)
    end_of_members = len(data.rstrip(b"\0")) // 512 * 512 + 512
    for end in range(512, end_of_members + 512, 64):
        with pytest.raises(FileRejectedError, match=r"t\.tar: the tar archive is truncated: it ends after"):
            untarred(data[:end])


def test_a_broken_header_is_rejected() -> None:
    data = bytearray(tarred({"a.csv": TEXT[:700], "b.csv": TEXT}))
    data[512 + 1024 + 150] ^= 1
    with pytest.raises(FileRejectedError, match="the tar archive is corrupt near byte 2048"):
        untarred(bytes(data))


def test_what_follows_the_archive_is_rejected() -> None:
    with pytest.raises(FileRejectedError, match=r"after the tar archive, at byte [0-9]+, something else follows"):
        untarred(tarred() + b"x")


def test_content_that_is_no_tar_is_rejected() -> None:
    with pytest.raises(FileRejectedError, match="the name says tar and the content is not"):
        untarred(TEXT * 10)


def test_a_number_that_is_none_is_rejected() -> None:
    info = tarfile.TarInfo("a.csv")
    info.pax_headers = {"GNU.sparse.map": "0-1"}
    with pytest.raises(FileRejectedError, match=r"corrupt near byte [0-9]+ \(invalid literal"):
        untarred(add(info))


def test_a_header_that_would_fill_the_memory_is_rejected() -> None:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=tarfile.PAX_FORMAT) as archive:
        info = tarfile.TarInfo("a.csv")
        info.pax_headers = {"comment": "x" * 2_000_000}
        archive.addfile(info)
    with pytest.raises(FileRejectedError, match="a header of 2000"):
        untarred(target.getvalue())


@pytest.mark.parametrize("kind", ["global", "of a member", "long names"])
def test_headers_upon_headers_are_refused(kind: str) -> None:
    info = tarfile.TarInfo("a.csv")
    headers = {
        "global": tarfile.TarInfo.create_pax_global_header({"comment": "x"}),
        "of a member": info._create_pax_generic_header({"comment": "x"}, tarfile.XHDTYPE, "utf-8"),  # type: ignore[attr-defined]
        "long names": info._create_gnu_long_header("x" * 200, tarfile.GNUTYPE_LONGNAME, "utf-8", ""),  # type: ignore[attr-defined]
    }
    with pytest.raises(FileRejectedError, match=r"corrupt near byte [0-9]+|truncated"):
        untarred(headers[kind] * 20_000 + tarred())


def test_a_large_member_is_no_bomb_by_itself() -> None:
    data = tarred({"a.dat": bytes(70 << 20)})
    assert len(untarred(data)["a.dat"]) == 70 << 20
    with pytest.raises(FileRejectedError, match="bomb"):
        untarred(gzip.compress(data, 9), "t.tar.gz")


def test_too_many_members_are_rejected() -> None:
    files = {f"{number}.csv": b"1\n" for number in range(11)}
    assert len(untarred(tarred(files), max_members=11)) == 11
    with pytest.raises(FileRejectedError, match=r"more than 10 members.*decode_options\.max_members"):
        untarred(tarred(files), max_members=10)
