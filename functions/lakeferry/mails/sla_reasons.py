"""Why files are not there: what ledger and runs say."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from lakeferry.counting import count_of
from lakeferry.feeds import Feed
from lakeferry.ledger import Entry
from lakeferry.ledger.feed_states import State
from lakeferry.mails.text import excerpt
from lakeferry.sla.items import SlaItem

_CAUSE = 500
"""Characters of an error's text in a mail; the failure's own mail and the ledger have more."""
_DEAD = "So the pipeline may be the cause, not the partner."
_NAMED = 10
"""Files that failed a mail names before it counts the rest."""
_PATH = 300
"""Characters of a path in a mail."""
_LEFT = (
    ("waiting", "waiting for a marker or checksum file"),
    ("settling", "that may still be uploading"),
    ("carried_over", "over files.max_files_per_run"),
    ("unread", "whose lines could not be read"),
)
"""Classes of a listing's entries that are the feed's and were not taken."""


@dataclass(frozen=True, slots=True)
class Context:
    """What is the same for all mails of one check.

    Attributes:
        now: UTC.
        silence: A sentence if no run finishes, else empty.
    """

    now: datetime
    state_machine: str
    silence: str = ""


@dataclass(frozen=True, slots=True)
class Reported:
    """One feed, as a mail reports it.

    Attributes:
        items: Its due times that the mail is about, oldest first; at least one.
        state: What the ledger keeps of the feed as a whole.
        failed: Its files of these due times' dates that came and FAILED, the last one first.
    """

    feed: Feed
    items: Sequence[SlaItem]
    state: State = field(default_factory=dict)
    failed: Sequence[Entry] = ()

    @property
    def last(self) -> SlaItem:
        return self.items[-1]


def why(one: Reported, context: Context) -> str:
    """For a mail about one feed."""
    return _cause(one, context) + _failures([one], f"{count_of(len(one.failed), 'file')} arrived but failed:")


def why_of_server(feeds: Sequence[Reported], context: Context) -> str:
    """For a mail about several feeds of one server: how many have which reason."""
    with_failures = sum(bool(one.failed) for one in feeds)
    failed = _failures(feeds, f"In {with_failures} of {len(feeds)} feeds, files arrived but failed:")
    if context.silence:
        return f"{context.silence} {_DEAD}{failed}"
    lines, rest = [], list(feeds)
    for is_so, says in _REASONS:
        found = [one for one in rest if is_so(one)]
        rest = [one for one in rest if not is_so(one)]
        if found:
            lines.append(f"{len(found)} of {len(feeds)} feeds {says}")
            if is_so is _is_failing:
                lines[-1] += f", such as {found[0].feed.feed_id}, {_failing(found[0])}"
    return "\n".join(lines) + failed


def _cause(one: Reported, context: Context) -> str:
    if context.silence:
        return f"{context.silence} {_DEAD}"
    server = f"{one.feed.server.protocol}://{one.feed.server.host}{one.feed.files.directory}"
    if _is_failing(one):
        return f"{server} cannot be polled, {_failing(one)}"
    if _is_unpolled(one):
        return f"{server} has not been polled yet."
    polled = _polled_at(one)
    when = f"{server} was last polled at {local(polled, one.last)}"
    if polled < one.last.expected_at:
        return f"{when}, before it was due; no run has looked since."
    return f"{when}; at that time, not all files for {one.last.business_date} were in the lake.{_left(one.state)}"


def _left(state: State) -> str:
    """What that poll saw and did not take: its own mail says more (`lakeferry.mails.stuck`)."""
    entries = state.get("entries", {})
    if told := entries.get("fits_nothing"):
        return f" {excerpt(str(told), _CAUSE)}."
    left = [f"{count_of(entries[name], 'file')} {says}" for name, says in _LEFT if entries.get(name)]
    return f" It left {', '.join(left)}." if left else ""


def _failures(feeds: Sequence[Reported], heading: str) -> str:
    """Path, error and time of the files that failed; empty where none has."""
    failed = [(one, entry) for one in feeds for entry in one.failed]
    if not failed:
        return ""
    lines = []
    for one, entry in failed[:_NAMED]:
        path = excerpt(str(entry["path"]), _PATH)
        of = "" if len(feeds) == 1 else f"{one.feed.feed_id} "
        when = local(datetime.fromisoformat(entry["failed_at"]), one.last)
        lines.append(f'- {of}{path}: {entry["error"]} in "{entry["stage"]}", {when}')
    if len(failed) > _NAMED:
        lines.append(f"- and {len(failed) - _NAMED} more")
    return "\n".join(["", heading, *lines])


def local(moment: datetime, item: SlaItem) -> str:
    """A moment as the feed's clock shows it."""
    return f"{moment.astimezone(ZoneInfo(item.timezone)):%Y-%m-%d %H:%M} ({item.timezone})"


def _is_failing(one: Reported) -> bool:
    return "failed_polls" in one.state


def _failing(one: Reported) -> str:
    state = one.state
    since = local(datetime.fromisoformat(state["failing_since"]), one.last)
    return f"since {since}: {state['error']}: {excerpt(str(state['cause']), _CAUSE)}"


def _is_unpolled(one: Reported) -> bool:
    return "polled_at" not in one.state


def _polled_at(one: Reported) -> datetime:
    return datetime.fromisoformat(one.state["polled_at"])


_REASONS: Sequence[tuple[Callable[[Reported], bool], str]] = (
    (_is_failing, "cannot be polled"),
    (_is_unpolled, "have not been polled yet."),
    (lambda one: _polled_at(one) < one.last.expected_at, "were not polled since they were due."),
    (lambda one: True, "were polled since; not all of their files were in the lake."),
)
