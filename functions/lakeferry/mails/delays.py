"""Mails about feeds for which runs have no time left, again and again."""

from collections.abc import Mapping, Sequence
from typing import Any

from lakeferry.counting import count_of
from lakeferry.ledger import LEFT_RUNS
from lakeferry.mails.commands import report_at
from lakeferry.mails.mail import Mail, compose
from lakeferry.mails.text import excerpt, listed
from lakeferry.models import link_of

FIRST_RUNS, EVERY_RUNS = 3, 24
"""Runs in a row after which somebody is told, first and from then on: of hourly runs, once a day."""
_PATH = 700
"""Characters of a file's path."""
_DO = (
    "If it lasts: spread the schedules of feeds that take long, ask the partner for a faster server or smaller files, "
    "or raise the stack's RunMinutes."
)


def is_told(runs: int) -> bool:
    """Whether a delay of so many runs in a row is mailed."""
    return runs == FIRST_RUNS or (runs > 0 and runs % EVERY_RUNS == 0)


def files_out_of_time(tenant: str, feed: str, run: str, entries: Sequence[Mapping[str, Any]], lake: str) -> Mail:
    """Files that several runs in a row left with their checkpoints.

    Args:
        entries: What the ledger has of them.
        lake: Bucket of the lake, where the run's report will be.
    """
    runs = max(int(entry[LEFT_RUNS]) for entry in entries)
    lines = [f"- {excerpt(str(entry['file_id']).rsplit('#', 2)[0], _PATH)}" for entry in entries]
    return _mail(
        tenant,
        feed,
        run,
        lake,
        f"{count_of(len(entries), 'file')} delayed for {count_of(runs, 'run')}",
        f"{count_of(runs, 'run')} in a row ended before these files of {tenant}/{feed} were in the lake:\n"
        + "\n".join(listed(lines, "files")),
        "Every run goes on from what is there already, this one too. Nothing is lost, and no attempt is counted while "
        "bytes come. You get another mail a day later if it lasts.",
    )


def feed_out_of_time(tenant: str, feed: str, run: str, runs: int, lake: str) -> Mail:
    """A feed whose turn did not come in several runs in a row."""
    return _mail(
        tenant,
        feed,
        run,
        lake,
        f"not polled for {count_of(runs, 'run')}",
        f"{count_of(runs, 'run')} in a row ended before it was the turn of {tenant}/{feed}.",
        "The next run polls it, whatever its schedule. Nothing is lost: its files stay on the server. You get another "
        "mail a day later if it lasts.",
    )


def _mail(tenant: str, feed: str, run: str, lake: str, subject: str, what: str, following: str) -> Mail:
    why = "A run has RunMinutes for its feeds, and a feed a part of them while others wait for a slot."
    text = compose(what, why, following, _DO, link_of(run), report_at(run, lake, tenant))
    return Mail("feed_delayed", "warning", f"{tenant}/{feed}: {subject}", text, tenant=tenant, feeds=(feed,))
