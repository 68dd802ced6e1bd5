"""Why files are not there: what the ledger and the runs tell of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from lakeferry.feeds import Feed
from lakeferry.ledger import Entry
from lakeferry.ledger.feed_states import State
from lakeferry.mails.text import cut, without_controls
from lakeferry.sla.items import SlaItem

_CAUSE = 500
"""Characters of an error's text in a mail; the failure's own mail and the ledger have more."""
_DEAD = "So the pipeline may be the cause, not the partner."
_NAMED = 10
"""Files that failed a mail names before it counts the rest."""
_PATH = 300
"""Characters of a path in a mail."""


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
class Told:
    """One feed as a mail tells of it.

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


def why(told: Told, context: Context) -> str:
    """For a mail about one feed."""
    return _cause(told, context) + _failures([told], f"{_files(len(told.failed))} came and failed:")


def why_of_server(all_told: Sequence[Told], context: Context) -> str:
    """For a mail about several feeds of one server: how many have which reason."""
    with_failures = sum(bool(told.failed) for told in all_told)
    failed = _failures(all_told, f"Of {with_failures} of {len(all_told)} feeds files came and failed:")
    if context.silence:
        return f"{context.silence} {_DEAD}{failed}"
    lines, rest = [], list(all_told)
    for is_so, says in _REASONS:
        found = [told for told in rest if is_so(told)]
        rest = [told for told in rest if not is_so(told)]
        if found:
            lines.append(f"{len(found)} of {len(all_told)} feeds {says}")
            if is_so is _is_failing:
                lines[-1] += f", such as {found[0].feed.feed_id}, {_failing(found[0])}"
    return "\n".join(lines) + failed


def _cause(told: Told, context: Context) -> str:
    if context.silence:
        return f"{context.silence} {_DEAD}"
    server = f"{told.feed.server.protocol}://{told.feed.server.host}{told.feed.files.directory}"
    if _is_failing(told):
        return f"{server} cannot be polled, {_failing(told)}"
    if _is_unpolled(told):
        return f"{server} has not been polled yet."
    polled = _polled_at(told)
    when = f"{server} was polled last at {local(polled, told.last)}"
    if polled < told.last.expected_at:
        return f"{when}, before it was due; no run has looked since."
    return f"{when}; until then not all that is needed for {told.last.business_date} was in the lake."


def _failures(all_told: Sequence[Told], heading: str) -> str:
    """Path, error and time of the files that failed; empty where none has."""
    failed = [(told, entry) for told in all_told for entry in told.failed]
    if not failed:
        return ""
    lines = []
    for told, entry in failed[:_NAMED]:
        path = cut(without_controls(str(entry["path"])), _PATH)
        of = "" if len(all_told) == 1 else f"{told.feed.feed_id} "
        when = local(datetime.fromisoformat(entry["failed_at"]), told.last)
        lines.append(f'- {of}{path}: {entry["error"]} in "{entry["stage"]}", {when}')
    if len(failed) > _NAMED:
        lines.append(f"- and {len(failed) - _NAMED} more")
    return "\n".join(["", heading, *lines])


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count} files"


def local(moment: datetime, item: SlaItem) -> str:
    """A moment as the feed's clock shows it."""
    return f"{moment.astimezone(ZoneInfo(item.timezone)):%Y-%m-%d %H:%M} ({item.timezone})"


def _is_failing(told: Told) -> bool:
    return "failed_polls" in told.state


def _failing(told: Told) -> str:
    state = told.state
    since = local(datetime.fromisoformat(state["failing_since"]), told.last)
    return f"since {since}: {state['error']}: {cut(str(state['cause']), _CAUSE)}"


def _is_unpolled(told: Told) -> bool:
    return "polled_at" not in told.state


def _polled_at(told: Told) -> datetime:
    return datetime.fromisoformat(told.state["polled_at"])


_REASONS: Sequence[tuple[Callable[[Told], bool], str]] = (
    (_is_failing, "cannot be polled"),
    (_is_unpolled, "have not been polled yet."),
    (lambda told: _polled_at(told) < told.last.expected_at, "were not polled since they were due."),
    (lambda told: True, "were polled since, and not all that is needed was in the lake."),
)
