"""What FTP servers do differently from the standard and from each other: no file is lost, hidden or doubled by it."""

import time
from contextlib import suppress
from dataclasses import replace
from typing import ClassVar

import pytest

from lakeferry.errors import FileChangedError, RemoteAccessError, ServerUnavailableError
from lakeferry.models import RemoteFile
from lakeferry.servers import Server, Sink, answering, ftp_control, ftp_transfers, open_server
from lakeferry.servers.unchanged import check_unchanged
from tests.servers.scripted_ftp import MTIME, ScriptedFtp, Session

A = RemoteFile("/out/a.csv", 9, 1763915580)
DAY = RemoteFile("/out/a.csv", 9, 1763856000, 1763856000)
"""As LIST shows it."""
DATA = b"id,x\n1,2\n"


def connected(server: ScriptedFtp) -> Server:
    return open_server(server.spec, {"password": "p"})


def keeping(arrived: bytearray) -> Sink:
    def sink(view: memoryview) -> bool:
        arrived.extend(view)
        return True

    return sink


def take(server: Server, offset: int = 0) -> tuple[list[RemoteFile], bytes]:
    """What a poll lists and a fetch reads."""
    (listed, *more) = list(server.list_files("/out"))
    arrived = bytearray()
    check_unchanged(server, listed)
    server.read(listed.path, offset, keeping(arrived), listed.size)
    check_unchanged(server, listed, was_read=True)
    return [listed, *more], bytes(arrived)


class MlstWithIntro(ScriptedFtp):
    def do_MLST(self, session: Session, argument: str) -> None:
        session.say("250-Begin", " of the list", f" {self.facts(argument)}", "250 End")


class MlstWithBlankLine(ScriptedFtp):
    def do_MLST(self, session: Session, argument: str) -> None:
        session.say("250-", f" {self.facts(argument)}", "", "250 Requested file action okay")


class MlstWithCodes(ScriptedFtp):
    def do_MLST(self, session: Session, argument: str) -> None:
        session.say("250-Start of list", f"250-{self.facts(argument)}", "250 End")


class MlstInOneLine(ScriptedFtp):
    def do_MLST(self, session: Session, argument: str) -> None:
        session.say(f"250 {self.facts(argument)}")


class MlstWithoutFacts(ScriptedFtp):
    def do_MLST(self, session: Session, argument: str) -> None:
        session.say("250-Listing", " a.csv", "250 End")


class MlstUnknown(ScriptedFtp):
    def do_MLST(self, session: Session, argument: str) -> None:
        session.say("500 MLST not understood")


class MlstGone(ScriptedFtp):
    """Lists the file, sends it, and has never heard of it when it is asked about it."""

    def do_MLST(self, session: Session, argument: str) -> None:
        session.say("550 No such file.")


class MlstUnknownAndNoSize(MlstUnknown):
    features = ("MLST type*;size*;modify*;",)


class OtherSizes(MlstUnknown):
    """SIZE counts as if line ends were two bytes."""

    def do_SIZE(self, session: Session, argument: str) -> None:
        session.say("213 11")


class SizeRefused(MlstUnknown):
    def do_SIZE(self, session: Session, argument: str) -> None:
        session.say("550 SIZE not allowed in ASCII mode")


class EndTwice(ScriptedFtp):
    ends = ("226 Done.", "226 Done.")


class EndTwiceLate(ScriptedFtp):
    def do_MLSD(self, session: Session, argument: str) -> None:
        super().do_MLSD(session, argument)
        time.sleep(0.2)
        session.say("226 Done, again.")


class EndBeforeBegin(ScriptedFtp):
    """Says that all was sent, and sends it, without a word before."""

    def do_RETR(self, session: Session, argument: str) -> None:
        assert session.passive is not None
        session.say("226 Done.")
        with session.passive, session.passive.accept()[0] as connection:
            connection.sendall(self.found(argument) or b"")


class NoEnd550(ScriptedFtp):
    def do_RETR(self, session: Session, argument: str) -> None:
        session.send(self.found(argument) or b"", after=("550 It is not there any more.",))


class NoEnd451(ScriptedFtp):
    def do_RETR(self, session: Session, argument: str) -> None:
        session.send(self.found(argument) or b"", after=("451 Local error.",))


class GivesOnce(ScriptedFtp):
    """A mailbox: what was read is gone."""

    def do_RETR(self, session: Session, argument: str) -> None:
        super().do_RETR(session, argument)
        self.files.clear()


class CwdBackRefused(ScriptedFtp):
    def do_CWD(self, session: Session, argument: str) -> None:
        if argument == "/":
            session.say("550 Permission denied.")
        else:
            super().do_CWD(session, argument)


class PwdRefused(ScriptedFtp):
    def do_PWD(self, session: Session, argument: str) -> None:
        session.say("550 Permission denied.")


class PwdOdd(ScriptedFtp):
    def do_PWD(self, session: Session, argument: str) -> None:
        session.say("257 you are at home")


class FeatBusy(ScriptedFtp):
    features = ()

    def do_FEAT(self, session: Session, argument: str) -> None:
        session.say("450 Not now.")


class OptsBusy(ScriptedFtp):
    def do_OPTS(self, session: Session, argument: str) -> None:
        session.say("451 Not now.")


@pytest.mark.parametrize(
    "quirk",
    [
        MlstWithIntro, MlstWithBlankLine, MlstWithCodes, MlstInOneLine, MlstWithoutFacts, MlstUnknown, MlstGone,
        MlstUnknownAndNoSize, OtherSizes, SizeRefused, EndTwice, EndTwiceLate, EndBeforeBegin, NoEnd550, NoEnd451,
        GivesOnce, CwdBackRefused, PwdRefused, PwdOdd, FeatBusy, OptsBusy,
    ],
)  # fmt: skip
def test_an_odd_server_gives_its_file_all_the_same(quirk: type[ScriptedFtp]) -> None:
    with quirk() as script, connected(script) as server:
        assert take(server) == ([A], DATA)


def test_after_a_doubled_end_every_answer_is_that_of_its_question() -> None:
    with EndTwice(a_csv=b"aaa", b_csv=b"bb") as script, connected(script) as server:
        for _ in range(3):
            assert sorted((file.name, file.size) for file in server.list_files("/out")) == [("a.csv", 3), ("b.csv", 2)]
            assert server.stat("/out/b.csv").size == 2


def test_a_plain_server_is_asked_nothing_more_than_it_needs() -> None:
    with ScriptedFtp() as script, connected(script) as server:
        take(server)
        asked = [command.split()[0] for command in script.heard]
    assert asked.count("MLST") == 2, "before the first byte and after the last"
    assert asked.count("MLSD") == asked.count("RETR") == 1
    assert not {"SIZE", "MDTM", "REST", "LIST"} & set(asked)


# -- a file that did change


class GrowsMeanwhile(ScriptedFtp):
    def do_RETR(self, session: Session, argument: str) -> None:
        super().do_RETR(session, argument)
        self.files["a.csv"] = b"id,x\n3,4\n5,6\n"


def test_a_file_that_another_took_the_place_of_is_told_as_changed() -> None:
    with GrowsMeanwhile() as script, connected(script) as server, pytest.raises(FileChangedError, match=r"13 bytes"):
        take(server)


def test_a_file_that_went_before_it_was_read_is_told_as_changed() -> None:
    with ScriptedFtp() as script, connected(script) as server:
        (listed,) = server.list_files("/out")
        script.files = {"b.csv": b""}
        with pytest.raises(FileChangedError):
            check_unchanged(server, listed)


# -- going on from an offset


class RestRefused(ScriptedFtp):
    def do_REST(self, session: Session, argument: str) -> None:
        session.say("550 Restart not permitted.")


class RestRefusedLate(ScriptedFtp):
    def do_RETR(self, session: Session, argument: str) -> None:
        if session.offset:
            session.offset = 0
            session.say("554 Requested action not taken: invalid REST parameter.")
        else:
            super().do_RETR(session, argument)


class RestOddlyTaken(ScriptedFtp):
    def do_REST(self, session: Session, argument: str) -> None:
        session.offset = int(argument)
        session.say("200 Yes.")


@pytest.mark.parametrize("quirk", [ScriptedFtp, RestRefused, RestRefusedLate, RestOddlyTaken])
def test_reading_on_gives_the_rest_and_nothing_twice(quirk: type[ScriptedFtp]) -> None:
    with quirk() as script, connected(script) as server:
        assert take(server, offset=4)[1] == DATA[4:]


# -- times


class NoFacts(ScriptedFtp):
    features: ClassVar[tuple[str, ...]] = ("SIZE", "MDTM")


class MdtmSays(NoFacts):
    says = ""

    def do_MDTM(self, session: Session, argument: str) -> None:
        session.say(self.says if argument.endswith("a.csv") else f"213 {MTIME}")


@pytest.mark.parametrize(
    "answer",
    [
        "550 No.",
        "501 No.",
        "553 No.",
        "450 Not now.",
        "202 Superfluous.",
        "213 yesterday",
        "213 20259999999999",
        "504 x",
    ],
)
def test_a_file_whose_time_the_server_refuses_has_that_of_the_listing(answer: str) -> None:
    with MdtmSays(a_csv=DATA, b_csv=b"b") as script, connected(script) as server:
        script.says = answer
        times = {file.name: file.mtime for file in server.list_files("/out")}
        assert times["a.csv"] == DAY.mtime
        assert times["b.csv"] in (A.mtime, DAY.mtime), "one that is refused as unknown is not asked again"
        assert take(server) == ([DAY, *list(server.list_files("/out"))[1:]], DATA)


# -- empty folders


class Empty(ScriptedFtp):
    says: ClassVar[tuple[str, ...]] = ()

    def do_MLSD(self, session: Session, argument: str) -> None:
        session.say(*self.says)


@pytest.mark.parametrize(
    "says",
    [
        "550 No files found.", "450 No files found", "550 The directory is empty", "550 No such file or directory",
        "550 not found: *", "226 Transfer complete.", "550 No entries.",
    ],
)  # fmt: skip
def test_an_empty_folder_is_an_empty_listing_whatever_it_is_called(says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ftp_transfers, "UNANNOUNCED_SECONDS", 0.3)
    with Empty() as script, connected(script) as server:
        type(script).says = (says,)
        assert list(server.list_files("/out")) == []
        assert server.stat("/out/a.csv") == A, "and the next answer is that of the next question"


class NeitherWay(Empty):
    do_LIST = Empty.do_MLSD


@pytest.mark.parametrize("says", ["550 Permission denied.", "550 No access to this directory", "553 No files found"])
def test_a_folder_that_may_not_be_listed_is_not_taken_for_empty(says: str) -> None:
    with NeitherWay() as script, connected(script) as server:
        type(script).says = (says,)
        with pytest.raises(RemoteAccessError):
            list(server.list_files("/out"))


class Missing(ScriptedFtp):
    def do_CWD(self, session: Session, argument: str) -> None:
        session.say("550 No such directory." if argument == "/out" else "250 Yes.")


def test_a_missing_folder_is_an_error_and_no_empty_listing() -> None:
    with Missing() as script, connected(script) as server, pytest.raises(RemoteAccessError, match="No such directory"):
        list(server.list_files("/out"))


class EndlessAnswer(ScriptedFtp):
    def do_MLST(self, session: Session, argument: str) -> None:
        while True:
            session.say("250-and so on")


def test_an_answer_without_end_is_an_error() -> None:
    with EndlessAnswer() as script, connected(script) as server, pytest.raises(RemoteAccessError, match="10000 lines"):
        server.stat("/out/a.csv")


# -- a listing that is not all


class CutListing(ScriptedFtp):
    """Pure-FTPd with LimitRecursion."""

    ends = ("226-Options: -l", "226 Output truncated to 1 matches")


def test_a_listing_that_the_server_cut_is_told() -> None:
    with CutListing() as script, connected(script) as server:
        assert list(server.list_files("/out")) == [A]
        assert server.unread == ["listing cut short: 226-Options: -l\n226 Output truncated to 1 matches"]


class Relative(PwdRefused):
    """Takes `out` for what is below the folder it stands in."""

    def do_CWD(self, session: Session, argument: str) -> None:
        target = argument if argument.startswith("/") else f"{session.folder.rstrip('/')}/{argument}"
        if target in ("/", "/out"):
            session.folder = target
            session.say("250 Yes.")
        else:
            session.say("550 No such directory.")


def test_a_relative_folder_is_found_again_where_nobody_knows_the_way_back() -> None:
    with Relative() as script, connected(script) as server:
        for _ in range(2):
            assert [file.path for file in server.list_files("out")] == ["out/a.csv"]


# -- who answers


class Greets(ScriptedFtp):
    """Begins as told, piece by piece, and ends there or goes on as FTP servers do."""

    pieces: tuple[bytes, ...] = ()
    pause = 0.0
    ends_there = False

    def _serve(self, session: Session) -> None:
        with suppress(OSError):
            for piece in self.pieces:
                time.sleep(self.pause)
                session.control.sendall(piece)
        if self.ends_there:
            session.control.close()
        else:
            super()._serve(session)

    greeting = b""


@pytest.mark.parametrize(
    "pieces",
    [
        (b"Welcome to ACME\r\nOnly for partners.\r\n220 Ready.\r\n",),
        (b"Welcome to ACME\r\n", b"\r\n", b"2", b"20 Ready.\r\n"),
        (b"\r\n\r\n220\r\n",),
        (b"220-\r\n220-Only for partners.\r\n220 \r\n",),
        (b"120 Ready in 1 minute.\r\n", b"220 Ready.\r\n"),
        (b"220 smtp-export.acme.example FTP ready\r\n",),
    ],
)
def test_a_greeting_is_found_behind_what_is_said_before_it(pieces: tuple[bytes, ...]) -> None:
    with Greets() as script:
        script.pieces, script.pause = pieces, 0.1
        with connected(script) as server:
            assert take(server) == ([A], DATA)


def test_a_slow_greeting_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ftp_control, "SILENT_SECONDS", 0.05)
    monkeypatch.setattr(answering, "LOOK_SECONDS", 0.1)
    with Greets() as script:
        script.pieces, script.pause = (b"220 Ready.\r\n",), 0.6
        with connected(script) as server:
            assert take(server) == ([A], DATA)


@pytest.mark.parametrize(
    ("greeting", "name"),
    [
        (b"SSH-2.0-OpenSSH_9.6\r\n", "SSH"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "HTTP"),
        (b"<html><body>503 No server is available</body></html>\r\n", "HTTP"),
        (b"220 mx.acme.example ESMTP Postfix\r\n", "SMTP"),
        (b"554 mx.acme.example ESMTP not accepting messages\r\n", "SMTP"),
        (b"+OK POP3 ready\r\n", "POP3"),
        (b"* OK IMAP4rev1 ready\r\n", "IMAP"),
    ],
)
@pytest.mark.parametrize("protocol", ["ftp", "ftps"])
def test_a_server_of_another_protocol_is_named_at_once(greeting: bytes, name: str, protocol: str) -> None:
    begun = time.monotonic()
    with Greets() as script:
        script.pieces = (greeting,)
        with pytest.raises(RemoteAccessError, match=f"speaks {name}.*server.protocol and server.port") as caught:
            open_server(replace(script.spec, protocol=protocol), {"password": "p"})
        assert not any(command[-1:] == "p" for command in script.heard if command.startswith("PASS"))
    assert greeting[:12].decode() in str(caught.value)
    assert time.monotonic() - begun < 4, "and not after a time-out"


def test_what_ends_with_words_that_are_no_greeting_is_quoted() -> None:
    with Greets() as script:
        script.pieces, script.ends_there = (b"lb-3: no such route\r\n",), True
        with pytest.raises(RemoteAccessError, match="says b'lb-3: no such route'"):
            connected(script)
        script.pieces = (b"Too many connections\r\n",)
        with pytest.raises(ServerUnavailableError, match="Too many connections"):
            connected(script)


class SaysAndWaits(ScriptedFtp):
    """Says something by itself, and then waits for an answer to it."""

    def _serve(self, session: Session) -> None:
        with suppress(OSError), session.control:
            session.control.sendall(self.greeting)
            session.control.recv(1000)


@pytest.mark.parametrize("protocol", ["ftp", "sftp"])
@pytest.mark.parametrize(
    ("says", "named"),
    [
        (b"\xff\xfd\x18\xff\xfd\x20", "speaks Telnet"),
        (b"<html>", "speaks HTTP"),
        (b"@RSYNCD: 31.0\n", "says b'@RSYNCD"),
        (b"Welcome to the load balancer\r\n", "says b'Welcome to the load balancer"),
        (b"J\x00\x00\x00\n8.0.36\x00", "says b'J"),
    ],
)
def test_who_says_something_else_and_waits_is_named_and_is_not_busy(says: bytes, named: str, protocol: str) -> None:
    class Says(SaysAndWaits):
        greeting = says

    keys = ("ssh-ed25519 AAAA",)
    with Says() as script, pytest.raises(RemoteAccessError, match=named):
        open_server(
            replace(script.spec, protocol=protocol, connect_timeout_seconds=1, host_keys=keys), {"password": "p"}
        )


@pytest.mark.parametrize("protocol", ["ftp", "sftp"])
@pytest.mark.parametrize("says", [b"", b"\r\n", b"Server is busy, try again later\r\n"])
def test_who_says_nothing_or_that_it_is_busy_may_be_tried_again(
    monkeypatch: pytest.MonkeyPatch, says: bytes, protocol: str
) -> None:
    class Says(SaysAndWaits):
        greeting = says

    monkeypatch.setattr(answering, "LOOK_SECONDS", 0.1)
    keys = ("ssh-ed25519 AAAA",)
    with Says() as script, pytest.raises(ServerUnavailableError):
        open_server(
            replace(script.spec, protocol=protocol, connect_timeout_seconds=1, host_keys=keys), {"password": "p"}
        )


class WaitsForTls(ScriptedFtp):
    """Says nothing until TLS is begun, as implicit FTPS and web servers under TLS do."""

    answer = b"\x15\x03\x03\x00\x02\x02\x28"

    def _serve(self, session: Session) -> None:
        with suppress(OSError), session.control:
            if session.control.recv(1000):
                session.control.sendall(self.answer)


class WaitsForHttp(WaitsForTls):
    answer = b"HTTP/1.1 400 Bad Request\r\n\r\n"


@pytest.mark.parametrize(("kind", "name"), [(WaitsForTls, "TLS .*ftps_implicit"), (WaitsForHttp, "HTTP")])
@pytest.mark.parametrize("protocol", ["ftp", "ftps"])
def test_a_silent_server_is_named_by_what_it_answers_to_tls(
    monkeypatch: pytest.MonkeyPatch, kind: type[WaitsForTls], name: str, protocol: str
) -> None:
    monkeypatch.setattr(ftp_control, "SILENT_SECONDS", 0.1)
    monkeypatch.setattr(answering, "LOOK_SECONDS", 0.2)
    with kind() as script, pytest.raises(RemoteAccessError, match=f"speaks {name}"):
        open_server(replace(script.spec, protocol=protocol), {"password": "p"})


@pytest.mark.parametrize(
    ("greeting", "name"),
    [(b"220 Ready.\r\n", r"FTP \(server.protocol: ftps"), (b"SSH-2.0-x\r\n", "SSH"), (b"220 mx ESMTP\r\n", "SMTP")],
)
def test_implicit_tls_to_a_server_without_is_named_by_what_it_says(greeting: bytes, name: str) -> None:
    with Greets() as script:
        script.pieces = (greeting,)
        with pytest.raises(RemoteAccessError, match=f"speaks {name}"):
            open_server(replace(script.spec, protocol="ftps_implicit"), {"password": "p"})


def test_a_server_that_hangs_up_on_tls_may_be_busy() -> None:
    class HangsUp(Greets):
        ends_there = True

    with HangsUp() as script, pytest.raises(ServerUnavailableError):
        open_server(replace(script.spec, protocol="ftps_implicit"), {"password": "p"})


@pytest.mark.parametrize("kind", [WaitsForTls, WaitsForHttp])
def test_sftp_to_a_server_that_waits_for_tls_is_named(monkeypatch: pytest.MonkeyPatch, kind: type[WaitsForTls]) -> None:
    class Patient(kind):  # type: ignore[misc,valid-type]
        """Ends what does not begin as TLS does, without a word."""

        def _serve(self, session: Session) -> None:
            with suppress(OSError), session.control:
                if session.control.recv(1000).startswith(b"\x16"):
                    session.control.sendall(self.answer)

    monkeypatch.setattr(answering, "LOOK_SECONDS", 0.2)
    with Patient() as script, pytest.raises(RemoteAccessError, match=r"does not speak SSH: it speaks (TLS|HTTP)"):
        open_server(replace(script.spec, protocol="sftp", host_keys=("ssh-ed25519 AAAA",)), {"password": "p"})


@pytest.mark.parametrize(
    "greeting", [b"220 Ready.\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x15\x03\x01\x00\x02\x02\x28"]
)
def test_sftp_to_a_server_of_another_protocol_is_named_at_once(greeting: bytes) -> None:
    class Answering(ScriptedFtp):
        pass

    Answering.greeting = greeting
    with Answering() as script, pytest.raises(RemoteAccessError, match="does not speak SSH"):
        open_server(replace(script.spec, protocol="sftp", host_keys=("ssh-ed25519 AAAA",)), {"password": "p"})


def test_a_name_that_cannot_be_asked_for_stops_no_other_file() -> None:
    with NoFacts() as script, connected(script) as server:
        script.files = {"a\rb.csv": b"x", "a.csv": DATA}
        assert {file.name: file.mtime for file in server.list_files("/out")} == {
            "a\rb.csv": DAY.mtime,
            "a.csv": A.mtime,
        }
