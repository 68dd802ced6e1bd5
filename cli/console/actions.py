"""What a click may do: commands of `lakeferry`, said before they are called, and called as anybody would type them."""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from cli.problems import WrongUseError
from lakeferry.ledger import Entry
from lakeferry.mails.text import one_line
from lakeferry.reports.failures import Group

_ERROR = re.compile(r"[A-Za-z][A-Za-z0-9_.]{0,99}")
_OPEN = frozenset({"FAILED", "CLAIMED", "FETCHED", "VALIDATED"})
_FIELDS = frozenset({"what", "feed", "error", "file", "runs", "dt"})


@dataclass(frozen=True, slots=True)
class Action:
    """One of them.

    Attributes:
        told: What it does, for a person.
        fields: Of the form that asks for it.
    """

    told: str
    fields: Mapping[str, str]

    def arguments(self) -> list[str]:
        """Of the command, without what names the stack; each value is one argument, whatever it looks like."""
        given = self.fields
        if given["what"] == "backfill":
            day = given["dt"]
            return ["backfill", f"--feed={given['feed']}", f"--from={day}", f"--to={day}"]
        options = [f"--{name}={given[name]}" for name in ("feed", "error", "file") if given.get(name)]
        return ["reprocess", *options, *(["--runs"] if given.get("runs") else [])]

    def command(self, where: str) -> str:
        """As it can be typed; what would turn a line is a question mark, as everywhere."""
        return f"lakeferry {one_line(shlex.join(self.arguments()))} --yes {where}".rstrip()


def of_file(entry: Entry) -> Action:
    """What takes a file again: a file that has landed with all of its day, since the day is built of them."""
    feed_id = str(entry["feed_id"])
    if entry["status"] in _OPEN:
        told = "Takes this file again, from where it failed."
        return Action(told, {"what": "reprocess", "feed": feed_id, "file": str(entry["file_id"])})
    day = str(entry.get("dt", ""))
    told = f"Takes the files of {feed_id} for {day} again, from the bytes as they were delivered."
    return Action(told, {"what": "backfill", "feed": feed_id, "dt": day})


def of_group(group: Group, most: int = 20) -> list[Action]:
    """What takes again all that failed for one cause, feed by feed; a tenant's button touches nobody else's files."""
    if group.kind == "run":
        return [Action("Starts the run that failed once more.", {"what": "reprocess", "runs": "yes"})]
    if group.kind == "aside":
        return []
    return [
        Action(
            f"Takes again what of {feed_id} failed so.",
            {"what": "reprocess", "feed": feed_id, "error": group.error},
        )
        for feed_id in sorted(group.feeds)[:most]
    ]


def action_of(form: Mapping[str, str]) -> Action:
    """What a form asks for.

    Raises:
        WrongUseError: it asks for something else.
    """
    fields = {name: value for name, value in form.items() if name in _FIELDS and value}
    what, feed_id = fields.get("what"), fields.get("feed", "")
    is_known = {
        "reprocess": bool(feed_id) or (fields.get("runs") == "yes" and set(fields) == {"what", "runs"}),
        "backfill": bool(feed_id) and set(fields) == {"what", "feed", "dt"} and _is_day(fields["dt"]),
    }.get(what or "", False)
    if not is_known or ("error" in fields and not _ERROR.fullmatch(fields["error"])):
        raise WrongUseError("this console does no such thing")
    return Action("", fields)


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
