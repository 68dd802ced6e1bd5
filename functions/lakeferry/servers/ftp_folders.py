"""What is in a folder of an FTP server, and what has to be asked about it.

Times come from MLSD and MLST where the server has them, else from MDTM, both UTC seconds (RFC 3659); else from the
text of LIST in `server.timezone`, as coarse as that is.
"""

import ftplib
import posixpath
import re
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from lakeferry.servers.emptiness import says_empty, says_forbidden
from lakeferry.servers.ftp_control import CLOSING, Answer
from lakeferry.servers.ftp_hosts import Listed
from lakeferry.servers.ftp_line import Line
from lakeferry.servers.ftp_listing import Listing, parse_mlst, parse_time
from lakeferry.servers.ftp_login import UNKNOWN_COMMAND, Session
from lakeferry.servers.names import decode_name
from lakeferry.servers.spec import ServerSpec
from lakeferry.servers.walk import CUT, FILE, MAX_ENTRIES, MAX_NAME_BYTES, UNREAD, Entry

LINE_BYTES = 64 * 1024
_CODE = re.compile(r"^\d{3}[- ]")
_CUT = re.compile(
    r"truncat|too many (files|entries|matches)|\b(limit|maximum)\b.{0,30}\b(reached|exceeded)", re.IGNORECASE
)
_BREAK = re.compile(r"[\r\n]")
"""In a name that cannot be asked for: it has what the listing shows, and stops no other file."""
_KEPT_BACK = re.compile(
    r"not (?:supported|allowed|permitted|available|implemented)|reject|ASCII|data ?set", re.IGNORECASE
)
"""What a server says that does not tell the size of a file that is there."""


class FtpFolders:
    """See `lakeferry.servers.walk.Folders`."""

    def __init__(self, spec: ServerSpec, line: Line) -> None:
        self._spec, self._line = spec, line
        self._asks_facts = True

    @property
    def has_facts(self) -> bool:
        """Whether the server has MLSD and MLST."""
        return "MLST" in self._line.session().features

    @property
    def asks_times(self) -> bool:
        """Whether MDTM tells the time of a file, since a listing does not tell it to the second."""
        return not self.has_facts and self.can_be_asked

    @property
    def can_be_asked(self) -> bool:
        """Whether SIZE and MDTM tell of a file what its version is."""
        return {"SIZE", "MDTM"} <= self._line.session().features

    def entries(self, folder: str) -> Iterator[Entry]:
        """What the folder holds. It is entered: asked for a missing one, some servers list nothing."""
        session = self._line.session()
        session.control.cwd(self._line.text(folder))
        try:
            yield from self._either_listing(session)
        except (ftplib.error_perm, ftplib.error_temp) as error:
            if not _says_empty(str(error)):
                if not str(error).startswith(CLOSING):
                    self.go_back(session, folder)
                raise
        self.go_back(session, folder)

    def _either_listing(self, session: Session) -> Iterator[Entry]:
        """By MLSD; where that is refused, by LIST, and then for the rest of the session."""
        try:
            yield from self._listing(session)
            return
        except ftplib.error_perm as error:
            says = str(error)
            if "MLST" not in session.features or says.startswith("530") or _says_empty(says) or says_forbidden(says):
                raise
        session.features.discard("MLST")  # promised and not kept
        try:
            yield from self._listing(session)
        except (ftplib.error_perm, ftplib.error_temp):
            session.features.add("MLST")  # it is this folder that is refused, however it is asked for
            raise

    def go_back(self, session: Session, folder: str) -> None:
        """To where the session stood before: paths may begin there."""
        if not self._line.is_of(session):
            return
        if not session.home and not folder.startswith(("/", "'")):
            self._line.drop()  # nobody knows the way back
            return
        try:
            session.control.cwd(session.home or "/")
        except (ftplib.error_perm, ftplib.error_temp):
            self._line.drop()  # the next session stands where it should

    def complete(self, found: Sequence[tuple[str, Entry]]) -> Iterator[tuple[str, Entry]]:
        features = self._line.session().features
        asked = [
            [] if _BREAK.search(path) else [verb for verb in _asked_of(entry) if verb in features]
            for path, entry in found
        ]
        commands = [
            f"{verb} {self._line.text(path)}" for (path, _), verbs in zip(found, asked, strict=True) for verb in verbs
        ]
        with closing(self._line.answers(commands)) as answers:
            for (path, entry), verbs in zip(found, asked, strict=True):
                told = {verb: next(answers) for verb in verbs}
                features -= {verb for verb, answer in told.items() if _says_unknown(answer)}
                if entry.size is None and told and all(_says_gone(answer) for answer in told.values()):
                    continue
                # of a file that was listed, a refusal says nothing: its time is what the listing shows
                listed_mtime = entry.mtime if entry.listed_mtime is None else entry.listed_mtime
                size, mtime = _number(told.get("SIZE")), _time(told.get("MDTM"))
                yield (
                    path,
                    Entry(
                        entry.name,
                        entry.kind,
                        entry.size if size is None else size,
                        listed_mtime if mtime is None else mtime,
                        listed_mtime,
                    ),
                )

    def look_at(self, path: str) -> Entry | None:
        """What MLST says of the file, without size and time where that cannot be read; None of something else."""
        unclear = Entry(posixpath.basename(path), FILE)
        if not self._asks_facts:
            return unclear
        try:
            answer = self._line.session().control.sendcmd(f"MLST {self._line.text(path)}")
        except ftplib.error_perm as refused:
            if not str(refused).startswith(UNKNOWN_COMMAND):
                raise
            self._asks_facts = False  # MLSD may work all the same
            return unclear
        for line in answer.splitlines():
            try:
                listed = parse_mlst(_CODE.sub("", line))
            except ValueError:
                continue
            if listed.type:
                return Entry(listed.name, FILE, listed.size, listed.mtime) if listed.type == FILE else None
        return unclear

    def _listing(self, session: Session) -> Iterator[Entry]:
        facts = "MLST" in session.features
        listing = Listing(ZoneInfo(self._spec.timezone), datetime.now(UTC), self._spec.date_order)
        is_coarse, encoding = self.asks_times, self._spec.encoding
        with self._line.transfer(session, "MLSD" if facts else "LIST") as data, data.socket.makefile("rb") as lines:
            room = MAX_NAME_BYTES
            for _ in range(MAX_ENTRIES):  # blank lines are none, and never seen by the walk
                line = lines.readline(LINE_BYTES)
                room -= len(line)
                if not line or room < 0:
                    break
                if not line.endswith(b"\n") and len(line) < LINE_BYTES:
                    raise EOFError("its listing ends amid a line")  # the server may have sent all of it, and say so
                text = line.decode("iso-8859-1").rstrip("\r\n")
                try:
                    listed = parse_mlst(text) if facts else listing.read(text)
                except (ValueError, OverflowError):
                    yield Entry(text, UNREAD)
                    continue
                if listed is None:
                    continue
                if listed.unclear and listed.type == FILE and not is_coarse:
                    yield Entry(f"{text} ({listed.unclear})", UNREAD)
                else:
                    yield _entry(listed, decode_name(listed.name.encode("iso-8859-1"), encoding), is_coarse)
        if listing.left is not None:
            yield Entry(listing.left, UNREAD)
        if _CUT.search(data.last_words):
            yield Entry(f"{CUT}{data.last_words}", UNREAD)


def _entry(listed: Listed, name: str, is_coarse: bool) -> Entry:
    if is_coarse and listed.type == FILE:
        return Entry(name, FILE, listed.size, None, listed.mtime)
    return Entry(name, listed.type, listed.size, listed.mtime)


def _asked_of(entry: Entry) -> tuple[str, ...]:
    return ("SIZE", "MDTM") if entry.size is None else ("MDTM",)


def _says_unknown(answer: Answer) -> bool:
    return not isinstance(answer, str) and str(answer).startswith(UNKNOWN_COMMAND)


def _says_gone(answer: Answer) -> bool:
    """Whether the server has no such file, rather than no such command, or no answer for this kind of file."""
    return (
        isinstance(answer, ftplib.error_perm) and str(answer).startswith("550") and not _KEPT_BACK.search(str(answer))
    )


def _says_empty(answer: str) -> bool:
    """Of a folder that was entered, refusing to list it may say that nothing is in it."""
    return answer.startswith(("550", "450")) and says_empty(answer)


def _number(answer: Answer | None) -> int | None:
    text = answer[3:].strip() if isinstance(answer, str) and answer.startswith("213") else ""
    return int(text) if text.isascii() and text.isdigit() else None


def _time(answer: Answer | None) -> int | None:
    try:
        return parse_time(answer[3:].strip()) if isinstance(answer, str) and answer.startswith("213") else None
    except (ValueError, OverflowError):
        return None
