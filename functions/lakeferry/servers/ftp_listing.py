"""Lines of FTP directory listings.

MLSD has a standard (RFC 3659, section 7). LIST has none (RFC 959 leaves its form to the server): it is what `ls -l`
writes on Unix and on whatever wants to look like it, what `dir` writes on Windows (IIS), EPLF
(cr.yp.to/ftp/list/eplf.html) or NetWare's. Every function takes one line without its end, and raises ValueError where
it cannot read it.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

_MONTHS = {
    name: number
    for number, name in enumerate(
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"], 1
    )
}
_DAY = r"(?P<day>\d{1,2})"
_MONTH = r"(?P<month>[A-Za-z]{3})"
_TIME = (
    rf"(?:(?:{_MONTH}\s+{_DAY}|(?P<day_first>\d{{1,2}})\s+(?P<month_last>[A-Za-z]{{3}}))\s+(?P<when>\d{{4}}|\d{{1,2}}:\d{{2}})"
    r"|(?P<iso>\d{4}-\d{2}-\d{2})\s+(?P<iso_time>\d{2}:\d{2}))"
)
_UNIX = re.compile(rf"(?P<type>[-d])\S{{9}}\S?\s+\d+\s+\S+\s+(?:\S.*?\s+)??(?P<size>\d+)\s+{_TIME}\s(?P<name>.+)")
_UNIX_OTHER = re.compile(r"total \d+.*|[lbcpsD]\S{9}\S?\s.*")
_NETWARE = re.compile(rf"(?P<type>[-d])\s*\[[-A-Z]+\]\s+\S+\s+(?P<size>\d+)\s+{_TIME}\s+(?P<name>.+)")
_DOS = re.compile(
    r"(?P<month>\d{2})[-/](?P<day>\d{2})[-/](?P<year>\d{4}|\d{2})\s+(?P<hour>\d{1,2}):(?P<minute>\d{2})\s*(?P<half>[AP]M)?"
    r"\s+(?:(?P<dir><DIR>|<JUNCTION>|<SYMLINKD?>)|(?P<size>[\d,.]+))\s(?P<name>.+)"
)


@dataclass(frozen=True, slots=True)
class Listed:
    """One entry of a directory.

    Attributes:
        type: `file`, `dir`, or another word for what is neither.
        size: Bytes; None where the server does not tell.
        mtime: UTC epoch seconds; None where the server does not tell.
    """

    name: str
    type: str
    size: int | None
    mtime: int | None


def parse_mlst(line: str) -> Listed:
    """One line of MLSD or MLST: `type=file;size=5;modify=20261123163300; name`."""
    facts_text, separator, name = line.lstrip().partition(" ")
    if not separator or not name or not facts_text.endswith(";"):
        raise ValueError(f"not a line of facts: {line!r}")
    facts = dict(fact.lower().partition("=")[::2] for fact in facts_text.split(";") if fact)
    size, modify = facts.get("size"), facts.get("modify")
    return Listed(
        name=name,
        type=facts.get("type", ""),
        size=None if size is None else int(size),
        mtime=None if modify is None else parse_time(modify),
    )


def parse_time(text: str) -> int:
    """UTC epoch seconds of RFC 3659's `YYYYMMDDHHMMSS[.sss]` (section 2.3); a fraction is dropped."""
    if not re.fullmatch(r"\d{14}(\.\d+)?", text):
        raise ValueError(f"not a time: {text!r}")
    return int(datetime.strptime(text[:14], "%Y%m%d%H%M%S").replace(tzinfo=UTC).timestamp())


def parse_list(line: str, zone: tzinfo, now: datetime) -> Listed | None:
    """One line of LIST in any of the dialects; None for what is no entry, and for what is neither file nor directory.

    Args:
        zone: The zone the server's clock is written in.
        now: A line without a year is of the last twelve months before this.
    """
    if not line.strip() or _UNIX_OTHER.fullmatch(line):
        return None
    for parse in _DIALECTS:
        if (listed := parse(line, zone, now)) is not None:
            return None if listed.name in (".", "..") else listed
    raise ValueError(f"not a line of a directory listing: {line!r}")


def _parse_unix(line: str, zone: tzinfo, now: datetime) -> Listed | None:
    found = _UNIX.fullmatch(line)
    return None if found is None else _of_unix(found, zone, now)


def _parse_netware(line: str, zone: tzinfo, now: datetime) -> Listed | None:
    found = _NETWARE.fullmatch(line)
    return None if found is None else _of_unix(found, zone, now)


def _of_unix(found: re.Match[str], zone: tzinfo, now: datetime) -> Listed:
    kind = {"-": "file", "d": "dir"}[found["type"]]
    return Listed(found["name"], kind, int(found["size"]), _unix_time(found, zone, now))


def _parse_dos(line: str, zone: tzinfo, now: datetime) -> Listed | None:
    found = _DOS.fullmatch(line)
    if found is None:
        return None
    year, hour = int(found["year"]), int(found["hour"])
    if year < 100:
        year += 1900 if year >= 70 else 2000
    if found["half"]:
        hour = hour % 12 + (12 if found["half"] == "PM" else 0)
    written = datetime(year, int(found["month"]), int(found["day"]), hour, int(found["minute"]), tzinfo=zone)
    if found["dir"]:
        # a junction or a link leads elsewhere
        return Listed(found["name"].lstrip(), "dir" if found["dir"] == "<DIR>" else "link", None, _epoch(written))
    return Listed(found["name"], "file", int(re.sub(r"\D", "", found["size"])), _epoch(written))


def _parse_eplf(line: str, zone: tzinfo, now: datetime) -> Listed | None:
    facts, separator, name = line.partition("\t")
    if not line.startswith("+") or not separator or not name:
        return None
    size = mtime = None
    kind = ""
    for fact in facts[1:].split(","):
        if fact == "/":
            kind = "dir"
        elif fact == "r":
            kind = "file"
        elif fact.startswith("s"):
            size = int(fact[1:])
        elif fact.startswith("m"):
            mtime = int(fact[1:])
    return Listed(name, kind, size, mtime)


_DIALECTS: tuple[Callable[[str, tzinfo, datetime], Listed | None], ...] = (
    _parse_unix,
    _parse_dos,
    _parse_eplf,
    _parse_netware,
)


def _unix_time(found: re.Match[str], zone: tzinfo, now: datetime) -> int:
    if found["iso"]:
        return _epoch(datetime.strptime(f"{found['iso']} {found['iso_time']}", "%Y-%m-%d %H:%M").replace(tzinfo=zone))
    name, day = found["month"] or found["month_last"], int(found["day"] or found["day_first"])
    month, when = _MONTHS.get(name.lower()), found["when"]
    if month is None:
        raise ValueError(f"not a month: {name!r}")
    if ":" not in when:
        return _epoch(datetime(int(when), month, day, tzinfo=zone))
    hour, minute = (int(part) for part in when.split(":"))
    # a server's clock may be somewhat ahead of ours
    latest = now.astimezone(zone) + timedelta(days=1)
    for year in range(latest.year, latest.year - 9, -1):
        try:
            written = datetime(year, month, day, hour, minute, tzinfo=zone)
        except ValueError:  # 29 February of another year
            continue
        if written <= latest:
            return _epoch(written)
    raise ValueError(f"no such day: {name} {day}")


def _epoch(when: datetime) -> int:
    return int(when.timestamp())
