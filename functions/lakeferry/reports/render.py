"""HTML from what is known: one file each, with no script, nothing to fetch, and every text escaped."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from lakeferry.counting import bytes_of, count_of
from lakeferry.errors import cause_of
from lakeferry.reports.facts import FileFacts, RunFacts, shown
from lakeferry.reports.gather import Gathered
from lakeferry.reports.timeline import LETTERS
from lakeferry.reports.view import Page, View, view_of
from lakeferry.version import VERSION

OUTCOMES = {
    **{"CURATED": ("good", "in the lake"), "UPLOADED": ("open", "landed, waits to be curated")},
    **{"FAILED": ("failed", "failed"), "RELEASED": ("open", "changed on the server")},
    **{"SUPERSEDED": ("quiet", "replaced by a newer one"), "DUPLICATE": ("quiet", "same content as one before")},
    **dict.fromkeys(("CLAIMED", "FETCHED", "VALIDATED"), ("open", "unfinished; the next run goes on")),
}
SIGNS = {
    **{"good": "\N{CHECK MARK}", "failed": "\N{MULTIPLICATION X}", "open": "\N{HORIZONTAL ELLIPSIS}"},
    **{"left": "\N{LEFTWARDS ARROW}", "quiet": "\N{EN DASH}", "none": ""},
}
"""A sign of each verdict, beside its colour and its words."""
WORDS = {"good": "good", "failed": "failed", "open": "unfinished", "left": "some left", "quiet": "nothing new"}


@cache
def _templates() -> Environment:
    """Reads the templates once a process."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"shown": shown, "bytes": bytes_of, "moment": _moment, "count_of": count_of}
    environment.globals |= {
        **{"SIGNS": SIGNS, "WORDS": WORDS, "LETTERS": LETTERS, "outcome_of": outcome_of, "VERSION": VERSION},
        **{"cause_of": cause_of},
    }
    return environment


def templates_beside(folder: Path) -> Environment:
    """The report's templates, with others of a folder that build on them: the console's."""
    own = FileSystemLoader([folder, Path(__file__).parent / "templates"])
    return _templates().overlay(loader=own)


def report_page(
    gathered: Gathered,
    whose: str = "",
    *,
    link: str = "",
    words: Callable[[str], str] = str,
    pages: Sequence[Page] = (),
    now: datetime | None = None,
) -> bytes:
    """The report of a run, UTF-8; see `view_of` for the arguments."""
    view: View = view_of(gathered, whose, link=link, words=words, pages=pages)
    text = _templates().get_template("report.html").render(view=view, run=gathered.run, now=now or datetime.now(UTC))
    return text.encode("utf-8", "replace")


def files_page(run: RunFacts, whose: str, number: int, rows: Sequence[Markup]) -> bytes:
    """One of the pages that list all files of a run; see `file_row`."""
    text = _templates().get_template("files.html").render(run=run, whose=whose, number=number, rows=rows)
    return text.encode("utf-8", "replace")


def file_row(file: FileFacts, words: Callable[[str], str]) -> Markup:
    """A file's line on those pages, whoever reads them."""
    row: Markup = _templates().get_template("parts.html").module.file_row(file, True, words)  # type: ignore[attr-defined]
    return row


def outcome_of(file: FileFacts) -> tuple[str, str]:
    """Kind and words of what became of a file."""
    if file.status == "UPLOADED" and file.is_dropped:
        return "quiet", "landed; will not be curated"
    return OUTCOMES.get(file.status, ("quiet", shown(file.status.lower())))


def _moment(value: datetime | None) -> str:
    return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if value else ""
