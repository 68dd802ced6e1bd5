"""Lines of FTP directory listings: MLSD facts (RFC 3659, section 7) and the `ls -l` form of LIST."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

_MONTHS = {
    name: number
    for number, name in enumerate(
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"], 1
    )
}
_UNIX = re.compile(
    r"(?P<type>[-d])\S{9}\S?\s+\d+\s+\S+\s+(?:\S+\s+)?(?P<size>\d+)\s+"
    r"(?P<month>[A-Za-z]{3})\s+(?P<day>\d{1,2})\s+(?P<when>\d{4}|\d{1,2}:\d{2})\s(?P<name>.+)"
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
    """One line of MLSD or MLST: `type=file;size=5;modify=20261123163300; name`.

    Raises:
        ValueError: it is not of that form.
    """
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
    """UTC epoch seconds of RFC 3659's `YYYYMMDDHHMMSS[.sss]` (section 2.3); a fraction is dropped.

    Raises:
        ValueError: it is not of that form.
    """
    if not re.fullmatch(r"\d{14}(\.\d+)?", text):
        raise ValueError(f"not a time: {text!r}")
    return int(datetime.strptime(text[:14], "%Y%m%d%H%M%S").replace(tzinfo=UTC).timestamp())


def parse_unix(line: str, zone: tzinfo, now: datetime) -> Listed | None:
    """One line of LIST as `ls -l` writes it; None for `total 8`, and for links, devices, pipes and sockets.

    Args:
        zone: The zone the server's clock is written in.
        now: A line without a year is of the last twelve months before this.

    Raises:
        ValueError: it looks like an entry but cannot be read.
    """
    if not line or re.fullmatch(r"total \d+|[lbcps]\S{9}\S? .*", line):
        return None
    found = _UNIX.fullmatch(line)
    if found is None or found["month"].lower() not in _MONTHS:
        raise ValueError(f"not a line of `ls -l`: {line!r}")
    kind = {"-": "file", "d": "dir"}[found["type"]]
    return Listed(found["name"], kind, int(found["size"]), _unix_time(found, zone, now))


def _unix_time(found: re.Match[str], zone: tzinfo, now: datetime) -> int:
    month, day, when = _MONTHS[found["month"].lower()], int(found["day"]), found["when"]
    if ":" not in when:
        return int(datetime(int(when), month, day, tzinfo=zone).timestamp())
    hour, minute = (int(part) for part in when.split(":"))
    # a server's clock may be somewhat ahead of ours
    latest = now.astimezone(zone) + timedelta(days=1)
    for year in (latest.year, latest.year - 1, latest.year - 2, latest.year - 3, latest.year - 4):
        try:
            written = datetime(year, month, day, hour, minute, tzinfo=zone)
        except ValueError:  # 29 February of another year
            continue
        if written <= latest:
            return int(written.timestamp())
    raise ValueError(f"no such day: {found['month']} {found['day']}")
