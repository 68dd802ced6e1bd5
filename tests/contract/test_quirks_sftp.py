"""What SFTP servers do differently from the standard and from each other: no file is lost, hidden or doubled by it."""

import io
import time

import paramiko
import pytest

from lakeferry.errors import FileChangedError, LakeferryError, LoginRejectedError, RemoteAccessError
from lakeferry.models import RemoteFile
from lakeferry.servers import Server, Sink, open_server, sftp
from lakeferry.servers import sftp_packets as of
from lakeferry.servers.unchanged import check_unchanged
from tests.servers.scripted_sftp import (
    MTIME,
    Fields,
    KeyThenPassword,
    KeyThenRound,
    PasswordThenKey,
    ScriptedSftp,
    Talk,
    attributes,
)

DATA = bytes(range(256)) * 800
"""Larger than the 32 KiB that every server gives at once."""
A = RemoteFile("/out/a.csv", len(DATA), MTIME)


def connected(script: ScriptedSftp) -> Server:
    return open_server(script.spec, {"password": "p"})


def keeping(arrived: bytearray) -> Sink:
    def sink(view: memoryview) -> bool:
        arrived.extend(view)
        return True

    return sink


def take(server: Server) -> tuple[list[RemoteFile], bytes]:
    """What a poll lists and a fetch reads."""
    listed = list(server.list_files("/out"))
    arrived = bytearray()
    check_unchanged(server, listed[0])
    server.read(listed[0].path, 0, keeping(arrived), listed[0].size)
    check_unchanged(server, listed[0], was_read=True)
    return listed, bytes(arrived)


class GoneWhenOpen(ScriptedSftp):
    """IBM Sterling, "extractable count 1": from OPEN on every question about the file is answered "no such file"."""

    is_open = False

    def do_OPEN(self, talk: Talk, number: int, fields: Fields) -> None:
        super().do_OPEN(talk, number, fields)
        self.is_open = True

    def tell(self, talk: Talk, number: int, path: str) -> None:
        if self.is_open:
            talk.status(number, of.NO_SUCH_FILE, b"The message is not extractable!")
        else:
            super().tell(talk, number, path)


class GoneWhenRead(ScriptedSftp):
    """Sends the last byte, then knows of no such file, not even to say that it ends there."""

    def give(self, talk: Talk, number: int, data: bytes, length: int) -> None:
        if data:
            super().give(talk, number, data, length)
        else:
            talk.status(number, of.NO_SUCH_FILE)


class HangsUpWhenRead(ScriptedSftp):
    given = 0

    def give(self, talk: Talk, number: int, data: bytes, length: int) -> None:
        if data:
            super().give(talk, number, data, length)
        self.given += len(data)
        if self.given == len(DATA):
            talk.channel.close()


class NoFstat(ScriptedSftp):
    """WS_FTP and SSHD-CORE: of an open file nothing is told."""

    def do_FSTAT(self, talk: Talk, number: int, fields: Fields) -> None:
        talk.status(number, of.FAILURE, b"Folder not found")


class NoLstat(ScriptedSftp):
    def do_LSTAT(self, talk: Talk, number: int, fields: Fields) -> None:
        talk.status(number, of.UNSUPPORTED)


class NoStat(NoLstat):
    def do_STAT(self, talk: Talk, number: int, fields: Fields) -> None:
        talk.status(number, of.PERMISSION_DENIED)


class NoKind(ScriptedSftp):
    """Permissions without the bits that tell a file from a folder."""

    def told(self, name: str) -> bytes:
        return attributes(len(self.files[name]), 0o644, MTIME)


class NoPermissions(ScriptedSftp):
    def told(self, name: str) -> bytes:
        return attributes(len(self.files[name]), None, MTIME)


class NoKindAnywhere(NoPermissions):
    def shown(self, name: str) -> bytes:
        return name.encode()


class SmallReads(ScriptedSftp):
    """Refuses a request for more than 32 KiB."""

    def give(self, talk: Talk, number: int, data: bytes, length: int) -> None:
        if length > 32768:
            talk.status(number, of.FAILURE, b"Bad message")
        else:
            super().give(talk, number, data, length)


class HangsUpOnLargeReads(ScriptedSftp):
    def give(self, talk: Talk, number: int, data: bytes, length: int) -> None:
        if length > 32768:
            talk.channel.get_transport().close()
        else:
            super().give(talk, number, data, length)


class IgnoresLargeReads(ScriptedSftp):
    def give(self, talk: Talk, number: int, data: bytes, length: int) -> None:
        if length <= 32768:
            super().give(talk, number, data, length)


class EndsWithNoBytes(ScriptedSftp):
    """Says that a file ends by sending nothing of it."""

    def give(self, talk: Talk, number: int, data: bytes, length: int) -> None:
        talk.send(of.DATA, number, of.string(data))


class FailsAtTheEnd(ScriptedSftp):
    def give(self, talk: Talk, number: int, data: bytes, length: int) -> None:
        if data:
            super().give(talk, number, data, length)
        else:
            talk.status(number, of.FAILURE)


class OddLimits(ScriptedSftp):
    """Promises to tell its limits, and tells none that can be read."""

    extensions = (b"limits@openssh.com",)

    def do_OTHER(self, talk: Talk, number: int, fields: Fields) -> None:
        talk.send(of.EXTENDED_REPLY, number, b"\x00\x00")


class CloseRefused(ScriptedSftp):
    def do_CLOSE(self, talk: Talk, number: int, fields: Fields) -> None:
        talk.status(number, of.NO_SUCH_FILE)


@pytest.mark.parametrize(
    "quirk",
    [
        EndsWithNoBytes, FailsAtTheEnd, OddLimits, CloseRefused,
        ScriptedSftp, GoneWhenOpen, GoneWhenRead, HangsUpWhenRead, NoFstat, NoLstat, NoStat, NoKind, NoPermissions,
        NoKindAnywhere, SmallReads, HangsUpOnLargeReads, IgnoresLargeReads,
    ],
)  # fmt: skip
def test_an_odd_server_gives_its_file_all_the_same(quirk: type[ScriptedSftp]) -> None:
    with quirk(a_csv=DATA) as script, connected(script) as server:
        assert take(server) == ([A], DATA)


@pytest.mark.parametrize("quirk", [EndsWithNoBytes, FailsAtTheEnd, CloseRefused])
@pytest.mark.parametrize("data", [b"", b"id,x\n1,2\n"])
def test_a_small_file_ends_as_a_large_one_does(quirk: type[ScriptedSftp], data: bytes) -> None:
    with quirk(a_csv=data) as script, connected(script) as server:
        for _ in range(2):  # on the same session
            assert take(server) == ([RemoteFile("/out/a.csv", len(data), MTIME)], data)


@pytest.mark.parametrize("quirk", [GoneWhenOpen, NoFstat])
def test_a_file_of_which_nothing_is_told_is_read_to_its_end(quirk: type[ScriptedSftp]) -> None:
    arrived = bytearray()
    with quirk(a_csv=DATA) as script, connected(script) as server:
        server.read("/out/a.csv", 0, keeping(arrived))
    assert arrived == DATA


def test_a_plain_server_is_asked_nothing_more_than_it_needs() -> None:
    with ScriptedSftp(a_csv=DATA) as script, connected(script) as server:
        take(server)
        heard = list(script.heard)
    assert heard.count(of.LSTAT) == 2, "before the first byte and after the last"
    assert not {of.STAT, of.FSTAT} & set(heard)


@pytest.mark.parametrize("quirk", [SmallReads, HangsUpOnLargeReads])
def test_that_a_server_gives_little_is_learnt_once(quirk: type[ScriptedSftp]) -> None:
    refused = []

    class Counting(quirk):  # type: ignore[misc, valid-type]
        def give(self, talk: Talk, number: int, data: bytes, length: int) -> None:
            if length > 32768:
                refused.append(length)
            super().give(talk, number, data, length)

    with Counting(a_csv=DATA) as script:
        with connected(script) as server:
            for _ in range(3):
                assert take(server)[1] == DATA
        if quirk is HangsUpOnLargeReads:
            assert script.spec.address in sftp._GIVE_LITTLE
            with connected(script) as server:
                assert take(server)[1] == DATA
    assert len(refused) == 1


class Nested(ScriptedSftp):
    """A folder among the files that only its long name calls one."""

    def __init__(self, **files: bytes) -> None:
        super().__init__(**files)
        self.folders.add("/out/in")
        self.files["in"] = b""

    def told(self, name: str) -> bytes:
        return attributes(len(self.files[name]), None, MTIME)

    def shown(self, name: str) -> bytes:
        return (b"d" if name == "in" else b"-") + super().shown(name)[1:]

    def do_READDIR(self, talk: Talk, number: int, fields: Fields) -> None:
        handle = fields.text()
        talk.handles[handle] += 1
        if handle == "/out/in" or talk.handles[handle] > 1:
            talk.status(number, of.END_OF_FILE)
        else:
            talk.send(of.NAME, number, self.entries())


def test_a_folder_that_only_its_line_calls_one_is_no_file() -> None:
    with Nested(a_csv=DATA) as script, connected(script) as server:
        assert list(server.list_files("/out")) == [A]
        assert list(server.list_files("/out", recursive=True)) == [A]


# -- moving


class RenameRefused(ScriptedSftp):
    def do_RENAME(self, talk: Talk, number: int, fields: Fields) -> None:
        talk.status(number, of.FAILURE, b"across file systems")


def test_a_move_that_is_refused_says_why_and_removes_nothing() -> None:
    with RenameRefused(a_csv=b"new", b_csv=b"old") as script, connected(script) as server:
        with pytest.raises(RemoteAccessError, match="across file systems"):
            server.move("/out/a.csv", "/out/b.csv")
        assert script.files == {"a.csv": b"new", "b.csv": b"old"}


def test_a_move_of_what_is_gone_says_so() -> None:
    with ScriptedSftp() as script, connected(script) as server, pytest.raises(FileChangedError):
        server.move("/out/gone.csv", "/out/b.csv")


# -- what has no end, and what is no SFTP of ours


class NoNamesForEver(ScriptedSftp):
    def do_READDIR(self, talk: Talk, number: int, fields: Fields) -> None:
        talk.send(of.NAME, number, of.NOTHING)


class SameNamesForEver(ScriptedSftp):
    def do_READDIR(self, talk: Talk, number: int, fields: Fields) -> None:
        talk.send(of.NAME, number, self.entries())


@pytest.mark.parametrize("quirk", [NoNamesForEver, SameNamesForEver])
def test_a_listing_without_end_is_an_error(quirk: type[ScriptedSftp]) -> None:
    with quirk() as script, connected(script) as server, pytest.raises(LakeferryError, match="again and again"):
        list(server.list_files("/out"))


class NewVersion(ScriptedSftp):
    version = 6


def test_a_server_of_another_version_is_named_at_once() -> None:
    begun = time.monotonic()
    with NewVersion() as script, pytest.raises(RemoteAccessError, match="version 6 of SFTP"):
        connected(script)
    assert time.monotonic() - begun < 2, "and not after a time-out"


class LeadsOut(Nested):
    """`.` and `..` as folders, a link, and a name that is a path."""

    def __init__(self, **files: bytes) -> None:
        super().__init__(**files)
        self.files |= {".": b"", "..": b"", "link": b"", "../x.csv": b""}

    def shown(self, name: str) -> bytes:
        kind = {".": b"d", "..": b"d", "link": b"l", "in": b"d"}.get(name, b"-")
        return kind + super().shown(name)[1:]


def test_no_entry_leads_out_of_the_folder() -> None:
    with LeadsOut(a_csv=DATA) as script, connected(script) as server:
        assert list(server.list_files("/out", recursive=True)) == [A]
        assert server.unread == ["../x.csv"]
        assert script.heard.count(of.OPENDIR) == 2, "the folder and the one in it"


class WantsBoth(ScriptedSftp):
    logins = PasswordThenKey


class WantsBothKeyFirst(ScriptedSftp):
    logins = KeyThenPassword


class AsksNothing(ScriptedSftp):
    logins = KeyThenRound


class Asks(KeyThenRound):
    questions = ("Code: ",)


class AsksSomething(ScriptedSftp):
    logins = Asks


def a_key() -> dict[str, str]:
    key = io.StringIO()
    paramiko.ECDSAKey.generate().write_private_key(key)
    return {"private_key": key.getvalue()}


@pytest.mark.parametrize("quirk", [WantsBoth, WantsBothKeyFirst])
def test_a_method_that_is_offered_after_another_only_is_not_forgotten(quirk: type[ScriptedSftp]) -> None:
    with quirk(a_csv=DATA) as script, open_server(script.spec, {"password": "p", **a_key()}) as server:
        assert take(server) == ([A], DATA)


@pytest.mark.parametrize("quirk", [AsksNothing, AsksSomething])
def test_a_round_of_keyboard_interactive_after_a_key_is_passed(quirk: type[ScriptedSftp]) -> None:
    secret = a_key() if quirk is AsksNothing else {"password": "p", **a_key()}
    with quirk(a_csv=DATA) as script, open_server(script.spec, secret) as server:
        assert take(server) == ([A], DATA)


def test_a_round_that_asks_something_wants_a_password() -> None:
    with (
        AsksSomething() as script,
        pytest.raises(LoginRejectedError, match=r"has \(publickey\): it wants keyboard-interactive"),
    ):
        open_server(script.spec, a_key())
