"""What every server fulfils, whatever its protocol (`lakeferry.servers.Server`)."""

import os
import random
import socket
import time

import pytest

from lakeferry.errors import (
    FeedInvalidError,
    FileChangedError,
    LoginRejectedError,
    RemoteAccessError,
    SecretMissingError,
    ServerUnavailableError,
)
from lakeferry.servers import answering

from .conftest import Partner

LARGE = random.Random(1).randbytes(3_000_001)  # several requests, several buffers, no round number
HOUR_AGO = int(time.time()) // 60 * 60 - 3600
"""A whole minute: LIST tells no seconds."""


class Collected:
    """A sink that keeps what it gets, and says stop after `limit` bytes."""

    def __init__(self, limit: int | None = None) -> None:
        self.data = bytearray()
        self._limit = limit

    def __call__(self, view: memoryview) -> bool:
        self.data += view
        return self._limit is None or len(self.data) < self._limit


def deliver(partner: Partner, path: str, data: bytes = b"a,b\n1,2\n", mtime: int = HOUR_AGO) -> str:
    """Puts a file on the server; its path there."""
    local = partner.local(path)
    local.parent.mkdir(parents=True, exist_ok=True)
    local.write_bytes(data)
    os.utime(local, (mtime, mtime))
    return partner.at(path)


def test_a_listing_tells_path_size_and_time(partner: Partner) -> None:
    first = deliver(partner, "/outgoing/a.csv", b"12345")
    second = deliver(partner, "/outgoing/two words é.csv", b"")
    with partner.open() as server:
        found = {file.path: (file.size, file.mtime) for file in server.list_files(partner.at("/outgoing"))}
    assert found == {first: (5, HOUR_AGO), second: (0, HOUR_AGO)}


def test_a_listing_has_regular_files_only(partner: Partner) -> None:
    deliver(partner, "/outgoing/a.csv")
    deliver(partner, "/outgoing/deeper/b.csv")
    if not partner.name.startswith("ftp"):  # pyftpdlib calls a link to a file a file
        (partner.folder / "outgoing" / "link.csv").symlink_to(partner.folder / "outgoing" / "a.csv")
        if not ("proftpd" in partner.name and partner.spec.protocol != "sftp"):  # and ProFTPD's MLSD a pipe
            os.mkfifo(partner.folder / "outgoing" / "pipe.csv")
    with partner.open() as server:
        assert [file.path for file in server.list_files(partner.at("/outgoing"))] == [partner.at("/outgoing/a.csv")]


def test_a_recursive_listing_goes_into_every_directory(partner: Partner) -> None:
    paths = {deliver(partner, f"/outgoing/{path}") for path in ("a.csv", "x/b.csv", "x/y/c.csv", "z/d.csv")}
    with partner.open() as server:
        assert {file.path for file in server.list_files(partner.at("/outgoing"), recursive=True)} == paths


def test_an_empty_directory_lists_nothing(partner: Partner) -> None:
    with partner.open() as server:
        assert list(server.list_files(partner.at("/outgoing"))) == []


def test_a_listing_longer_than_one_answer_is_complete(partner: Partner) -> None:
    paths = {deliver(partner, f"/outgoing/{number}.csv", b"") for number in range(300)}
    with partner.open() as server:
        assert {file.path for file in server.list_files(partner.at("/outgoing"))} == paths


def test_a_listing_thrown_away_half_way_leaves_the_session_usable(partner: Partner) -> None:
    for number in range(300):
        deliver(partner, f"/outgoing/{number}.csv", b"")
    with partner.open() as server:
        listing = server.list_files(partner.at("/outgoing"))
        first = next(listing)
        del listing
        assert server.stat(first.path) == first
        assert len(list(server.list_files(partner.at("/outgoing")))) == 300


def test_a_missing_directory_is_refused_access(partner: Partner) -> None:
    with partner.open() as server, pytest.raises(RemoteAccessError, match="/nowhere"):
        list(server.list_files(partner.at("/nowhere")))


@pytest.mark.parametrize("age", [60, 3600, 400 * 86400], ids=["a minute", "an hour", "a year"])
def test_stat_tells_the_same_version_as_the_listing(partner: Partner, age: int) -> None:
    path = deliver(partner, "/outgoing/a.csv", mtime=int(time.time()) - age)
    with partner.open() as server:
        (listed,) = server.list_files(partner.at("/outgoing"))
        assert server.stat(path) == listed


def test_stat_of_a_missing_file_says_it_changed(partner: Partner) -> None:
    with partner.open() as server, pytest.raises(FileChangedError, match=r"gone\.csv"):
        server.stat(partner.at("/outgoing/gone.csv"))


def test_a_file_that_became_a_directory_has_changed(partner: Partner) -> None:
    (partner.folder / "outgoing" / "a.csv").mkdir()
    with partner.open() as server, pytest.raises(FileChangedError, match=r"a\.csv"):
        server.stat(partner.at("/outgoing/a.csv"))


@pytest.mark.parametrize("offset", [0, 1, 1_000_000, len(LARGE) - 1, len(LARGE)])
def test_reading_hands_on_every_byte_from_the_offset(partner: Partner, offset: int) -> None:
    path, sink = deliver(partner, "/outgoing/large.bin", LARGE), Collected()
    with partner.open() as server:
        assert server.read(path, offset, sink) == len(LARGE) - offset
    assert sink.data == LARGE[offset:]


def test_an_empty_file_hands_on_nothing(partner: Partner) -> None:
    path, sink = deliver(partner, "/outgoing/empty.csv", b""), Collected()
    with partner.open() as server:
        assert server.read(path, 0, sink) == 0
    assert sink.data == b""


def test_a_sink_that_says_stop_gets_no_more(partner: Partner) -> None:
    path, sink = deliver(partner, "/outgoing/large.bin", LARGE), Collected(limit=1)
    with partner.open() as server:
        handed = server.read(path, 0, sink)
    assert 0 < handed < len(LARGE)
    assert sink.data == LARGE[:handed]


def test_the_session_goes_on_after_a_stopped_transfer(partner: Partner) -> None:
    path, whole = deliver(partner, "/outgoing/large.bin", LARGE), Collected()
    with partner.open() as server:
        handed = server.read(path, 0, Collected(limit=1))
        assert server.stat(path).size == len(LARGE)
        server.read(path, handed, whole)
    assert whole.data == LARGE[handed:]


def test_what_a_sink_raises_comes_through_as_it_is(partner: Partner) -> None:
    def full(view: memoryview) -> bool:
        raise OSError("the disk is full")

    path = deliver(partner, "/outgoing/a.csv", LARGE)
    with partner.open() as server:
        with pytest.raises(OSError, match="the disk is full"):
            server.read(path, 0, full)
        assert server.stat(path).size == len(LARGE)


def test_reading_a_missing_file_says_it_changed(partner: Partner) -> None:
    with partner.open() as server, pytest.raises(FileChangedError, match=r"gone\.csv"):
        server.read(partner.at("/outgoing/gone.csv"), 0, Collected())


def test_moving_makes_the_directories(partner: Partner) -> None:
    path = deliver(partner, "/outgoing/a.csv", b"moved")
    with partner.open() as server:
        server.move(path, partner.at("/done/2026/11/a.csv"))
        assert list(server.list_files(partner.at("/outgoing"))) == []
    assert (partner.folder / "done/2026/11/a.csv").read_bytes() == b"moved"


def test_moving_onto_another_file_replaces_it_or_changes_nothing(partner: Partner) -> None:
    """SFTP without `posix-rename` refuses a name that is taken; nothing is removed to make room."""
    deliver(partner, "/done/a.csv", b"old")
    path = deliver(partner, "/outgoing/a.csv", b"new")
    refused: RemoteAccessError | None = None
    with partner.open() as server:
        try:
            server.move(path, partner.at("/done/a.csv"))
        except RemoteAccessError as error:
            refused = error
    source, target = partner.folder / "outgoing/a.csv", partner.folder / "done/a.csv"
    if refused is None:
        assert (source.exists(), target.read_bytes()) == (False, b"new")
    else:
        assert (source.read_bytes(), target.read_bytes()) == (b"new", b"old")
        assert "/done/a.csv" in str(refused)


def test_moving_a_missing_file_says_it_changed_and_makes_nothing(partner: Partner) -> None:
    with partner.open() as server, pytest.raises(FileChangedError, match=r"gone\.csv"):
        server.move(partner.at("/outgoing/gone.csv"), partner.at("/done/gone.csv"))
    assert not (partner.folder / "done").exists()


def test_deleting_removes_the_file(partner: Partner) -> None:
    path = deliver(partner, "/outgoing/a.csv")
    with partner.open() as server:
        server.delete(path)
        with pytest.raises(FileChangedError):
            server.delete(path)
    assert not (partner.folder / "outgoing/a.csv").exists()


def test_a_wrong_password_is_rejected_without_being_told(partner: Partner) -> None:
    with pytest.raises(LoginRejectedError, match=partner.spec.username) as caught:
        partner.open({"password": "wrong horse"})
    assert "horse" not in str(caught.value)
    assert caught.value.__cause__ is not None


def test_an_unknown_user_is_rejected(partner: Partner) -> None:
    with pytest.raises(LoginRejectedError, match="stranger"):
        partner.open(username="stranger")


def test_a_secret_without_a_password_is_named(partner: Partner) -> None:
    with pytest.raises(SecretMissingError, match="password"):
        partner.open({"user": "lake"})


def test_a_dead_port_is_an_unavailable_server(partner: Partner) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(ServerUnavailableError, match=f"127.0.0.1:{port}"):
        partner.open(port=port)


def test_a_server_that_says_nothing_is_unavailable(partner: Partner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answering, "LOOK_SECONDS", 0.2)  # twice, and there is nothing to see
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(ServerUnavailableError):
        partner.open(port=silent.getsockname()[1], connect_timeout_seconds=0.3)


def test_an_unknown_protocol_is_named(partner: Partner) -> None:
    with pytest.raises(FeedInvalidError, match=r"\$\.server\.protocol.*gopher"):
        partner.open(protocol="gopher")
