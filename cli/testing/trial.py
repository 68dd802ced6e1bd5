"""One try of a feed against its server: connect, list, sort the names, read the newest file; nothing is changed."""

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cli.testing.names import DONE_WITH, OTHER, TAKEN, Named, Names, look, sort_names
from cli.testing.preview import Preview, preview
from cli.testing.sample import Sample, check_sample, fetch_sample, promise_of
from lakeferry.errors import LakeferryError
from lakeferry.feeds import Feed
from lakeferry.ledger import Entry
from lakeferry.servers import Server, open_server

KnownOf = Callable[[list[str]], Mapping[str, Entry]]
"""What the ledger has of versions, by `file_id`."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What is to be tried.

    Attributes:
        secret: Fields of the feed's secret.
        known: Asks the ledger; without one nothing is known.
        whole: The newest file is read to its end, however large.
        rows: So many are shown.
    """

    feed: Feed
    secret: Mapping[str, str]
    known: KnownOf = lambda file_ids: {}
    whole: bool = False
    rows: int = 5
    clock: Callable[[], float] = time.time


@dataclass(slots=True)
class Tried:
    """What came of it.

    Attributes:
        failed_step: Where it ended; None where all steps were made.
        problem: Why it ended there.
        seconds: Step → how long it took.
    """

    failed_step: str | None = None
    problem: str = ""
    names: Names | None = None
    chosen: Named | None = None
    sample: Sample | None = None
    preview: Preview | None = None
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def is_good(self) -> bool:
        """Whether a run would take a file, and land it."""
        return self.failed_step is None and self.sample is not None and not self.sample.problem

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Measures a step; one of our errors ends the trial there."""
        began = time.perf_counter()
        try:
            yield
        except LakeferryError as error:
            self.failed_step, self.problem = name, str(error)
            raise _EndedError from error
        finally:
            self.seconds[name] = time.perf_counter() - began


class _EndedError(Exception):
    """A step failed; which one stands in `Tried`."""


def try_feed(trial: Trial) -> Tried:
    """Tries a feed. Whatever is wrong with it, its server or its file is part of the answer."""
    tried = Tried()
    try:
        with tempfile.TemporaryDirectory(prefix="lakeferry-") as folder:
            _try(trial, tried, Path(folder))
    except _EndedError:
        pass
    return tried


def _try(trial: Trial, tried: Tried, folder: Path) -> None:
    feed = trial.feed
    with tried.step("connect"):
        server = open_server(feed.server, trial.secret)
    with server, tempfile.TemporaryFile() as file:
        with tried.step("list"):
            looked = look(server, feed)
        known = trial.known([remote.file_id for remote in looked[0]])
        tried.names = sort_names(feed, server, looked, known, trial.clock())
        tried.chosen = newest(tried.names)
        if tried.chosen is None or tried.chosen.remote is None:
            return
        remote = tried.chosen.remote
        with tried.step("read"):
            is_whole = fetch_sample(server, remote, file, whole=trial.whole)
            promise = promise_of(server, feed, remote) if is_whole else None
        tried.sample = Sample(remote.path, remote.size, is_whole)
        with tried.step("decode and check"):
            check_sample(feed, tried.sample, file, trial.secret, promise, folder)
    if not tried.sample.problem:
        with tried.step("curate"):
            tried.preview = preview(feed, tried.sample, tried.chosen.dt, trial.rows, folder)


def newest(names: Names) -> Named | None:
    """The file that is read: the newest that the next poll takes, or else the newest of the feed."""
    for kinds in ((TAKEN,), (TAKEN, "waits", DONE_WITH)):
        found = [one for one in names.names if one.what in kinds and one.remote is not None and one.dt]
        if found:
            return max(found, key=lambda one: (one.remote.mtime, one.name) if one.remote else (0, ""))
    return None


def to_json(tried: Tried) -> dict[str, Any]:
    """All of it, for programs."""
    names, sample = tried.names, tried.sample
    return {
        "good": tried.is_good,
        "failed_step": tried.failed_step,
        "problem": tried.problem or (sample.problem if sample else ""),
        "seconds": {step: round(seconds, 3) for step, seconds in tried.seconds.items()},
        "names": [
            {"name": one.name, "what": one.what, "why": one.why, "size": one.size, "dt": one.dt}
            for one in (names.names if names else ())
        ],
        "unread": list(names.unread) if names else [],
        "file": None
        if sample is None
        else {
            "path": sample.path,
            "bytes": sample.bytes,
            "whole": sample.is_whole,
            "rows": sum(output.rows_read for output in sample.report.outputs) if sample.report else None,
            "bad_rows": sample.bad_row_count,
            "examples": sample.bad_rows,
            "columns": list(sample.report.columns) if sample.report else [],
        },
        "preview": None
        if tried.preview is None
        else {
            "columns": list(tried.preview.columns),
            "rows": [list(row) for row in tried.preview.rows],
            "curated": tried.preview.curated,
            "note": tried.preview.note,
        },
    }


__all__ = ["OTHER", "Server", "Trial", "Tried", "newest", "to_json", "try_feed"]
