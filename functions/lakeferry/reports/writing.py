"""Writes a run's reports: its part for each tenant, and the whole for the operator, under prefixes of their own."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from math import inf

from markupsafe import Markup

from lakeferry.models import report_folder, report_key
from lakeferry.reports.facts import FileFacts, RunFacts
from lakeferry.reports.gather import Gathered, Sources, gather
from lakeferry.reports.render import file_row, files_page, report_page
from lakeferry.reports.view import Page, shows_all

HTML = "text/html; charset=utf-8"
ON_A_PAGE = 500
"""Files of one of the pages that list all: some 400 KB."""


Put = Callable[[str, bytes], object]
"""Writes one page under its key, whole or not at all."""


class _Row:
    """A file's line on these pages, made for the first reader's and put on the others'."""

    __slots__ = ("_file", "_html", "_words", "path")

    def __init__(self, file: FileFacts, words: Callable[[str], str]) -> None:
        self.path = file.path
        self._file: FileFacts | None = file
        self._words = words
        self._html = Markup()

    @property
    def html(self) -> Markup:
        if self._file is not None:
            self._html, self._file = file_row(self._file, self._words), None
        return self._html


@dataclass(slots=True)
class _Pages:
    """The pages that list all files for one reader, written as they are full."""

    run: RunFacts
    whose: str
    put: Put
    pages: list[Page] = field(default_factory=list)
    _rows: list[_Row] = field(default_factory=list)

    def add(self, row: _Row) -> None:
        self._rows.append(row)
        if len(self._rows) == ON_A_PAGE:
            self.flush()

    def flush(self) -> None:
        """Writes those that are not written yet."""
        if not self._rows:
            return
        number = len(self.pages) + 1
        name, shown = f"files-{number:04}.html", [row.html for row in self._rows]
        self.put(report_folder(self.run.arn, self.whose) + name, files_page(self.run, self.whose, number, shown))
        self.pages.append(Page(name, self._rows[0].path, self._rows[-1].path, len(shown)))
        self._rows.clear()
        # a template's context refers to itself, and keeps what it was given until Python looks
        shown.clear()


def write_reports(
    sources: Sources,
    run: RunFacts,
    put: Put,
    *,
    link: str = "",
    words: Callable[[str], str] = str,
    left: Callable[[], float] = lambda: inf,
) -> list[str]:
    """Writes all of a run; the keys of its reports, the operator's first.

    Files are written as they are read: memory grows with a run's feeds, not with its files. Keys depend on the run
    alone, so what comes twice is written over.

    Args:
        link: Of the execution in the console.
        words: See `View`.
        left: See `gather`.
    """
    lists: dict[str, _Pages] = {}

    def seen(file: FileFacts) -> None:
        row = _Row(file, words)
        for whose in ("", file.feed_id.partition("/")[0]):
            if whose not in lists:
                lists[whose] = _Pages(run, whose, put)
            lists[whose].add(row)

    gathered = gather(sources, run, seen, left=left)
    keys = []
    for whose, part in _parts(gathered):
        pages = lists.get(whose)
        if pages is not None and (pages.pages or not shows_all(part)):
            pages.flush()
        body = report_page(part, whose, link=link, words=words, pages=pages.pages if pages else ())
        keys.append(report_key(run.arn, whose))
        put(keys[-1], body)
    return keys


def _parts(gathered: Gathered) -> Iterable[tuple[str, Gathered]]:
    yield "", gathered
    for tenant in gathered.tenants:
        yield tenant, gathered.of(tenant)
