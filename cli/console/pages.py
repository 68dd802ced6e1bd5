"""What all pages have: the templates, times in the viewer's zone, who is looked at, and where a click leads."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Generic, TypeVar
from urllib.parse import quote, quote_plus, urlencode

from botocore.exceptions import BotoCoreError, ClientError
from jinja2 import Environment
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from cli.console.guard import Token
from cli.console.held import Holding, marked
from cli.console.known import feeds_of
from cli.console.place import Place
from cli.problems import CommandError
from lakeferry.ledger.datasets import is_name
from lakeferry.models import link_of
from lakeferry.reports.facts import moment, shown
from lakeferry.reports.render import templates_beside
from lakeferry.reports.timeline import duration

ROWS = 50
"""Rows of a table that a page has."""
LIVE_SECONDS = 2
"""So often a page of what goes on is made anew."""
_TEMPLATES = Path(__file__).parent / "templates"
_Row = TypeVar("_Row")


@dataclass(frozen=True, slots=True)
class Slice(Generic[_Row]):
    """One page of rows.

    Attributes:
        rows: Those of the page.
        count: Of all pages together.
    """

    rows: Sequence[_Row]
    page: int
    pages: int
    count: int

    @classmethod
    def of(cls, rows: Sequence[_Row], page: str | None, size: int = ROWS) -> "Slice[_Row]":
        """The page of a request; of numbers that are none the nearest."""
        pages = max(1, -(-len(rows) // size))
        number = int(page) if page and page.isascii() and page.isdigit() and len(page) < 9 else 1
        number = min(max(number, 1), pages)
        return cls(rows[(number - 1) * size : number * size], number, pages, len(rows))


@dataclass(slots=True)
class Console:
    """One console.

    Attributes:
        name: Of the stack, or the lake's folder.
        only: The one tenant it was started for; empty for all, and then a page may choose one.
        words: What texts become where they are read: on a laptop commands name a folder, not a stack.
        zone: Of times; None for this machine's, which is the viewer's: nobody else reaches it.
        command: The program and the options that name the stack, for what is done by a click.
    """

    place: Place
    token: Token
    name: str
    only: str = ""
    writes: bool = False
    words: Callable[[str], str] = str
    where: str = ""
    zone: tzinfo | None = None
    folder: Path | None = None
    extras: dict[str, Any] = field(default_factory=dict)
    holding: Holding = field(default_factory=Holding)

    @property
    def tenant_cookie(self) -> str:
        return f"{self.token.cookie}-tenant"

    def tenant(self, request: Request) -> str:
        """Whose part this viewer looks at; empty for all."""
        chosen = request.cookies.get(self.tenant_cookie, "")
        return self.only or (chosen if is_name("tenant", chosen) else "")


def console_of(request: Request) -> Console:
    """The console that a request is for."""
    found: Console = request.app.state.console
    return found


def page(request: Request, template: str, *, live: bool = False, status: int = 200, **given: object) -> Response:
    """A page from its template.

    Args:
        live: What it shows goes on: the browser asks again by itself, unless the viewer has stopped that.
    """
    console = console_of(request)
    is_paused = request.query_params.get("live") == "off"
    is_followed = live and not is_paused
    held = console.holding.of(request) if is_followed else console.holding.last(request)
    text = (
        _environment()
        .get_template(template)
        .render(
            console=console,
            request=request,
            path=request.url.path,
            tenant=console.tenant(request),
            tenants=_tenants(console) if status >= 400 else tenants_of(console),
            live=live,
            is_paused=is_paused,
            keeps_place=held is not None,
            here=lambda **changed: here(request, **changed),
            when=lambda value, short=False: when(value, console.zone, short=short),
            words=console.words,
            now=datetime.now(UTC),
            form_token=console.token.form,
            **given,
        )
    )
    if held is not None:
        text = marked(text, held)
    headers = {"Refresh": str(LIVE_SECONDS)} if is_followed else None
    return HTMLResponse(text.encode("utf-8", "replace"), status, headers)


def tenants_of(console: Console) -> list[str]:
    """Those that have feeds; of a console for one tenant that one."""
    if console.only:
        return [console.only]
    return sorted({feed_id.partition("/")[0] for feed_id in feeds_of(console.place, "")})


def _tenants(console: Console) -> list[str]:
    """Of a page that tells what is wrong: that may be why they cannot be read either."""
    try:
        return tenants_of(console)
    except (CommandError, BotoCoreError, ClientError):
        return []


def here(request: Request, **changed: object) -> str:
    """This page with other values of its query; None takes one away."""
    given = {name: value for name, value in request.query_params.items() if name in _KEPT} | changed
    query = urlencode({name: value for name, value in given.items() if value not in (None, "")})
    return f"{request.url.path}?{query}" if query else request.url.path


_KEPT = frozenset(
    {"q", "feed", "outcome", "page", "state", "file", "live", "month", "sql", "x", "y", "error", "days", "feeds"}
)


def link(*parts: str, **query: str) -> str:
    """The path of a page, with what others wrote quoted."""
    path = "/" + "/".join(quote(part, safe="") for part in parts)
    given = "&".join(f"{name}={_quoted(value)}" for name, value in query.items() if value)
    return f"{path}?{given}" if given else path


@lru_cache(maxsize=2048)
def _quoted(text: str) -> str:
    return quote_plus(text, errors="replace")


def when(value: object, zone: tzinfo | None, *, short: bool = False) -> Markup:
    """A time in the viewer's zone, with UTC beside it."""
    found = value if isinstance(value, datetime) else moment(value)
    if found is None:
        return escape(shown(value or ""))
    utc, local = found.astimezone(UTC), found.astimezone(zone)
    seconds = "" if short else ":%S"
    iso = escape(utc.isoformat(timespec="seconds").replace("+00:00", "Z"))
    if local.utcoffset() == utc.utcoffset():
        return Markup('<time datetime="{}">{} UTC</time>').format(iso, utc.strftime(f"%Y-%m-%d %H:%M{seconds}"))
    day = "%Y-%m-%d " if local.date() != utc.date() else ""
    return Markup('<time datetime="{}">{} <span class="dim">{} UTC</span></time>').format(
        iso, local.strftime(f"%Y-%m-%d %H:%M{seconds} %Z"), utc.strftime(f"{day}%H:%M{seconds}")
    )


@cache
def style() -> str:
    """The style sheet of all pages: the report's, and the console's own."""
    environment = templates_beside(_TEMPLATES)
    return "\n".join(environment.get_template(name).render() for name in ("style.css", "console.css"))


@cache
def _environment() -> Environment:
    environment = templates_beside(_TEMPLATES)
    digest = hashlib.sha256(style().encode()).hexdigest()[:12]
    environment.globals |= {
        "STYLE": f"/style.css?v={digest}",
        "link": link,
        "link_of": link_of,
        "NAVIGATION": NAVIGATION,
        "number": _number,
        "duration": duration,
    }
    return environment


def _number(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else "–"


NAVIGATION: Mapping[str, str] = {
    **{"/runs": "Runs", "/failures": "Failures", "/files": "Files", "/feeds": "Feeds"},
    **{"/promises": "Promises", "/query": "Query"},
}
