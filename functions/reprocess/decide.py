"""What is open, and what is to be done with it: decided from the ledger, which knows more than a message does."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from lakeferry.ledger import ENDED, FINISHED, IN_WORK, LEFT_AT, Entry, is_held
from lakeferry.runs.dead_letters import DeadLetter
from reprocess.request import Request

FIRST_DELAY = timedelta(minutes=15)
"""After a first failure; each further one doubles it."""
LEFT_DELAY = timedelta(minutes=90)
"""A file that a run had no time for is the next run's; this is for one that no poll lists any more."""

DECIDED_BY = ("status", "run", LEFT_AT, "error", "stage", "attempts", "failed_at", "claimed_at", "retryable", "landed")
"""What is read of a file, besides its key: its cause and its outputs would be most of it."""


NOT_ASKED_FOR = "is not asked for"
"""Reason of what is open and was not named."""


@dataclass(slots=True)
class Open:
    """One file, feed or run that failed, with all its messages.

    Attributes:
        decision: `start`, `settled` (nothing is left to do), `under way` or `waits`.
        reason: Why, for a person.
        goes_back: It is in the lake, could not be taken once more, and is to be as it was before.
    """

    kind: str
    feed_id: str | None
    file_id: str | None
    error: str
    stage: str
    attempt: int
    since: str
    is_transient: bool
    resume: Mapping[str, Any]
    letters: list[DeadLetter] = field(default_factory=list)
    decision: str = "waits"
    reason: str = ""
    goes_back: bool = False

    def to_json(self) -> dict[str, Any]:
        """As the answer of reprocess lists it."""
        return {
            "kind": self.kind,
            "feed": self.feed_id,
            "file": self.file_id,
            "error": self.error,
            "stage": self.stage,
            "attempt": self.attempt,
            "since": self.since,
            "decision": self.decision,
            "reason": self.reason,
        }


@dataclass(frozen=True, slots=True)
class Decider:
    """Decides for one pass.

    Attributes:
        is_running: Tells whether the run of that ARN still is.
        max_attempts: Of a file or feed, before it needs a person.
    """

    request: Request
    is_running: Callable[[str], bool]
    max_attempts: int
    now: datetime

    def file(
        self,
        entry: Entry | None,
        feed_id: str,
        file_id: str,
        letters: Iterable[DeadLetter],
        *,
        is_deleted: bool = False,
    ) -> Open:
        """A file version.

        Args:
            is_deleted: Whether its feed has no document: a run could do nothing with it.
        """
        entry = entry or {}
        last = max(letters, key=lambda letter: letter.at, default=None)
        found = Open(
            kind="file",
            feed_id=feed_id,
            file_id=file_id,
            error=entry.get("error") or (last.error if last and entry.get("status") == "FAILED" else "RunEnded"),
            stage=entry.get("stage") or (last.stage if last else ""),
            attempt=entry.get("attempts", 1),
            since=entry.get("failed_at") or entry.get("claimed_at") or (last.at if last else ""),
            is_transient=bool(entry.get("retryable", True)),
            resume={"trigger": "reprocess", "files": [{"feed_id": feed_id, "file_id": file_id}]},
            letters=list(letters),
        )
        status = entry.get("status")
        if status is None:
            found.reason = "the ledger does not have it: a poll takes it as a new file if it is on the server"
        elif status in FINISHED | ENDED:
            found.decision, found.reason = "settled", f"is {status}"
        elif status == "RELEASED":
            found.decision, found.reason = "settled", "changed or was deleted on the server; superseded"
        elif status in IN_WORK and LEFT_AT in entry and (due := _time(entry[LEFT_AT]) + LEFT_DELAY) > self.now:
            found.reason = f"the next run goes on with it; else it is due at {due.isoformat(timespec='seconds')}"
        elif status in IN_WORK and is_held(entry, self.is_running):
            found.decision, found.reason = "under way", f"run {entry['run'].rsplit(':', 1)[-1]} has it"
        else:
            self._start_or_wait(found, is_deleted=is_deleted)
            found.goes_back = "landed" in entry and status == "FAILED" and self._is_left_to_people(found)
            if found.goes_back:
                found.decision, found.reason = (
                    "settled",
                    "could not be taken once more, and is in the lake as before",
                )
        return found

    def feed(
        self, state: Entry, letters: list[DeadLetter], *, is_aside: bool = False, is_deleted: bool = False
    ) -> Open:
        """A feed whose polls fail, whose given files could not be claimed, or whose files cannot be curated.

        Args:
            is_aside: Whether the Glue job's files of the feed are set aside.
            is_deleted: As of a file.
        """
        last = max(letters, key=lambda letter: letter.at)
        found = Open(
            kind="feed",
            feed_id=last.feed_id,
            file_id=None,
            error=last.error,
            stage=last.stage,
            attempt=max(last.attempt, int(state.get("failed_polls", 0))),
            since=state.get("failed_at", last.at),
            is_transient=last.is_transient,
            resume=last.resume,
            letters=letters,
        )
        if "curate" in last.resume and not is_aside:
            found.decision, found.reason = "settled", "its files are curated, or on their way"
        elif "feeds" in last.resume and state.get("polled_at", "") > last.at:
            found.decision, found.reason = "settled", f"was polled at {state['polled_at']}"
        else:
            self._start_or_wait(found, is_deleted=is_deleted)
        return found

    def run(self, letter: DeadLetter) -> Open:
        """A run."""
        found = Open(
            kind="run",
            feed_id=None,
            file_id=None,
            error=letter.error,
            stage=letter.stage,
            attempt=letter.attempt,
            since=letter.at,
            is_transient=letter.is_transient,
            resume={**letter.resume, "attempt": letter.attempt + 1},
            letters=[letter],
        )
        self._start_or_wait(found)
        return found

    def _start_or_wait(self, found: Open, *, is_deleted: bool = False) -> None:
        asked = self.request
        if not self._is_asked_for(found):
            found.reason = NOT_ASKED_FOR
        elif is_deleted:
            found.reason = (
                f"its feed was deleted: bring it back (feeds history {found.feed_id} --restore 1), or drop its files "
                f"(feeds delete {found.feed_id} --pending drop)"
            )
        elif not asked.by_schedule:
            found.decision, found.reason = "start", "by hand"
        elif not found.is_transient:
            found.reason = "needs a person: a retry would fail the same way"
        elif found.attempt >= self.max_attempts:
            found.reason = f"needs a person: {found.attempt} attempts failed"
        elif (due := _time(found.since) + FIRST_DELAY * 2 ** (found.attempt - 1)) > self.now:
            found.reason = f"is due at {due.isoformat(timespec='seconds')}"
        else:
            found.decision, found.reason = "start", f"attempt {found.attempt + 1} of {self.max_attempts}"

    def _is_left_to_people(self, found: Open) -> bool:
        asked = self.request
        is_over = not found.is_transient or found.attempt >= self.max_attempts
        return asked.by_schedule and self._is_asked_for(found) and is_over

    def _is_asked_for(self, found: Open) -> bool:
        asked, feed_id = self.request, found.feed_id or ""
        return (
            (asked.tenant is None or feed_id.startswith(f"{asked.tenant}/"))
            and (asked.feed_id is None or feed_id == asked.feed_id)
            and (asked.error is None or found.error == asked.error)
            and (asked.file is None or _is_named(found.file_id, asked.file))
            and (not asked.runs or found.kind == "run")
        )


def _is_named(file_id: str | None, name: str) -> bool:
    if file_id is None:
        return False
    path = file_id.rsplit("#", 2)[0]
    return name in {file_id, path, path.rsplit("/", 1)[-1]}


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text) if text else datetime.fromtimestamp(0, UTC)
