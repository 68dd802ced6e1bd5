"""What is in a folder of an FTP server, and what has to be asked about it.

Times come from MLSD and MLST where the server has them, else from MDTM, both UTC seconds (RFC 3659); else from the
text of LIST in `server.timezone`, as coarse as that is.
"""

import ftplib
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from lakeferry.servers.ftp_line import Line
from lakeferry.servers.ftp_listing import Listed, parse_list, parse_mlst, parse_time
from lakeferry.servers.ftp_login import UNKNOWN_COMMAND, Session
from lakeferry.servers.names import decode_name
from lakeferry.servers.spec import ServerSpec
from lakeferry.servers.walk import FILE, UNREAD, Entry

LINE_BYTES = 64 * 1024


class FtpFolders:
    """See `lakeferry.servers.walk.Folders`."""

    def __init__(self, spec: ServerSpec, line: Line) -> None:
        self._spec, self._line = spec, line

    @property
    def has_facts(self) -> bool:
        """Whether the server has MLSD and MLST."""
        return "MLST" in self._line.session().features

    @property
    def asks_times(self) -> bool:
        """Whether MDTM tells the time of a file, since a listing does not tell it to the second."""
        features = self._line.session().features
        return "MLST" not in features and {"SIZE", "MDTM"} <= features

    def entries(self, folder: str) -> Iterator[Entry]:
        """What the folder holds. It is entered: asked for a missing one, some servers list nothing."""
        session = self._line.session()
        session.control.cwd(self._line.text(folder))
        try:
            yield from self._listing(session)
        except ftplib.error_perm as error:
            if "MLST" not in session.features or not str(error).startswith(UNKNOWN_COMMAND):
                raise
            session.features.discard("MLST")  # promised and not kept
            yield from self._listing(session)
        if self._line.is_of(session):
            session.control.cwd(session.home)

    def complete(self, found: Sequence[tuple[str, Entry]]) -> Iterator[tuple[str, Entry]]:
        features = self._line.session().features
        asked = [
            [verb for verb, wanting in (("SIZE", entry.size is None), ("MDTM", True)) if wanting and verb in features]
            for _, entry in found
        ]
        commands = [
            f"{verb} {self._line.text(path)}" for (path, _), verbs in zip(found, asked, strict=True) for verb in verbs
        ]
        with closing(self._line.answers(commands)) as answers:
            for (path, entry), verbs in zip(found, asked, strict=True):
                told = {verb: next(answers) for verb in verbs}
                if any(_says_gone(answer) for answer in told.values()):
                    continue
                features -= {verb for verb, answer in told.items() if not isinstance(answer, str)}
                size, mtime = told.get("SIZE"), told.get("MDTM")
                listed_mtime = entry.mtime if entry.listed_mtime is None else entry.listed_mtime
                yield (
                    path,
                    Entry(
                        entry.name,
                        entry.kind,
                        int(size[4:]) if isinstance(size, str) else entry.size,
                        parse_time(mtime[4:].strip()) if isinstance(mtime, str) else listed_mtime,
                        listed_mtime,
                    ),
                )

    def look_at(self, path: str) -> Entry | None:
        """What MLST says of the file; None where that is something else."""
        answer = self._line.session().control.sendcmd(f"MLST {self._line.text(path)}").splitlines()
        listed = parse_mlst(answer[1]) if len(answer) == 3 else None
        if listed is None or listed.type != FILE:
            return None
        return Entry(listed.name, FILE, listed.size, listed.mtime)

    def _listing(self, session: Session) -> Iterator[Entry]:
        facts, zone, now = "MLST" in session.features, ZoneInfo(self._spec.timezone), datetime.now(UTC)
        is_coarse, encoding = self.asks_times, self._spec.encoding
        with self._line.transfer(session, "MLSD" if facts else "LIST") as data, data.socket.makefile("rb") as lines:
            while line := lines.readline(LINE_BYTES):
                if not line.endswith(b"\n") and len(line) < LINE_BYTES:
                    raise EOFError("its listing ends amid a line")  # the server may have sent all of it, and say so
                text = line.decode("iso-8859-1").rstrip("\r\n")
                try:
                    listed = parse_mlst(text) if facts else parse_list(text, zone, now)
                except (ValueError, OverflowError):
                    yield Entry(text, UNREAD)
                    continue
                if listed is not None:
                    yield _entry(listed, decode_name(listed.name.encode("iso-8859-1"), encoding), is_coarse)


def _entry(listed: Listed, name: str, is_coarse: bool) -> Entry:
    if is_coarse and listed.type == FILE:
        return Entry(name, FILE, listed.size, None, listed.mtime)
    return Entry(name, listed.type, listed.size, listed.mtime)


def _says_gone(answer: str | ftplib.error_perm) -> bool:
    """Whether the server has no such file, rather than no such command."""
    return isinstance(answer, ftplib.error_perm) and not str(answer).startswith(UNKNOWN_COMMAND)
