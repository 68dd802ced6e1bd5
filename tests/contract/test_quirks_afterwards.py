"""Moving and deleting on servers that say odd things about files: done all the same, or told why not."""

import pytest

from lakeferry.errors import FileChangedError, RemoteAccessError
from lakeferry.servers import Server, Sink, open_server
from lakeferry.servers import sftp_packets as of
from tests.servers.scripted_ftp import ScriptedFtp, Session
from tests.servers.scripted_sftp import Fields, ScriptedSftp, Talk

Script = ScriptedFtp | ScriptedSftp


def keeping(arrived: bytearray) -> Sink:
    def sink(view: memoryview) -> bool:
        arrived.extend(view)
        return True

    return sink


def connected(script: Script) -> Server:
    return open_server(script.spec, {"password": "p"})


class MlstGone(ScriptedFtp):
    """Lists its files, and has never heard of them when it is asked about one."""

    def do_MLST(self, session: Session, argument: str) -> None:
        session.say("550 No such file.")


class SizeGone(ScriptedFtp):
    features = ("SIZE", "MDTM")

    def do_SIZE(self, session: Session, argument: str) -> None:
        session.say("550 No such file.")

    do_MDTM = do_SIZE


class KnowsNothing(ScriptedFtp):
    features = ()
    do_SIZE = do_MDTM = do_MLST = lambda self, session, argument: session.say("500 What?")


class CwdBackRefused(ScriptedFtp):
    def do_CWD(self, session: Session, argument: str) -> None:
        if argument == "/":
            session.say("550 Permission denied.")
        else:
            super().do_CWD(session, argument)


class MkdBusy(ScriptedFtp):
    """Shows nobody the archive, and does not make it: it is there."""

    def do_CWD(self, session: Session, argument: str) -> None:
        if argument.startswith("/archive"):
            session.say("450 Not now.")
        else:
            super().do_CWD(session, argument)

    def do_MKD(self, session: Session, argument: str) -> None:
        session.say("450 It is there.")


class NoLstat(ScriptedSftp):
    def do_LSTAT(self, talk: Talk, number: int, fields: Fields) -> None:
        talk.status(number, of.UNSUPPORTED)


class NoStat(NoLstat):
    def do_STAT(self, talk: Talk, number: int, fields: Fields) -> None:
        talk.status(number, of.PERMISSION_DENIED)


class StatGone(ScriptedSftp):
    def do_STAT(self, talk: Talk, number: int, fields: Fields) -> None:
        talk.status(number, of.NO_SUCH_FILE)

    do_LSTAT = do_STAT


ODD = [ScriptedFtp, MlstGone, SizeGone, KnowsNothing, CwdBackRefused, MkdBusy, ScriptedSftp, NoLstat, NoStat, StatGone]


@pytest.mark.parametrize("quirk", ODD)
def test_what_is_listed_can_be_moved_whatever_is_said_about_it(quirk: type[Script]) -> None:
    with quirk() as script, connected(script) as server:
        server.move("/out/a.csv", "/archive/2026/x.csv" if isinstance(script, ScriptedFtp) else "/out/x.csv")
        assert list(script.files) == ["x.csv"]


@pytest.mark.parametrize("quirk", ODD)
def test_what_is_listed_can_be_deleted_whatever_is_said_about_it(quirk: type[Script]) -> None:
    with quirk() as script, connected(script) as server:
        server.delete("/out/a.csv")
        assert not script.files


@pytest.mark.parametrize("quirk", [one for one in ODD if one is not NoStat])
def test_what_is_not_there_is_told_as_gone(quirk: type[Script]) -> None:
    with quirk() as script, connected(script) as server:
        with pytest.raises(FileChangedError):
            server.move("/out/b.csv", "/archive/b.csv")
        with pytest.raises(FileChangedError):
            server.delete("/out/b.csv")
        assert list(script.files) == ["a.csv"]


@pytest.mark.parametrize("quirk", [MlstGone, SizeGone, KnowsNothing, NoStat, StatGone])
def test_a_file_beside_the_file_is_read_whatever_is_said_about_it(quirk: type[Script]) -> None:
    """As a checksum file or a control file is, of which no listing was kept."""
    arrived = bytearray()
    with quirk() as script, connected(script) as server:
        server.read("/out/a.csv", 0, keeping(arrived))
        assert arrived == script.files["a.csv"]


class OtherSizes(ScriptedFtp):
    """SIZE counts as if line ends were two bytes."""

    features = ("SIZE", "MDTM")

    def do_SIZE(self, session: Session, argument: str) -> None:
        session.say("213 11")


def test_a_file_that_ends_where_its_listing_says_is_whole() -> None:
    arrived = bytearray()
    with OtherSizes() as script, connected(script) as server:
        assert server.read("/out/a.csv", 0, keeping(arrived)) == len(arrived) == 9


class MkdDenied(MkdBusy):
    def do_MKD(self, session: Session, argument: str) -> None:
        session.say("550 Only the owner makes folders.")

    def do_RNTO(self, session: Session, argument: str) -> None:
        session.say("550 No such folder.")


class SftpMkdirDenied(ScriptedSftp):
    def do_OTHER(self, talk: Talk, number: int, fields: Fields) -> None:
        talk.status(number, of.PERMISSION_DENIED, b"Only the owner makes folders.")

    def do_RENAME(self, talk: Talk, number: int, fields: Fields) -> None:
        talk.status(number, of.NO_SUCH_FILE)


@pytest.mark.parametrize("quirk", [MkdDenied, SftpMkdirDenied])
def test_of_two_refusals_the_first_is_told(quirk: type[Script]) -> None:
    with (
        quirk() as script,
        connected(script) as server,
        pytest.raises(RemoteAccessError, match=r"make directory /archive.*Only the owner"),
    ):
        server.move("/out/a.csv", "/archive/a.csv")
