"""Lines of FTP directory listings.

MLSD has a standard (RFC 3659, section 7). LIST has none (RFC 959 leaves its form to the server): it is what `ls -l`
writes on Unix and on whatever wants to look like it, what `dir` writes on Windows (IIS), EPLF
(cr.yp.to/ftp/list/eplf.html), NetWare's, or that of a host (`lakeferry.servers.ftp_hosts`). Every function takes one
line without its end, and raises ValueError where it cannot read it.
"""

import re
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, tzinfo
from functools import cache

from lakeferry.servers.ftp_dates import DAY, ENGLISH, MONTH, TIME, YEAR, AmbiguousDateError, Clock, looks, month
from lakeferry.servers.ftp_hosts import SIZE, Hosts, Listed, digits

MOST_CHARACTERS = 4000
"""Of a line: patterns take longer the more there is to try."""
_ENGLISH = "[A-Za-z]{3}"
_ANY_LANGUAGE = r"[^\s\d]\S{1,15}"


def _time(name: str) -> str:
    """The columns of a time; `name` is a month's."""
    year_or_time = (
        r"(?:(?P<year_first>\d{4})\s+(?P<time_last>\d{1,2}:\d{2}:\d{2})|(?P<time_first>\d{1,2}:\d{2}:\d{2})\s+(?P<year_last>\d{4})"
        rf"|(?P<when>\d{{4}}|{TIME}))"
    )
    return (
        rf"(?:(?:(?P<month>{name})\s+(?P<day>\d{{1,2}})|(?P<day_first>\d{{1,2}})\.?\s+(?P<month_last>{name}))\s+{year_or_time}"
        rf"|(?P<iso>\d{{4}}[-/.]\d{{2}}[-/.]\d{{2}})(?:\s+(?P<iso_time>{TIME})(?:\s+(?P<offset>[-+]\d{{4}}))?|\s(?=\s))?"
        rf"|(?P<short>\d{{2}}-\d{{2}})\s+(?P<short_time>{TIME})"
        rf"|(?P<east>\d{{1,2}}){MONTH}\s*(?P<east_day>\d{{1,2}}){DAY}?\s+(?P<east_when>\d{{4}}|{TIME}){YEAR}?"
        rf"|(?P<east_year>\d{{4}}){YEAR}\s*(?P<east_month>\d{{1,2}}){MONTH}\s*(?P<east_day_last>\d{{1,2}}){DAY}?(?:\s+(?P<east_time>{TIME}))?)"
    )


def _unix(name: str) -> re.Pattern[str]:
    return re.compile(
        rf"(?P<type>[-d])\S{{9}}\S?\s+\d+\s+\S+\s+(?:\S+\s+){{0,9}}?{SIZE}\s+{_time(name)}\s(?P<name>.+)", re.ASCII
    )


_PLAIN = re.compile(
    r"(?P<type>[-d])\S{9}\S?\s+\d+\s+\S+\s+(?:\S+\s+){0,9}?(?P<size>\d+)\s+(?P<month>[A-Z][a-z]{2})\s+(?P<day>\d{1,2})\s+"
    r"(?P<when>\d{4}|\d{1,2}:\d{2})\s(?!\d\d?:\d\d:\d\d\s)(?P<name>.+)",
    re.ASCII,
)
"""What almost all servers write: patterns that know more take three times as long."""
_UNIX = _unix(_ENGLISH)
_TOTAL = "|".join(
    ["total", "totale", "totaal", "razem", "insgesamt", "gesamt", *looks("итого", "总用量", "總計", "合計", "합계")]
)
_UNIX_OTHER = re.compile(rf"total \d+.*|(?:{_TOTAL})\s*:?\s*\d\S*|[lbcpsD]\S{{9}}\S?\s.*", re.ASCII)
_NETWARE = re.compile(rf"(?P<type>[-d])\s*\[[-A-Z]+\]\s+\S+\s+{SIZE}\s+{_time(_ENGLISH)}\s+(?P<name>.+)", re.ASCII)
_DOS = re.compile(
    rf"(?P<date>\d{{1,4}}(?P<dash>[-/.])\d{{1,2}}(?P=dash)\d{{2,4}})\.?\s+(?P<time>{TIME})\s*(?P<half>[AaPp]\.?[Mm]\.?)?"
    rf"\s+(?:(?P<dir><DIR>|<JUNCTION>|<SYMLINKD?>)|{SIZE})\s(?P<name>.+)",
    re.ASCII,
)


_FACTS = re.compile(r"(?:[^=;]*=[^;]*(?:;|$))+|;")
"""The last one should end with a semicolon, too."""


def parse_mlst(line: str) -> Listed:
    """One line of MLSD or MLST: `type=file;size=5;modify=20261123163300; name`.

    A size or time that cannot be read is one that the server does not tell.
    """
    facts_text, separator, name = line.lstrip().partition(" ")
    if not separator or not name or not _FACTS.fullmatch(facts_text):
        raise ValueError(f"not a line of facts: {line!r}")
    facts = dict(fact.lower().partition("=")[::2] for fact in facts_text.split(";") if fact)
    size = facts.get("size", "")
    mtime = None
    with suppress(ValueError, OverflowError):
        mtime = parse_time(facts.get("modify", ""))
    return Listed(
        name=name,
        type=facts.get("type", ""),
        size=int(size) if size.isascii() and size.isdigit() else None,
        mtime=mtime,
    )


def parse_time(text: str) -> int:
    """UTC epoch seconds of RFC 3659's `YYYYMMDDHHMMSS[.sss]` (section 2.3); a fraction is dropped."""
    if not re.fullmatch(r"\d{14}(\.\d+)?", text):
        raise ValueError(f"not a time: {text!r}")
    return int(datetime.strptime(text[:14], "%Y%m%d%H%M%S").replace(tzinfo=UTC).timestamp())


class Listing:
    """Reads the lines of one LIST, in order.

    Args:
        zone: The zone the server's clock is written in.
        now: A line without a year is of the last twelve months before this.
        order: Of a date of numbers; see `lakeferry.servers.ftp_dates.ORDERS`.
    """

    def __init__(self, zone: tzinfo, now: datetime, order: str | None = None) -> None:
        self._clock = Clock(zone, now, order)
        self._hosts = Hosts(self._clock)

    @property
    def left(self) -> str | None:
        """The beginning of an entry whose other line never came."""
        return self._hosts.waiting

    def read(self, line: str) -> Listed | None:
        """None for what is no entry, and for what is neither file nor directory."""
        if len(line) > MOST_CHARACTERS:
            raise ValueError(f"a line of {len(line)} characters")
        if not line.strip():
            return None
        if self._hosts.waiting is None and not self._hosts.is_zos:
            if _UNIX_OTHER.fullmatch(line):
                return None
            for parse in _DIALECTS:
                if (listed := parse(line, self._clock)) is not None:
                    return None if listed.name in (".", "..") else listed
        return self._hosts.read(line)


def parse_list(line: str, zone: tzinfo, now: datetime) -> Listed | None:
    """One line of a LIST of which no other line is known; see `Listing`."""
    return Listing(zone, now).read(line)


def _parse_unix(line: str, clock: Clock) -> Listed | None:
    if line[:1] not in ("-", "d"):
        return None
    found = _PLAIN.fullmatch(line)
    if found is not None and (number := ENGLISH.get(found["month"].lower())):
        day, when = int(found["day"]), found["when"]
        mtime = clock.recent(number, day, when) if ":" in when else clock.epoch(int(when), number, day)
        return Listed(found["name"], "file" if found["type"] == "-" else "dir", int(found["size"]), mtime)
    found = _UNIX.fullmatch(line)
    if found is not None:
        with suppress(ValueError):
            return _of_unix(found, clock)
    found = _in_any_language().fullmatch(line)
    return None if found is None else _of_unix(found, clock)


@cache
def _in_any_language() -> re.Pattern[str]:
    return _unix(_ANY_LANGUAGE)


def _parse_netware(line: str, clock: Clock) -> Listed | None:
    found = _NETWARE.fullmatch(line)
    return None if found is None else _of_unix(found, clock)


def _of_unix(found: re.Match[str], clock: Clock) -> Listed:
    kind = {"-": "file", "d": "dir"}[found["type"]]
    return Listed(found["name"], kind, digits(found["size"]), _unix_time(found, clock))


def _parse_dos(line: str, clock: Clock) -> Listed | None:
    found = _DOS.fullmatch(line)
    if found is None:
        return None
    kind = "file"
    if found["dir"]:
        kind = "dir" if found["dir"] == "<DIR>" else "link"  # a junction or a link leads elsewhere
    size = None if found["size"] is None else digits(found["size"])
    name = found["name"].lstrip() if found["dir"] else found["name"]
    # IIS writes so whatever the language of its machine; others write as Windows does in theirs
    usual = "mdy" if found["dash"] == "-" and found["half"] else None
    try:
        written = clock.numbers(found["date"], usual=usual)
    except AmbiguousDateError as error:
        return Listed(name, kind, size, None, str(error))
    return Listed(name, kind, size, clock.epoch(*written, found["time"], found["half"] or ""))


def _parse_eplf(line: str, clock: Clock) -> Listed | None:
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


_DIALECTS: tuple[Callable[[str, Clock], Listed | None], ...] = (
    _parse_unix,
    _parse_dos,
    _parse_eplf,
    _parse_netware,
)


def _unix_time(found: re.Match[str], clock: Clock) -> int:
    if found["iso"]:
        year, number, day = clock.numbers(found["iso"])
        if found["offset"]:
            at = datetime.strptime(
                f"{year}-{number}-{day} {found['iso_time'][:8]} {found['offset']}", "%Y-%m-%d %H:%M:%S %z"
            )
            return int(at.timestamp())
        return clock.epoch(year, number, day, found["iso_time"] or "")
    if found["short"]:
        number, day = (int(part) for part in found["short"].split("-"))
        return clock.recent(number, day, found["short_time"])
    if found["east_year"]:
        day = int(found["east_day_last"])
        return clock.epoch(int(found["east_year"]), int(found["east_month"]), day, found["east_time"] or "")
    if found["east"]:
        number, day, when = int(found["east"]), int(found["east_day"]), found["east_when"]
    else:
        number, day = month(found["month"] or found["month_last"]), int(found["day"] or found["day_first"])
        when = found["when"]
        if when is None:
            year = int(found["year_first"] or found["year_last"])
            return clock.epoch(year, number, day, found["time_last"] or found["time_first"])
    if ":" in when:
        return clock.recent(number, day, when)
    return clock.epoch(int(when), number, day)
