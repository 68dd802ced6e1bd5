"""A batch of one feed's files on its way through fetch, validate and upload, and what a call makes of each of them.

A file is alone in what matters: each goes on, comes again, or fails by itself, with its own cause.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Self

from lakeferry.aws.side_by_side import side_by_side
from lakeferry.errors import ClaimLostError, FileTooHeavyError, LakeferryError, Outcome, cause_of
from lakeferry.ledger import UNFINISHED, Entry, Ledger
from lakeferry.models import FileItem, file_id_of
from lakeferry.runs.budget import BEGIN_SECONDS, Budget

STAGES: Mapping[str, str] = {"fetch": "Fetch files", "validate": "Validate files", "upload": "Upload files"}
"""Functions in their order, and the states that call them."""
TRIES = 4
"""How often a file is tried again after an error that may pass: as often as the state machine repeats a state."""
KILLS = 2
"""A function that ended as often with a file, and no other, in its hands does not begin it again."""
FIRST_WAIT, LONGEST_WAIT = 15, 300
"""Seconds before it is: each time twice as long, and by chance less, as the state machine waits."""
BUSY_WAIT = 30
"""Seconds before a batch that got no connection asks for one again: it waits in the state machine, which is free."""
_CAUSES = 80_000
"""Bytes of causes in a batch: a state's payload ends at 262,144."""
_CAUSE = 4_000


@dataclass(frozen=True, slots=True)
class BatchFile:
    """One version of one remote file.

    Attributes:
        tries: How often it was begun and left for a reason that may pass.
        killed: How often the stage's function ended with this file alone in its hands, as the state machine counts.
    """

    path: str
    size: int
    mtime: int
    tries: int = 0
    killed: int = 0

    @classmethod
    def from_json(cls, file: Mapping[str, Any]) -> Self:
        counts = (int(file.get(name, 0)) for name in ("tries", "killed"))
        return cls(file["path"], int(file["size"]), int(file["mtime"]), *counts)

    def to_json(self) -> dict[str, Any]:
        """With the ledger key, which the state machine needs of a file that fails."""
        tried = {name: count for name, count in (("tries", self.tries), ("killed", self.killed)) if count}
        file_id = file_id_of(self.path, self.size, self.mtime)
        return {"path": self.path, "size": self.size, "mtime": self.mtime, "file_id": file_id, **tried}


@dataclass(slots=True)
class Batch:
    """Input and answer of fetch, validate and upload.

    Attributes:
        run: ARN of the top-level state machine execution.
        files: Those that are the next stage's to do, in order.
        again: Those that begin again with fetch; what the ledger says is done is not done twice.
        wait: Seconds until then.
        alone: One file a call: after a call that was killed, so that what kills it takes no other file along.
        failed: Of each all that its dead letter needs: `stage`, `error` and `cause`, besides the file.
        outcomes: A word for each file that is done with, and has not failed: `UPLOADED`, or an `Outcome`.
        deadline: When the run's feeds end, UTC epoch seconds; None where nobody says.
        part_ends: When the feed's own part ends, as long as others wait for its slot.
    """

    tenant: str
    feed: str
    run: str
    files: list[BatchFile] = field(default_factory=list)
    again: list[BatchFile] = field(default_factory=list)
    wait: int = 0
    alone: bool = False
    failed: list[dict[str, Any]] = field(default_factory=list)
    outcomes: list[str] = field(default_factory=list)
    deadline: int | None = None
    part_ends: int | None = None

    @property
    def feed_id(self) -> str:
        return f"{self.tenant}/{self.feed}"

    def told(self, answer: Mapping[str, Any]) -> dict[str, Any]:
        """What a log line says of a call and its answer."""
        counts = {name: len(answer[name]) for name in ("files", "again", "failed")}
        return {"given": len(self.files), **counts, "wait": answer["wait"], "alone": self.alone}

    @classmethod
    def from_event(cls, event: Mapping[str, Any]) -> Self:
        return cls(
            tenant=event["tenant"],
            feed=event["feed"],
            run=event["run"],
            files=[BatchFile.from_json(file) for file in event["files"]],
            again=[BatchFile.from_json(file) for file in event.get("again", ())],
            wait=int(event.get("wait", 0)),
            alone=bool(event.get("alone", False)),
            failed=list(event.get("failed", ())),
            outcomes=list(event.get("outcomes", ())),
            deadline=event.get("deadline"),
            part_ends=event.get("part_ends"),
        )

    def to_json(self, following: str) -> dict[str, Any]:
        """What the state machine reads.

        Args:
            following: The state that `files` are ready for; `end` after the last.
        """
        files, again = self.files, self.again
        if not files:
            files, again, following = again, [], STAGES["fetch"] if again else "end"
        ends = {name: value for name in ("deadline", "part_ends") if (value := getattr(self, name)) is not None}
        return {
            "tenant": self.tenant,
            "feed": self.feed,
            "run": self.run,
            **ends,
            "next": following,
            "files": [file.to_json() for file in files],
            "again": [file.to_json() for file in again],
            "wait": self.wait,
            "alone": self.alone,
            "failed": self.failed,
            "outcomes": self.outcomes,
        }

    def budget(self, ledger: Ledger) -> Budget:
        """How long a call with the batch may go on."""
        return Budget(self.deadline, self.part_ends, lambda: ledger.feeds.have_all_begun(self.run))

    def item(self, file: BatchFile) -> FileItem:
        """The file as stages and ledger know it."""
        return FileItem(self.tenant, self.feed, self.run, file.path, file.size, file.mtime)


class Call:
    """One call of one stage over a batch: what is to be done, and what becomes of each file.

    Attributes:
        items: The files of this call, in order.
        entries: What the ledger has of those that are the run's, by `file_id`.
    """

    def __init__(self, batch: Batch, stage: str, ledger: Ledger, budget: Budget | None = None) -> None:
        """Reads the ledger; files that another run owns are left to it.

        Args:
            budget: What there is time for; None: for everything.
        """
        self._batch, self._stage, self._ledger = batch, stage, ledger
        self._budget = budget or Budget()
        self._leaves: set[str] = set()
        self._has_stumbled = False
        files, later = batch.files, list(batch.again)
        if batch.alone:
            files, later = files[:1], [*files[1:], *later]
        self._files = {batch.item(file).file_id: file for file in files}
        self.items = [batch.item(file) for file in files]
        self._answer = replace(
            batch, files=[], again=later, wait=0 if stage == "fetch" else batch.wait, failed=list(batch.failed)
        )
        self._went: set[str] = set()
        self._again: dict[str, BatchFile] = {}
        self.entries: dict[str, Entry] = {}
        found = ledger.entries(batch.feed_id, list(self._files))
        for item in list(self.items):
            entry = found.get(item.file_id)
            if entry is None or entry.get("run") != item.run:
                self.items.remove(item)
                self._answer.outcomes.append(Outcome.LEFT.name)
            else:
                self.entries[item.file_id] = entry
                if self._files[item.file_id].killed >= KILLS:
                    self.items.remove(item)
                    self._fail(item, FileTooHeavyError(_too_heavy(item, stage)))

    @property
    def has_progress(self) -> bool:
        """Whether anything is settled that was not before the call."""
        return bool(self._went) or len(self._answer.failed) > len(self._batch.failed)

    def went(self, item: FileItem) -> None:
        """The stage is done with the file."""
        self._went.add(item.file_id)

    def postpone(self, items: Sequence[FileItem], seconds: int = 0) -> None:
        """The files come again, through no fault of theirs."""
        for item in items:
            self._again[item.file_id] = self._files[item.file_id]
        self._answer.wait = max(self._answer.wait, seconds)

    def goes_on(self, item: FileItem) -> None:
        """Its bytes still come: the next call goes on from its checkpoint, and what failed before is past."""
        self._again[item.file_id] = replace(self._files[item.file_id], tries=0, killed=0)

    def leave(self, items: Sequence[FileItem]) -> None:
        """The files are the next run's: there is not the time in this one that they need."""
        self.postpone(items)
        self._leaves |= {item.file_id for item in items}

    def erred(self, item: FileItem, error: Exception) -> None:
        """The file was begun, and this came of it."""
        file, cause = self._files[item.file_id], cause_of(type(error).__name__)
        if cause.outcome is Outcome.LEFT:
            self._answer.outcomes.append(cause.outcome.name)
        elif cause.outcome is Outcome.RELEASED:
            self._release(item)
        elif isinstance(error, LakeferryError) and cause.retryable and file.tries < TRIES:
            self._again[item.file_id] = replace(file, tries=file.tries + 1)
            self._has_stumbled = True
            self._answer.wait = max(self._answer.wait, _pause(file.tries))
        else:
            self._fail(item, error)

    def attempt(self, item: FileItem, work: Callable[[], object]) -> bool:
        """Does the file's work; whatever goes wrong with it is its own. False where something did."""
        try:
            work()
        except Exception as error:
            self.erred(item, error)
            return False
        return True

    def answer(self) -> dict[str, Any]:
        """The batch for the next stage, its files in the order that they had."""
        order = [self._batch.item(file).file_id for file in self._files.values()]
        self._answer.again = [self._again[one] for one in order if one in self._again] + self._answer.again
        self._leave_what_has_no_time()
        if self._has_stumbled:
            with suppress(Exception):  # a matter of order only
                self._ledger.feeds.note_slow(self._batch.feed_id, self._batch.run)
        stages = list(STAGES)
        if self._stage == stages[-1]:
            self._answer.outcomes += ["UPLOADED"] * len(self._went)
            return self._answer.to_json("end")
        # the next stage's function may bear it
        self._answer.files = [replace(self._files[one], killed=0) for one in order if one in self._went]
        return self._answer.to_json(STAGES[stages[stages.index(self._stage) + 1]])

    def _leave_what_has_no_time(self) -> None:
        """What would come again comes with the next run, where this one's time is over before that."""
        is_over = not self._budget.allows(BEGIN_SECONDS + self._answer.wait)
        left = [file for file in self._answer.again if is_over or self._batch.item(file).file_id in self._leaves]
        if not left:
            return
        self._answer.again = [file for file in self._answer.again if file not in left]
        outcomes = side_by_side(self._leave, left)
        self._answer.outcomes += outcomes
        if Outcome.OUT_OF_TIME.name in outcomes:
            self._ledger.feeds.note_out_of_time(self._batch.feed_id, self._batch.run)

    def _leave(self, file: BatchFile) -> str:
        try:
            is_left = self._ledger.leave(self._batch.item(file), is_attempt=file.tries > 0)
        except ClaimLostError:
            return Outcome.LEFT.name
        return Outcome.OUT_OF_TIME.name if is_left else "UPLOADED"

    def _release(self, item: FileItem) -> None:
        """Not a failure: the next run takes what is there then."""
        self._answer.outcomes.append(Outcome.RELEASED.name)
        with suppress(Exception):  # the claim is free anyway once this run has ended
            self._ledger.advance(item, status="RELEASED", remove=(UNFINISHED,))
            self._ledger.feeds.note_released(item.feed_id, item.path)

    def _fail(self, item: FileItem, error: Exception) -> None:
        limit = min(_CAUSE, _CAUSES // max(1, len(self._files)))
        cause = str(error).encode("utf-8", "replace")[:limit].decode("utf-8", "ignore")
        self._answer.failed.append(
            {
                **replace(self._files[item.file_id], tries=0, killed=0).to_json(),
                "tenant": item.tenant,
                "feed": item.feed,
                "feed_id": item.feed_id,
                "run": item.run,
                "stage": STAGES[self._stage],
                "error": type(error).__name__,
                "cause": cause or "No cause was given.",
            }
        )


def _too_heavy(item: FileItem, stage: str) -> str:
    ended = f"the function of the stage {STAGES[stage]!r} ended without an answer {KILLS} times"
    why = "Most likely the file needs more memory than the function has."
    return (
        f"{item.path}, {item.size} bytes: {ended} while it had this file and no other. {why} {FileTooHeavyError.advice}"
    )


def _pause(tries: int) -> int:
    longest = min(LONGEST_WAIT, FIRST_WAIT * 2**tries)
    return random.randint(1, longest)  # noqa: S311
