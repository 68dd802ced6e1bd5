"""Listings of IBM i, OpenVMS and z/OS: unlike those of Unix, and with lines that mean something by those before them.

Sizes in blocks, tracks or records are no sizes of what a transfer brings, so SIZE has to be asked then.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from lakeferry.servers.ftp_dates import TIME, AmbiguousDateError, Clock, month


@dataclass(frozen=True, slots=True)
class Listed:
    """One entry of a directory.

    Attributes:
        type: `file`, `dir`, or another word for what is neither.
        size: Bytes; None where the server does not tell.
        mtime: UTC epoch seconds; None where the server does not tell.
        unclear: Why its time is not read, if one is shown.
    """

    name: str
    type: str
    size: int | None
    mtime: int | None
    unclear: str | None = None


SIZE = r"(?P<size>\d+|\d{1,3}(?P<mark>[,.'\xa0\xff]|\xc2\xa0|\xe2\x80\xaf)\d{3}(?:(?P=mark)\d{3})*)"
"""With or without separators, which may be a no-break space."""

_IBM_I = re.compile(
    rf"\S+\s+(?:{SIZE}\s+(?P<date>\d{{1,4}}[-/.]\d{{2}}[-/.]\d{{2,4}})\s+(?P<time>{TIME})\s+)?(?P<type>\*[A-Z]+)\s+(?P<name>\S.*?)/?\s*",
    re.ASCII,
)
_IBM_I_TYPES = {
    "*STMF": "file", "*DSTMF": "file", "*MEM": "file",
    "*DIR": "dir", "*DDIR": "dir", "*LIB": "dir", "*FLR": "dir", "*FILE": "dir",
}  # fmt: skip

_VMS_HEADER = re.compile(r"Directory\s+\S+[\]>]\s*|(?:Grand )?Total of \d+ .*", re.ASCII)
_VMS_NAME = re.compile(r"(?P<name>[^\s;]+);(?P<version>\d+)\s*(?P<rest>.*)", re.ASCII)
_VMS_REST = re.compile(
    rf"\d+(?:/\d+)?\s+(?P<day>\d{{1,2}})-(?P<month>[^\s\d-]{{3,6}})-(?P<year>\d{{4}})\s+(?P<time>{TIME})(?:\s.*)?",
    re.ASCII,
)

_DATA_SETS = re.compile(r"Volume\s+Unit\s+Referred\s.*Dsname\s*", re.ASCII | re.IGNORECASE)
_MEMBERS = re.compile(r"\s*Name\s+(?:VV\.MM|Size)\s.*", re.ASCII | re.IGNORECASE)
_DATA_SET = re.compile(r"(?P<before>\S.*\s)(?P<type>PO|PO-E|PS|PS-E|PS-L|Directory)\s+(?P<name>\S+)\s*", re.ASCII)
_NO_FILE = re.compile(r".*\s(?:VSAM|VS|DA|GDG|PATH|AIX)\s+\S+\s*|User catalog connector\s.*", re.ASCII)
_MEMBER = re.compile(
    rf"\s*(?P<name>[A-Z#@$\xa3\xa7][A-Z0-9#@$\xa3\xa7]{{0,7}})(?:\s+\d\d\.\d\d\s+\S+\s+(?P<date>\d{{4}}/\d\d/\d\d)\s+(?P<time>{TIME})\s.*|\s.*)?",
    re.ASCII,
)


def parse_ibm_i(line: str, clock: Clock) -> Listed | None:
    """`QSECOFR 152 11/23/26 16:33:00 *STMF sales.csv`: the order of the date is the job's, and nothing tells it."""
    found = _IBM_I.fullmatch(line)
    if found is None:
        return None
    kind = _IBM_I_TYPES.get(found["type"], found["type"])
    if found["size"] is None:
        return Listed(found["name"], kind, None, None)
    listed = Listed(found["name"], kind, digits(found["size"]), None)
    try:
        return replace(listed, mtime=clock.epoch(*clock.numbers(found["date"]), found["time"]))
    except AmbiguousDateError as error:
        return replace(listed, unclear=str(error))


def digits(size: str) -> int:
    return int(re.sub(r"\D", "", size, flags=re.ASCII))


def data_set_path(path: str) -> str:
    """A path below a quoted name of z/OS, as z/OS has it.

    `'PROD.OUT.'/SALES` is the data set `'PROD.OUT.SALES'`, and `'PROD.OUT'/JAN` the member `'PROD.OUT(JAN)'`.
    """
    if not path.startswith("'"):
        return path
    first, *parts = path.rstrip("/").split("/")
    name = first.strip("'")
    for part in parts:
        name = name + part if name.endswith(".") else f"{name}({part})"
    return f"'{name}'"


class Hosts:
    """Reads the lines of one listing, in order.

    Attributes:
        waiting: A name of OpenVMS whose other columns are to come in the next line.
        is_zos: A heading of z/OS was there, so that no line is of another system.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._of_zos: Callable[[str], Listed | None] | None = None
        self.waiting: str | None = None
        self._last = ""

    @property
    def is_zos(self) -> bool:
        return self._of_zos is not None

    def read(self, line: str) -> Listed | None:
        """
        Raises:
            ValueError: it is of none of these systems, or cannot be read.
        """
        if _DATA_SETS.fullmatch(line):
            self._of_zos = _data_set
            return None
        if _MEMBERS.fullmatch(line):
            self._of_zos = self._member
            return None
        if self._of_zos is not None:
            return self._of_zos(line)
        if (listed := parse_ibm_i(line, self._clock)) is not None:
            return listed
        return self._vms(line)

    def _vms(self, line: str) -> Listed | None:
        """`SALES.CSV;3  4/9  23-NOV-2026 16:33:00 [LAKE] (RWED,RE,,)`; long names have a line of their own."""
        if _VMS_HEADER.fullmatch(line):
            return None
        started, self.waiting = self.waiting, None
        found = _VMS_NAME.fullmatch(line.strip() if started is None else f"{started} {line.strip()}")
        if found is None:
            raise _unread(line)
        if not found["rest"]:
            self.waiting = line.strip()
            return None
        rest = _VMS_REST.fullmatch(found["rest"])
        if rest is None:
            raise _unread(line)
        name = found["name"]
        if name == self._last:  # the newest version comes first, and is what the name without a number means
            return None
        self._last = name
        mtime = self._clock.epoch(int(rest["year"]), month(rest["month"]), int(rest["day"]), rest["time"])
        if name.upper().endswith(".DIR"):
            return Listed(name[:-4], "dir", None, mtime)
        return Listed(name, "file", None, mtime)

    def _member(self, line: str) -> Listed:
        """` JAN  01.02 2026/11/20 2026/11/23 16:33  12  12  0 LAKE`, or a name alone where nobody keeps more."""
        found = _MEMBER.fullmatch(line)
        if found is None:
            raise _unread(line)
        if found["date"] is None:
            return Listed(found["name"], "file", None, None)
        return Listed(
            found["name"], "file", None, self._clock.epoch(*self._clock.numbers(found["date"]), found["time"])
        )


def _data_set(line: str) -> Listed | None:
    """`WYOSPT 3390   2026/11/23  1  200  FB  80  8053  PS  SALES`: the date is when it was last used, not changed.

    One that is migrated to tape is a file of the feed that cannot be taken: a line that is not read.
    """
    if _NO_FILE.fullmatch(line):
        return None
    found = _DATA_SET.fullmatch(line)
    if found is None:
        raise _unread(line)
    return Listed(found["name"], "file" if found["type"].startswith("PS") else "dir", None, None)


def _unread(line: str) -> ValueError:
    return ValueError(f"not a line of a directory listing: {line!r}")
