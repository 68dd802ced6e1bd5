"""Servers that answer as a plan says, which a test draws: right, odd, late, cut, refused, or not at all.

A plan has for the n-th time that something is asked, or for each time (`None`), how it is answered. What a plan does
not name is answered as it should be, and everything is once `behaves` is set.
"""

import struct
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress

import paramiko

from lakeferry.servers import sftp_packets as of
from tests.servers.scripted_ftp import ScriptedFtp, Session
from tests.servers.scripted_sftp import NAMES, Fields, ScriptedSftp, Talk

Plan = Mapping[tuple[str, int | None], str]
LATE_SECONDS = 0.02

FTP_ANSWERS: Mapping[str, bytes] = {
    "refused": b"550 Permission denied.\r\n",
    "gone": b"550 No such file or directory.\r\n",
    "no files": b"450 No files found.\r\n",
    "busy": b"450 Not now.\r\n",
    "no data connection": b"425 Cannot open data connection.\r\n",
    "unknown": b"500 What?\r\n",
    "not implemented": b"502 Not implemented.\r\n",
    "login first": b"530 Please log in.\r\n",
    "yes": b"200 Yes.\r\n",
    "odd number": b"213 yesterday\r\n",
    "lines": b"250-Well\r\n hm\r\n\r\n250 so be it\r\n",
    "garbage": b"\xff\x00 \x1b[2J what\r\n",
    "blank": b"\r\n",
    "without end": b"211-and\r\n so\r\n",
    "half": b"22",
    "nothing": b"",
}
FTP_ENDS = ("closing", "hangs up")
FTP_DATA = (
    "cut, 226", "cut, 426", "cut, hangs up", "all, 451", "all, 550", "all, nothing", "all, hangs up", "none, 226",
    "no 150", "226 first", "226 twice", "truncated", "odd lines", "all twice",
)  # fmt: skip
FTP_VERBS = (
    "GREETING",
    "USER",
    "PASS",
    "FEAT",
    "OPTS",
    "TYPE",
    "PWD",
    "CWD",
    "PASV",
    "MLST",
    "SIZE",
    "MDTM",
    "REST",
    "QUIT",
)
FTP_DATA_VERBS = ("MLSD", "LIST", "RETR")

SFTP_ANSWERS = (
    "failure", "gone", "denied", "end of file", "unsupported", "ok", "closing", "hangs up", "nothing", "another number",
    "another kind", "short", "twice", "late", "empty",
)  # fmt: skip
_ENDS: Mapping[str, tuple[str, ...]] = {
    "426": ("426 Broken off.",),
    "451": ("451 Local error.",),
    "550": ("550 It is gone.",),
    "hangs up": (),
    "nothing": (),
}
_STATUS = {"failure": 4, "gone": 2, "denied": 3, "end of file": 1, "unsupported": 8, "ok": 0}


class _Planned:
    """How things are answered, and what was listed."""

    def plan_by(self, plan: Plan) -> None:
        self.behaves = False
        self.listed: set[str] = set()
        self._plan = plan
        self._asked: Counter[str] = Counter()

    def how(self, what: str) -> str:
        if self.behaves:
            return "right"
        number = self._asked[what]
        self._asked[what] += 1
        return self._plan.get((what, number)) or self._plan.get((what, None)) or "right"


class DrawnFtp(_Planned, ScriptedFtp):
    """Attributes: `listed` has the names of the last listing, as far as their lines were sent whole."""

    def __init__(self, plan: Plan, **files: bytes) -> None:
        super().__init__(**files)
        self.plan_by(plan)

    def _serve(self, session: Session) -> None:
        with suppress(OSError, ValueError), session.control, session.control.makefile("rb") as lines:
            if not self._answers_oddly(session, self.how("GREETING")):
                session.control.sendall(self.greeting)
            for line in lines:
                verb, _, argument = line.decode("latin-1").rstrip("\r\n").partition(" ")
                how = self.how(verb)
                if verb in ("MLSD", "LIST"):
                    self.listed = set()
                answer = getattr(self, f"do_{verb}", None)
                if answer is None:
                    session.say("502 Not implemented.")
                elif how in FTP_DATA:
                    self._send_oddly(session, how, verb, argument)
                elif not self._answers_oddly(session, how):
                    if verb in ("MLSD", "LIST"):
                        self.listed = set(self.files)
                    answer(session, argument)

    def do_PASV(self, session: Session, argument: str) -> None:
        super().do_PASV(session, argument)
        assert session.passive is not None
        session.passive.settimeout(2)  # the client may never come

    def _answers_oddly(self, session: Session, how: str) -> bool:
        if how == "closing":
            session.say("421 Closing.")
        if how in FTP_ENDS:
            raise OSError("ended")
        if how == "late":
            time.sleep(LATE_SECONDS)
        if how not in FTP_ANSWERS:
            return False
        session.control.sendall(FTP_ANSWERS[how])
        if how == "half":
            raise OSError("ended")
        return True

    def _send_oddly(self, session: Session, how: str, verb: str, argument: str) -> None:
        if verb == "RETR":
            data = self.found(argument)
            if data is None:
                session.say("550 No such file.")
                return
            data, session.offset = data[session.offset :], 0
        else:
            data = (self.mlsd() if verb == "MLSD" else self.list()).encode("latin-1")
            if how == "odd lines":
                data = b"\x00\xff what is this\r\n" + data
        sends, _, ends = how.partition(", ")
        sent = {"cut": data[: len(data) // 2], "none": b"", "all twice": data * 2}.get(sends, data)
        if verb != "RETR":
            whole = sent[: sent.rfind(b"\n") + 1].decode("latin-1")
            self.listed = {name for name in self.files if f" {name}\r\n" in whole}
        before = () if how in ("no 150", "226 first") else ("150 Here it comes.",)
        if how == "226 first":
            session.say("226 Done.")
        assert session.passive is not None
        with session.passive, session.passive.accept()[0] as connection:
            session.say(*before)
            connection.sendall(sent)
        after = _ENDS.get(ends, ("226 Done.",))
        if how == "truncated":
            after = ("226 Output truncated to 1 matches",)
        if how == "226 twice":
            after = ("226 Done.", "226 Done.")
        if how != "226 first":
            session.say(*after)
        if ends == "hangs up":
            raise OSError("ended")


class DrawnSftp(_Planned, ScriptedSftp):
    """Attributes: `listed` has the names of the last listing that was sent whole."""

    def __init__(self, plan: Plan, **files: bytes) -> None:
        super().__init__(**files)
        self.plan_by(plan)

    def serve(self, channel: paramiko.Channel) -> None:
        for name in NAMES.values():
            setattr(self, f"do_{name}", self._drawn(name, getattr(type(self), f"do_{name}")))
        super().serve(channel)

    def _drawn(self, name: str, right: object) -> object:
        def do(talk: Talk, number: int, fields: Fields) -> None:
            how = self.how(name)
            if how in _STATUS:
                talk.status(number, _STATUS[how])
            elif how == "closing":
                talk.channel.close()
            elif how == "hangs up":
                talk.channel.get_transport().close()
            elif how == "another number":
                talk.send(of.STATUS, number + 1000, struct.pack(">I", 0), of.string(b""), of.string(b""))
            elif how == "another kind":
                talk.send(of.VERSION, number)
            elif how == "short":
                talk.send(of.ATTRS, number, b"\x00\x00")
            elif how == "empty":
                talk.send({"READ": of.DATA, "READDIR": of.NAME}.get(name, of.HANDLE), number, of.string(b""))
            elif how != "nothing":
                if how == "late":
                    time.sleep(LATE_SECONDS)
                if name == "READDIR":
                    self.listed = set(self.files)
                right(self, talk, number, fields)  # type: ignore[operator]
                if how == "twice":
                    talk.status(number, 0)

        return do
