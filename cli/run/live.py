"""A run on a terminal: feeds, files, bars, waits and failures, drawn anew as they change."""

from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from cli.output import cell
from cli.run.progress import STEPS, File, Progress, share_done
from lakeferry.counting import bytes_of, count_of

if TYPE_CHECKING:
    from rich.console import RenderableType

_MOST_FILES, _MOST_FEEDS, _MOST_FAILED = 8, 20, 5


class View(Protocol):
    """Shows a run that is going on."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def note(self, text: str) -> None:
        """A line that stays."""

    def show(self, progress: Progress, changed: list[File]) -> None:
        """How far it is now."""


class LiveView:
    """Rich's."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.live import Live

        self._console = Console(highlight=False)
        self._live = Live(console=self._console, refresh_per_second=4, transient=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def note(self, text: str) -> None:
        """A line above the view."""
        self._console.print(text, markup=False, soft_wrap=True)  # a path that is broken cannot be copied

    def show(self, progress: Progress, changed: list[File]) -> None:
        """Draws it."""
        self._live.update(drawn(progress))


def drawn(progress: Progress) -> "RenderableType":
    """All that is on the screen, as narrow as it has to be."""
    from rich.console import Group
    from rich.text import Text

    parts: list[Any] = [Text(f"{_clock(progress.seconds)}  {progress.stage or 'starting'}", "bold")]
    feeds = progress.by_feed()
    if feeds:
        parts.append(_feeds(feeds))
    at_work = [file for file in progress.files.values() if file.is_at_work]
    if at_work:
        parts.append(_files(at_work))
    for feed_id, what, seconds in progress.waiting():
        parts.append(Text(f"waiting: {feed_id}{': ' if feed_id else ''}{what}, {seconds} s more at most", "yellow"))
    failed = [file for file in progress.files.values() if file.error]
    for file in failed[:_MOST_FAILED]:
        parts.append(Text(cell(f"failed: {file.feed_id}: {file.name}: {file.error}"), "red", overflow="ellipsis"))
    if failed[_MOST_FAILED:]:
        parts.append(Text(f"... and {len(failed) - _MOST_FAILED} more failed", "red"))
    return Group(*parts)


def _feeds(feeds: dict[str, list[File]]) -> "RenderableType":
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2, 0, 0))
    for _ in range(3):
        table.add_column(no_wrap=True, overflow="ellipsis")
    for feed_id, files in list(feeds.items())[:_MOST_FEEDS]:
        done = sum(not file.is_at_work for file in files)
        rows = sum(file.rows for file in files)
        told = f"{done}/{count_of(len(files), 'file')}, {bytes_of(sum(file.size for file in files))}"
        told += f", {count_of(rows, 'row')}" if rows else ""
        table.add_row(Text(feed_id), ProgressBar(total=1.0, completed=share_done(files), width=16), Text(told))
    more = len(feeds) - _MOST_FEEDS
    if more > 0:
        table.add_row(Text(f"... and {count_of(more, 'more feed')}"), "", "")
    return table


def _files(files: list[File]) -> "RenderableType":
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2, 0, 0))
    for _ in range(3):
        table.add_column(no_wrap=True, overflow="ellipsis")
    files.sort(key=lambda file: (list(STEPS).index(file.status), -file.fetched))
    for file in files[:_MOST_FILES]:
        told = f"{STEPS[file.status]} {bytes_of(file.size)}"
        table.add_row(
            Text(f"  {cell(file.name)}"), ProgressBar(total=1.0, completed=share_done([file]), width=16), told
        )
    more = len(files) - _MOST_FILES
    if more > 0:
        table.add_row(f"  ... and {more:,} more", "", "")
    return table


class PlainView:
    """Lines, each as something happens: for a pipe, a log, or a terminal that cannot draw."""

    def __init__(self) -> None:
        self._stage = ""
        self._waits: set[tuple[str, str]] = set()
        self._seconds = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def note(self, text: str) -> None:
        """A line."""
        print(f"{_clock(self._seconds)}  {text}", flush=True)

    def show(self, progress: Progress, changed: list[File]) -> None:
        """What is new."""
        self._seconds = progress.seconds
        if progress.stage and progress.stage != self._stage:
            self._stage = progress.stage
            self.note(self._stage)
        waits = progress.waiting()
        for feed_id, what, seconds in waits:
            if (feed_id, what) not in self._waits:
                self.note(f"{feed_id}: {what} (up to {seconds} s)" if feed_id else f"{what} (up to {seconds} s)")
        self._waits = {(feed_id, what) for feed_id, what, _ in waits}
        for file in changed:
            told = f"{file.status} ({bytes_of(file.size)})" if not file.error else f"FAILED ({file.error})"
            self.note(cell(f"{file.feed_id}: {file.name}: {told}"))


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes:3d}:{rest:02d}"
