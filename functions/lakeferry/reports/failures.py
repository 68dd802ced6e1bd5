"""What failed in a run, grouped by cause, and what fixes it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from lakeferry.counting import count_of
from lakeferry.errors import cause_of
from lakeferry.ledger.asides import Aside
from lakeferry.mails.commands import reprocess
from lakeferry.mails.set_aside import what_to_do
from lakeferry.reports.facts import CAUSE, FileFacts, RunFacts, shown

EXAMPLES = 5
"""Of one cause that are shown with all that is known of them."""
COMMANDS = 5
"""Feeds of one cause that have a command each; of more there is one for all that failed so."""


@dataclass(frozen=True, slots=True)
class Failure:
    """One thing that failed.

    Attributes:
        kind: `file`, `feed`, `aside`, `child` (an execution that the run started) or `run`.
        advice: Of mails that say it in another way than the error's own; commands in it, too.
    """

    kind: str
    what: str
    error: str
    cause: str
    stage: str = ""
    feed_id: str = ""
    advice: str = ""


@dataclass(slots=True)
class Group:
    """All that failed for one cause."""

    kind: str
    error: str
    count: int = 0
    feeds: dict[str, int] = field(default_factory=dict)
    examples: list[Failure] = field(default_factory=list)

    def add(self, failure: Failure, count: int = 1) -> None:
        """Takes one, or the count of what others of it there were."""
        self.count += count
        if failure.feed_id:
            self.feeds[failure.feed_id] = self.feeds.get(failure.feed_id, 0) + count
        if len(self.examples) < EXAMPLES:
            self.examples.append(failure)

    @property
    def by_itself(self) -> bool:
        """Whether it is tried again with nothing done by a person."""
        return self.kind == "child" or (self.kind in {"file", "feed"} and cause_of(self.error).retryable)

    @property
    def title(self) -> str:
        """What failed, in a few words."""
        whose = shown(next(iter(self.feeds))) if len(self.feeds) == 1 else count_of(len(self.feeds), "feed")
        stages = {one.stage for one in self.examples if one.stage}
        where = f" in {stages.pop()}" if len(stages) == 1 else ""
        return {
            "file": f"{count_of(self.count, 'file')} of {whose} failed{where}",
            "feed": f"{whose} could not be polled",
            "aside": f"Files of {whose} could not be curated",
            "child": "Executions of feeds ended without a word",
            "run": "The run itself failed",
        }[self.kind]

    @property
    def advice(self) -> str:
        """What to do, in the words of the mail about it."""
        return (self.examples[0].advice if self.examples else "") or cause_of(self.error).advice

    def commands(self, run: str) -> list[str]:
        """What takes them again once the cause is fixed."""
        if self.kind == "run":
            return [reprocess("--runs", run)]
        if self.by_itself or self.kind == "aside":
            return []
        if len(self.feeds) > COMMANDS:
            return [reprocess(f"--error {self.error}", run)]
        return [reprocess(f"--feed {feed_id}", run) for feed_id in sorted(self.feeds)]


class Failures:
    """Those of one feed, or of a run: what is kept does not grow with the files."""

    def __init__(self) -> None:
        self._groups: dict[tuple[str, str], Group] = {}

    def add(self, failure: Failure) -> None:
        """Takes one."""
        self._group(failure.kind, failure.error).add(failure)

    def add_all(self, other: "Failures") -> None:
        """Takes those of a feed."""
        for group in other:
            mine = self._group(group.kind, group.error)
            mine.count += group.count
            for feed_id, count in group.feeds.items():
                mine.feeds[feed_id] = mine.feeds.get(feed_id, 0) + count
            mine.examples += group.examples[: max(0, EXAMPLES - len(mine.examples))]

    def _group(self, kind: str, error: str) -> Group:
        return self._groups.setdefault((kind, error), Group(kind, error))

    def __iter__(self) -> Iterator[Group]:
        """What needs a person first, then by how many."""
        return iter(sorted(self._groups.values(), key=lambda one: (one.by_itself, one.kind != "run", -one.count)))


def of_file(file: FileFacts) -> Failure:
    """Of a file that is FAILED."""
    return Failure("file", file.path, file.error or "unknown", file.cause, file.stage, file.feed_id)


def of_run(run: RunFacts) -> Iterable[Failure]:
    """Of the run itself, where it did not succeed."""
    if run.status in {"SUCCEEDED", "RUNNING"}:
        return ()
    cause = shown(run.cause.removeprefix("Mailed. ").removeprefix("Not mailed. "), CAUSE)
    return (Failure("run", f"run {run.name}", shown(run.error or run.status), cause or "No cause was given."),)


def of_aside(aside: Aside, run: str) -> Failure:
    """Of files that wait until their feed is corrected."""
    what = f"{aside.feed_id}: its files could not be curated"
    advice = what_to_do(aside, run)
    return Failure("aside", what, shown(aside.error), shown(aside.cause, CAUSE), "", aside.feed_id, advice)
