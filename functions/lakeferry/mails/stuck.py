"""Mails about what is a feed's and is not taken, poll after poll, and about feeds that have nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from lakeferry.counting import count_of
from lakeferry.mails.commands import report_at
from lakeferry.mails.mail import Mail, compose
from lakeferry.mails.text import excerpt
from lakeferry.models import link_of

NAMED = 10
"""Files that a mail names before it counts the rest."""
_NAME, _FOUND = 300, 1_000
"""Characters of a path, or of a line of a listing; of all that polls found."""

_WHY = {
    "waiting": (
        "the marker or checksum file that the feed asks for (files.marker, files.checksum_file) is missing, or older",
        "Ask the partner for the missing marker or checksum files, or remove that setting.",
    ),
    "settling": (
        "size or time is another at each look, or files.settle_seconds is longer than polls have seen the file",
        "Ask the partner whether the upload ever ends; for files that are written all the time, ask for a marker.",
    ),
    "changed": (
        "it changed, or was gone, each time it was fetched",
        "Ask the partner to upload under another name and rename, or to write a marker.",
    ),
    "carried_over": (
        "more new files come than files.max_files_per_run takes",
        "Raise files.max_files_per_run, or poll more often.",
    ),
    "went_back": (
        "the server shows a version again that a later one has replaced in the lake",
        "Ask the partner which version is right; if it is the one that is shown, have it delivered with a new time.",
    ),
    "unread": (
        "a line of the listing, or a folder, could not be read, or the server cut the listing",
        "Ask the partner about the lines or folders above: what server it is, and whether the user may read them.",
    ),
}
"""Why something stays, and what to do."""


@dataclass(frozen=True, slots=True)
class Stuck:
    """Something that stays on the server.

    Attributes:
        name: Its path, or the line of the listing.
        why: A key of what this module knows.
        since: UTC epoch seconds.
    """

    name: str
    why: str
    since: float


def files_stuck(tenant: str, feed: str, run: str, stuck: Sequence[Stuck], polls: int, is_all: bool, lake: str) -> Mail:
    """What several polls in a row did not take.

    Args:
        stuck: The longest first; at least one.
        polls: How many did not, at least.
        is_all: Whether there may be no more than those.
        lake: Bucket of the lake, where the run's report will be.
    """
    reasons = sorted({one.why for one in stuck})
    lines = [f"- {_named(one)}" for one in stuck[:NAMED]]
    if more := len(stuck) - NAMED if len(stuck) > NAMED else 0:
        lines.append(f"- and {more:,} more" + ("" if is_all else " at least"))
    count = count_of(len(stuck), "name" if "unread" in reasons else "file")
    subject = f"{count} not taken for {count_of(polls, 'poll')}"
    return Mail(
        "files_stuck",
        "warning",
        f"{tenant}/{feed}: {subject if is_all else f'at least {subject}'}",
        compose(
            f"At least {count_of(polls, 'poll')} in a row did not take these of {tenant}/{feed}:\n" + "\n".join(lines),
            "\n".join(f"{_title(why)}: {_WHY[why][0]}." for why in reasons),
            "Each run looks again, and takes what it can. Nothing is lost: what is not taken stays on the server. You "
            "get another mail when the reason changes, once a day while it lasts, and when it ends.",
            " ".join(_WHY[why][1] for why in reasons),
            link_of(run),
            report_at(run, lake, tenant),
        ),
        tenant=tenant,
        feeds=(feed,),
    )


def files_unstuck(tenant: str, feed: str, run: str, reasons: Sequence[str], since: float, lake: str) -> Mail:
    """The end of that.

    Args:
        reasons: As the last mail had them.
        since: When the first mail was sent.
    """
    return Mail(
        "files_stuck",
        "info",
        f"{tenant}/{feed}: nothing is stuck any more",
        compose(
            f"All that was reported as not taken of {tenant}/{feed} since {_at(since)} has been taken, or has left the "
            "server.",
            f"It had been: {', '.join(map(_title, reasons))}.",
            "Polls go on as before.",
            "Nothing.",
            link_of(run),
            report_at(run, lake, tenant),
        ),
        tenant=tenant,
        feeds=(feed,),
    )


def feed_has_nothing(tenant: str, feed: str, run: str, polls: int, found: str, where: str, lake: str) -> Mail:
    """A feed that has never taken a file, and for whose polls nothing fits.

    Args:
        found: What the polls found there, such as "42 names, 0 fit; nearest: ...".
        where: Its folder.
    """
    is_empty = not found
    return Mail(
        "files_stuck",
        "warning",
        f"{tenant}/{feed}: {'its folder is empty' if is_empty else 'no name fits its pattern'}",
        compose(
            f"{count_of(polls, 'poll')} in a row found no file of {tenant}/{feed}, which has never taken one.",
            f"The folder {excerpt(where, _NAME)} has no files in it." if is_empty else f"{excerpt(found, _FOUND)}.",
            "Each run looks again. You will not get this mail again, unless the reason changes.",
            "Nothing, if the partner has not begun yet. Else correct files.directory (or files.recursive)"
            + (
                "."
                if is_empty
                else ", or files.pattern or files.regex: they fit whole names, in upper or lower case as written."
            ),
            link_of(run),
            report_at(run, lake, tenant),
        ),
        tenant=tenant,
        feeds=(feed,),
    )


def _named(one: Stuck) -> str:
    return f"{excerpt(one.name, _NAME)}: {_title(one.why)}, since {_at(one.since)}"


def _title(why: str) -> str:
    return why.replace("_", " ")


def _at(moment: float) -> str:
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M} UTC"
