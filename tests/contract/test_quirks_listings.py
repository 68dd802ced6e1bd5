"""Folders that servers refuse, repeat or call empty in odd ways: no file is hidden by it, and every listing ends."""

import struct

import pytest

from lakeferry.errors import LakeferryError, RemoteAccessError
from lakeferry.models import RemoteFile
from lakeferry.servers import Server, open_server
from lakeferry.servers import sftp_packets as of
from tests.servers.scripted_ftp import ScriptedFtp, Session
from tests.servers.scripted_sftp import FILE_MODE, FOLDER_MODE, MTIME, Fields, ScriptedSftp, Talk, attributes

WHEN = 1763915580
"""Of the files of `ScriptedFtp`."""


def connected(script: ScriptedFtp | ScriptedSftp) -> Server:
    return open_server(script.spec, {"password": "p"})


# -- a subfolder that is refused, wherever the feed's folder begins


class DeniedSubfolder(ScriptedFtp):
    """Two folders below `/home/lake/out`, the first of which may be entered and not listed."""

    says = "550 Permission denied."

    def do_PWD(self, session: Session, argument: str) -> None:
        session.say('257 "/home/lake"')

    def do_CWD(self, session: Session, argument: str) -> None:
        base = "/home/lake" if session.folder == "/" else session.folder
        path = argument if argument.startswith("/") else f"{base}/{argument}"
        if path in ("/home/lake", "/home/lake/out", "/home/lake/out/denied", "/home/lake/out/open"):
            session.folder = path
            session.say("250 Yes.")
        else:
            session.say(f"550 {path}: no such folder.")

    def do_MLSD(self, session: Session, argument: str) -> None:
        if session.folder.endswith("denied"):
            session.say(self.says)
        elif session.folder.endswith("out"):
            session.send(b"type=dir; denied\r\ntype=dir; open\r\n", after=self.ends)
        else:
            super().do_MLSD(session, argument)

    do_LIST = do_MLSD


class BusySubfolder(DeniedSubfolder):
    says = "450 Not now."


class FailingSubfolder(DeniedSubfolder):
    says = "451 Requested action aborted."


class NotEntered(DeniedSubfolder):
    def do_CWD(self, session: Session, argument: str) -> None:
        if argument.endswith("denied"):
            session.say("450 Not now.")
        else:
            super().do_CWD(session, argument)


@pytest.mark.parametrize("quirk", [DeniedSubfolder, BusySubfolder, FailingSubfolder, NotEntered])
@pytest.mark.parametrize("directory", ["out", "/home/lake/out"])
def test_a_refused_subfolder_is_told_and_the_next_is_found(quirk: type[DeniedSubfolder], directory: str) -> None:
    with quirk() as script, connected(script) as server:
        assert list(server.list_files(directory, recursive=True)) == [RemoteFile(f"{directory}/open/a.csv", 9, WHEN)]
        (told,) = server.unread
        assert f"folder skipped: cannot list {directory}/denied" in told


class ClosingSubfolder(DeniedSubfolder):
    says = "421 Closing."


def test_a_session_that_ends_is_no_refused_subfolder() -> None:
    with ClosingSubfolder() as script, connected(script) as server, pytest.raises(LakeferryError, match="421"):
        list(server.list_files("/home/lake/out", recursive=True))


# -- MLSD


class MlsdRefused(ScriptedFtp):
    says = "501 MLSD is not for you."

    def do_MLSD(self, session: Session, argument: str) -> None:
        session.say(self.says)


class MlsdFails(MlsdRefused):
    says = "550 MLSD failed."


@pytest.mark.parametrize("quirk", [MlsdRefused, MlsdFails])
def test_where_mlsd_is_refused_list_is_asked_with_the_same_times(quirk: type[MlsdRefused]) -> None:
    with quirk() as script, connected(script) as server:
        (file,) = server.list_files("/out")
        assert (file.path, file.size, file.mtime) == ("/out/a.csv", 9, WHEN)
        assert server.stat("/out/a.csv").mtime == WHEN


class NeitherListed(MlsdFails):
    def do_LIST(self, session: Session, argument: str) -> None:
        if session.folder == "/out/locked":
            session.say("550 Failed.")
        else:
            super().do_LIST(session, argument)

    def do_MLSD(self, session: Session, argument: str) -> None:
        if session.folder == "/out/locked":
            super().do_MLSD(session, argument)
        else:
            session.send(self.mlsd().encode() + b"type=dir; locked\r\n", after=self.ends)


def test_a_folder_that_is_refused_both_ways_changes_nothing_for_the_others() -> None:
    with NeitherListed() as script, connected(script) as server:
        for _ in range(2):
            assert list(server.list_files("/out", recursive=True)) == [RemoteFile("/out/a.csv", 9, WHEN)]
        assert script.heard.count("LIST") == 2, "of the one that was refused"


@pytest.mark.parametrize(
    "facts",
    [
        "type=file;size=9;modify=; a.csv",
        "type=file;size=9; a.csv",
        "type=file;size=;modify=20251123163300; a.csv",
        "type=file;size=9;modify=20251123163360; a.csv",
        "type=file;size=9;modify=2025-11-23; a.csv",
        "type=file;size=9;modify=20251123163300 a.csv",
        "Type=FILE;Size=9;Modify=20251123163300.123; a.csv",
    ],
)
def test_what_a_line_of_mlsd_does_not_tell_is_asked(facts: str) -> None:
    class Facts(ScriptedFtp):
        def mlsd(self) -> str:
            return f"{facts}\r\n"

        def do_MLST(self, session: Session, argument: str) -> None:
            session.say("250-Listing", f" {facts.replace(' a.csv', f' {argument}')}", "250 End")

    with Facts() as script, connected(script) as server:
        (file,) = server.list_files("/out")
        assert (file.path, file.size, file.mtime) == ("/out/a.csv", 9, WHEN)
        assert server.stat("/out/a.csv").mtime == WHEN


# -- names that lead elsewhere, on servers of Windows too

UPWARDS = ["..\\x", "..\\..\\other", "a\\..\\..\\b", "a\\..", "/etc", "../x", ""]


@pytest.mark.parametrize("kind", ["file", "dir"])
@pytest.mark.parametrize("name", UPWARDS)
def test_no_name_leads_out_over_ftp(name: str, kind: str) -> None:
    class Leads(ScriptedFtp):
        def mlsd(self) -> str:
            return f"type={kind};size=9;modify=20251123163300; {name}\r\n{super().mlsd()}"

    with Leads() as script, connected(script) as server:
        assert [file.path for file in server.list_files("/out", recursive=True)] == ["/out/a.csv"]
        assert len(server.unread) == 1
        assert {command for command in script.heard if command.startswith("CWD")} == {"CWD /out", "CWD /"}


@pytest.mark.parametrize("mode", [FILE_MODE, FOLDER_MODE])
@pytest.mark.parametrize("name", UPWARDS)
def test_no_name_leads_out_over_sftp(name: str, mode: int) -> None:
    class Leads(ScriptedSftp):
        def entries(self) -> bytes:
            shown = [(name, attributes(9, mode, MTIME)), ("a.csv", attributes(9, FILE_MODE, MTIME))]
            lines = [of.string(one.encode()) * 2 + told for one, told in shown]
            return struct.pack(">I", len(lines)) + b"".join(lines)

    with Leads() as script, connected(script) as server:
        assert [file.path for file in server.list_files("/out", recursive=True)] == ["/out/a.csv"]
        assert len(server.unread) == 1
        assert script.heard.count(of.OPENDIR) == 1


@pytest.mark.parametrize("name", ["a..b\\c", "..a", "a\\b", "back\\slash.csv"])
def test_other_names_with_dots_and_backslashes_are_names(name: str) -> None:
    with ScriptedFtp() as script, connected(script) as server:
        script.files = {name: b"x"}
        assert [file.name for file in server.list_files("/out")] == [name]


# -- SFTP: folders without files, and listings that go on


class EndsSo(ScriptedSftp):
    """READDIR of a folder without files."""

    code, words = of.NO_SUCH_FILE, b"no such file"

    def do_READDIR(self, talk: Talk, number: int, fields: Fields) -> None:
        talk.status(number, self.code, self.words)


class EndsWithWords(EndsSo):
    code, words = of.FAILURE, b"No files found"


class EndsWithOk(EndsSo):
    code, words = of.OK, b""


class NotOpened(ScriptedSftp):
    code = of.FAILURE

    def do_OPENDIR(self, talk: Talk, number: int, fields: Fields) -> None:
        talk.status(number, self.code, b"no files")


class NotOpenedAsMissing(NotOpened):
    code = of.NO_SUCH_FILE


@pytest.mark.parametrize("quirk", [EndsSo, EndsWithWords, EndsWithOk, NotOpened, NotOpenedAsMissing])
def test_an_empty_folder_is_an_empty_listing_whatever_it_is_called(quirk: type[ScriptedSftp]) -> None:
    with quirk() as script, connected(script) as server:
        assert list(server.list_files("/out")) == []


class Denied(EndsSo):
    code, words = of.PERMISSION_DENIED, b"no files for you"


class NotOpenedDenied(NotOpened):
    code = of.PERMISSION_DENIED


@pytest.mark.parametrize("quirk", [Denied, NotOpenedDenied])
def test_a_folder_that_may_not_be_listed_is_not_taken_for_empty(quirk: type[ScriptedSftp]) -> None:
    with quirk() as script, connected(script) as server, pytest.raises(RemoteAccessError):
        list(server.list_files("/out"))


def test_a_missing_folder_is_an_error_whatever_it_is_called() -> None:
    with NotOpenedAsMissing() as script, connected(script) as server, pytest.raises(RemoteAccessError):
        list(server.list_files("/elsewhere"))


class EndsAsGone(ScriptedSftp):
    """The end of a listing is "no such file"."""

    def do_READDIR(self, talk: Talk, number: int, fields: Fields) -> None:
        folder = fields.text()
        talk.handles[folder] += 1
        if talk.handles[folder] > 1:
            talk.status(number, of.NO_SUCH_FILE)
        else:
            talk.send(of.NAME, number, self.entries())


def test_a_listing_that_ends_with_no_such_file_is_whole() -> None:
    with EndsAsGone() as script, connected(script) as server:
        assert [file.name for file in server.list_files("/out")] == ["a.csv"]


class Repeats(ScriptedSftp):
    """Sends a first page, and then the last ones over and over."""

    pages = 1

    def do_READDIR(self, talk: Talk, number: int, fields: Fields) -> None:
        folder = fields.text()
        talk.handles[folder] += 1
        page = talk.handles[folder]
        name = b"first.csv" if page == 1 else b"b%d.csv" % (page % self.pages)
        entry = of.string(name) + of.string(self.shown("a.csv")) + self.told("a.csv")
        talk.send(of.NAME, number, struct.pack(">I", 1) + entry)


class RepeatsThree(Repeats):
    pages = 3


@pytest.mark.parametrize("quirk", [Repeats, RepeatsThree])
def test_a_listing_that_repeats_what_came_before_is_an_error(quirk: type[Repeats]) -> None:
    with quirk() as script, connected(script) as server, pytest.raises(LakeferryError, match="again and again"):
        list(server.list_files("/out"))
