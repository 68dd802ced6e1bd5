"""One pass over what is open: the ledger's failed files, and the dead-letter queue.

The ledger is the truth, the queue the notice. A message stays in the queue, hidden while its re-run is under way, until
the ledger shows that nothing is left to do: so it comes back by itself if the re-run is killed. Where the re-run fails,
the state machine sends a newer message, and this one goes.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lakeferry.ledger import ASIDE, Entry, Ledger
from lakeferry.ledger.asides import CURATE
from lakeferry.ledger.queries import feed_ids, unfinished
from lakeferry.runs.dead_letters import DeadLetter, DeadLetterQueue
from reprocess.answer import answered
from reprocess.decide import DECIDED_BY, Decider, Open
from reprocess.executions import Starter, inputs_of_files

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

PASS_SECONDS = 300
"""Messages are hidden from other readers for as long as a pass may take: the function's own time-out."""
UNDER_WAY_SECONDS = 900
"""And for so long while a re-run is under way; the next pass looks how it went."""
_LISTED = 200


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a pass works with."""

    feeds: "Table"
    ledger: Ledger
    queue: DeadLetterQueue
    starter: Starter
    decider: Decider


def reprocess(around: Surroundings) -> dict[str, Any]:
    """Starts again what is asked for, and clears the queue of what is settled.

    Returns:
        `dry_run`; how many `start`, `settled`, `under_way`, `waits`; `executions` (ARNs); `open`, the first of what
        was looked at, one by one; `unreadable` messages; `backlog`, files of all feeds by how far they are; `matched`
        and `answer` as `answered` has them.
    """
    dry_run = around.decider.request.dry_run
    letters = list(around.queue.receive(PASS_SECONDS))
    backlog: Counter[str] = Counter()
    found, known = _look(around, letters, backlog)
    executions: list[str] = []
    try:
        if not dry_run:
            _go_back(found, around.ledger)
            executions = _start([one for one in found if one.decision == "start"], around.starter)
    except BaseException:
        around.queue.hide(letters, 0)
        raise
    _answer(found, around.queue, dry_run=dry_run)
    counts = {
        name.replace(" ", "_"): sum(one.decision == name for one in found)
        for name in ("start", "settled", "under way", "waits")
    }
    ordered = sorted(found, key=lambda one: (one.decision != "start", one.feed_id or "", one.file_id or ""))
    return {
        "dry_run": dry_run,
        **counts,
        **answered(around.decider.request, found, known),
        "executions": executions,
        "open": [one.to_json() for one in ordered[:_LISTED]],
        "unreadable": around.queue.strange,
        "backlog": dict(backlog),
    }


def _look(around: Surroundings, letters: Iterable[DeadLetter], backlog: Counter[str]) -> tuple[list[Open], set[str]]:
    """What is open, and the feeds there are."""
    of_files: dict[tuple[str, str], list[DeadLetter]] = defaultdict(list)
    of_feeds: dict[tuple[str, str], list[DeadLetter]] = defaultdict(list)
    found: list[Open] = []
    for letter in letters:
        if letter.kind == "run":
            found.append(around.decider.run(letter))
        elif letter.feed_id is not None and letter.file_id is not None:
            of_files[letter.feed_id, letter.file_id].append(letter)
        elif letter.feed_id is not None:
            of_feeds[letter.feed_id, repr(letter.resume)].append(letter)
    entries: dict[tuple[str, str], Entry | None] = {}
    known = set(feed_ids(around.feeds))
    for feed_id in sorted({*known, *(feed_id for feed_id, _ in of_files)}):
        for entry in unfinished(around.ledger, feed_id, attributes=DECIDED_BY):
            entries[feed_id, entry["file_id"]] = entry
            backlog[str(entry.get("status"))] += 1
    backlog["UPLOADED"], backlog["ASIDE"] = around.ledger.pending_count(), around.ledger.pending_count(ASIDE)
    for key in of_files.keys() - entries.keys():
        entries[key] = around.ledger.get(*key)
    for (feed_id, file_id), of_ledger in entries.items():
        about_file = of_files.get((feed_id, file_id), [])
        found.append(around.decider.file(of_ledger, feed_id, file_id, about_file, is_deleted=feed_id not in known))
    aside = {one.feed_id for one in around.ledger.asides.of(CURATE)} if of_feeds else set()
    for (feed_id, _), about in of_feeds.items():
        rest = {"is_aside": feed_id in aside, "is_deleted": feed_id not in known}
        found.append(around.decider.feed(around.ledger.feeds.get(feed_id), about, **rest))
    return found, known


def _go_back(found: list[Open], ledger: Ledger) -> None:
    """Files that are in the lake and could not be taken once more: nothing is open of them, and all doors are."""
    for one in found:
        if one.goes_back and one.feed_id is not None and one.file_id is not None:
            ledger.go_back(one.feed_id, one.file_id)


def _start(chosen: list[Open], starter: Starter) -> list[str]:
    files = [one.resume["files"][0] for one in chosen if one.kind == "file"]
    feeds = sorted({one.resume["feeds"][0] for one in chosen if one.kind == "feed" and "feeds" in one.resume})
    inputs: list[Mapping[str, Any]] = list(inputs_of_files(files, trigger="reprocess"))
    if feeds:
        inputs.append({"trigger": "reprocess", "feeds": feeds})
    # runs, and files that were given and could not be claimed: each as it was, the same one once
    for one in chosen:
        if one.kind == "run" or (one.kind == "feed" and "feeds" not in one.resume):
            inputs += [one.resume] if one.resume not in inputs else []
    return [starter.start(execution_input) for execution_input in inputs]


def _answer(found: Iterable[Open], queue: DeadLetterQueue, *, dry_run: bool) -> None:
    """What becomes of the messages."""
    settled: list[DeadLetter] = []
    hidden: defaultdict[int, list[DeadLetter]] = defaultdict(list)
    for one in found:
        newest = max(one.letters, key=lambda letter: letter.at, default=None)
        for letter in one.letters:
            if dry_run:
                hidden[0].append(letter)
            elif one.decision == "settled" or letter is not newest or (one.decision == "start" and _is_handed_on(one)):
                settled.append(letter)
            else:
                hidden[UNDER_WAY_SECONDS if one.decision in {"start", "under way"} else 0].append(letter)
    queue.remove(settled)
    for seconds, letters in hidden.items():
        queue.hide(letters, seconds)


def _is_handed_on(one: Open) -> bool:
    """Nothing in the ledger will ever settle these: the execution that was started is what is left of them."""
    return one.kind == "run" or (one.kind == "feed" and "feeds" not in one.resume)


BACKLOG = {
    "CLAIMED": "BacklogClaimed",
    "FETCHED": "BacklogFetched",
    "VALIDATED": "BacklogValidated",
    "UPLOADED": "BacklogUploaded",
    "ASIDE": "BacklogSetAside",
    "FAILED": "BacklogFailed",
}
"""Metrics, by what the ledger calls how far a file is."""


def waiting(backlog: Mapping[str, int]) -> dict[str, int]:
    """How many files wait at each stage, as metrics."""
    return {metric: backlog.get(status, 0) for status, metric in BACKLOG.items()}
