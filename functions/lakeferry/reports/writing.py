"""Writes a run's reports: its part for each tenant, and the whole for the operator, under prefixes of their own."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from math import inf

from lakeferry.models import report_folder, report_key
from lakeferry.reports.facts import FileFacts, RunFacts
from lakeferry.reports.gather import Gathered, Sources, gather
from lakeferry.reports.render import files_page, report_page
from lakeferry.reports.view import Page, shows_all

HTML = "text/html; charset=utf-8"
ON_A_PAGE = 500
"""Files of one of the pages that list all: some 400 KB."""


Put = Callable[[str, bytes], object]
"""Writes one page under its key, whole or not at all."""


@dataclass(slots=True)
class _Pages:
    """The pages that list all files for one reader, written as they are full."""

    run: RunFacts
    whose: str
    put: Put
    words: Callable[[str], str]
    pages: list[Page] = field(default_factory=list)
    _files: list[FileFacts] = field(default_factory=list)

    def add(self, file: FileFacts) -> None:
        self._files.append(file)
        if len(self._files) == ON_A_PAGE:
            self.flush()

    def flush(self) -> None:
        """Writes those that are not written yet."""
        if not self._files:
            return
        number = len(self.pages) + 1
        name, files = f"files-{number:04}.html", self._files
        self.put(
            report_folder(self.run.arn, self.whose) + name, files_page(self.run, self.whose, number, files, self.words)
        )
        self.pages.append(Page(name, files[0].path, files[-1].path, len(files)))
        # emptied, not replaced: a template's context refers to itself, and keeps what it was given until Python looks
        files.clear()


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
        for whose in ("", file.feed_id.partition("/")[0]):
            if whose not in lists:
                lists[whose] = _Pages(run, whose, put, words)
            lists[whose].add(file)

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
