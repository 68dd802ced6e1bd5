"""Servers that tell what they should not: nothing leads out of the directory, and the honest files are taken."""

import pytest

from lakeferry.errors import RemoteAccessError, TransferInterruptedError
from tests.servers.hostile import lie_about_size, list_also, serve_long_names

from .conftest import WITHOUT, Partner

DATA = b"a,b\n1,2\n"
PATHS = [b"../up.csv", b"/etc/passwd", b"a/../../b.csv", b"deeper/c.csv"]
GARBAGE = [b"garbage", b"\x00\xff\xfe\x80", b"<html>", b"-rw", b"=" * 100_000]


@pytest.fixture(params=["sftp", *list(WITHOUT)[:2]])
def embedded(request: pytest.FixtureRequest) -> Partner:
    """SFTP; FTP with MLSD; FTP with LIST."""
    found: Partner = (
        request.getfixturevalue("sftp")
        if request.param == "sftp"
        else request.getfixturevalue("start_ftp")(WITHOUT[request.param])
    )
    (found.folder / "outgoing/good.csv").write_bytes(DATA)
    return found


def test_names_that_are_paths_are_not_taken_but_told(embedded: Partner, monkeypatch: pytest.MonkeyPatch) -> None:
    list_also(monkeypatch, PATHS)
    with embedded.open() as server:
        found = list(server.list_files("/outgoing", recursive=True))
        assert [file.path for file in found] == ["/outgoing/good.csv"]
        assert len(server.unread) == len(PATHS)
        assert all(path.decode() in line for path, line in zip(PATHS, server.unread, strict=True))


def test_only_so_many_of_them_are_kept(embedded: Partner, monkeypatch: pytest.MonkeyPatch) -> None:
    list_also(monkeypatch, [b"../%d" % number for number in range(1_000)])
    with embedded.open() as server:
        assert [file.path for file in server.list_files("/outgoing")] == ["/outgoing/good.csv"]
        assert len(server.unread) == 20


def test_entries_for_the_directory_and_the_one_above_are_none(
    embedded: Partner, monkeypatch: pytest.MonkeyPatch
) -> None:
    list_also(monkeypatch, lines=[b"type=cdir;modify=20231114221320; .", b"type=pdir;modify=20231114221320; .."])
    list_also(monkeypatch, lines=[b"type=dir;modify=20231114221320; .", b"type=dir;modify=20231114221320; .."])
    if embedded.spec.protocol == "sftp":
        list_also(monkeypatch, [b".", b".."])
    (embedded.folder / "above.csv").write_bytes(DATA)
    with embedded.open() as server:
        assert [file.path for file in server.list_files("/outgoing", recursive=True)] == ["/outgoing/good.csv"]


@pytest.mark.parametrize("embedded", list(WITHOUT)[:2], indirect=True)
def test_lines_that_are_garbage_stop_no_other_file_and_are_told(
    embedded: Partner, monkeypatch: pytest.MonkeyPatch
) -> None:
    list_also(monkeypatch, lines=GARBAGE)
    with embedded.open() as server:
        assert [file.path for file in server.list_files("/outgoing")] == ["/outgoing/good.csv"]
        assert server.unread[0] == "garbage"
        assert all(len(line) <= 200 for line in server.unread)
    (embedded.folder / "outgoing/good.csv").unlink()
    with embedded.open() as server, pytest.raises(RemoteAccessError, match="none of the"):
        list(server.list_files("/outgoing"))


def test_a_name_of_a_thousand_characters_is_listed_and_read(embedded: Partner, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "ü" * 996 + ".csv"
    list_also(monkeypatch, [name.encode()])
    serve_long_names(monkeypatch, embedded.folder / "outgoing/good.csv")
    arrived = bytearray()

    def sink(view: memoryview) -> bool:
        arrived.extend(view)
        return True

    with embedded.open() as server:
        assert f"/outgoing/{name}" in {file.path for file in server.list_files("/outgoing")}
        assert server.stat(f"/outgoing/{name}").size == len(DATA)
        server.read(f"/outgoing/{name}", 0, sink)
    assert arrived == DATA


def test_a_file_shorter_than_its_server_says_is_an_interrupted_transfer(
    embedded: Partner, monkeypatch: pytest.MonkeyPatch
) -> None:
    lie_about_size(monkeypatch, 7)
    with (
        embedded.open() as server,
        pytest.raises(TransferInterruptedError, match=f"after {len(DATA)} of {len(DATA) + 7} bytes"),
    ):
        server.read("/outgoing/good.csv", 0, lambda view: True)
