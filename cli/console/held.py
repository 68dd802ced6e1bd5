"""What a viewer has in hand on a page that is made anew by itself: where the focus is, and what is open.

A page that is loaded again keeps its place, and loses the rest. No script tells the console what that is: a style
sheet of the page's own has a picture for each thing that may have the focus or be open, and the browser asks for it
when that comes true. The next page then begins where the viewer was, and while somebody fills in a field there is none.
"""

import asyncio
import hashlib
import re
import secrets
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from cli.problems import NothingMatchedError

MOST = 64
"""Pages whose state is kept."""
KEPT_SECONDS = 120
"""For so long after it was made, or told of."""
LONGEST_WAIT = 300
"""Seconds for which a page waits until a field is left."""
_LOOK = 0.2
_TAG = re.compile(r"<(/?svg|a|button|summary|input|select|textarea|details|pre|div)\b([^>]*)>")
"""What our templates write: values in attributes are escaped, so none has a `>` in it."""
_ATTRIBUTE = re.compile(r' (id|href|name|aria-label|type|tabindex)="([^"]*)"')
_FIELDS = frozenset({"input", "select", "textarea"})
_NOTHING = "none"


@dataclass(slots=True)
class Held:
    """Of one page, by its address.

    Attributes:
        number: How often it was made.
        focus: The key of what has the focus; empty for nothing.
        toggled: Keys of what is open, or shut, other than the page has it by itself.
        fields: Keys of what is filled in.
    """

    name: str = field(default_factory=lambda: secrets.token_urlsafe(9))
    number: int = 0
    focus: str = ""
    toggled: set[str] = field(default_factory=set)
    fields: set[str] = field(default_factory=set)
    css: str = ""
    at: float = field(default_factory=time.monotonic)

    @property
    def is_filled_in(self) -> bool:
        return self.focus in self.fields


class Holding:
    """What is held of all pages of one console."""

    def __init__(self) -> None:
        self._held: dict[str, Held] = {}
        self._lock = threading.Lock()

    def of(self, request: Request) -> Held:
        """Of the page that is asked for: what was held of it, where the browser asks again by itself."""
        address = _address(request)
        with self._lock:
            held = self._held.pop(address, None)
            is_new = held is None or not _asks_again(request) or time.monotonic() - held.at > KEPT_SECONDS
            if held is None or is_new:
                held = Held()
            held.at = time.monotonic()
            self._held[address] = held
            while len(self._held) > MOST:
                del self._held[next(iter(self._held))]
            return held

    def last(self, request: Request) -> Held | None:
        """What was held of a page that has just stopped to be made anew; None where nothing was."""
        address = _address(request)
        return None if address not in self._held or not _asks_again(request) else self.of(request)

    def named(self, name: str) -> Held:
        """By the name that the page was given.

        Raises:
            NothingMatchedError: no page has it.
        """
        with self._lock:
            for held in self._held.values():
                if held.name == name:
                    return held
        raise NothingMatchedError("no page is held under this name")

    async def wait(self, request: Request) -> None:
        """Until nobody fills in a field of the page that is asked for again: what was typed would be lost."""
        address = _address(request)
        held = self._held.get(address)
        if held is None or not _asks_again(request):
            return
        ends = time.monotonic() + LONGEST_WAIT
        while held.is_filled_in and time.monotonic() < ends and not await request.is_disconnected():
            held.at = time.monotonic()
            await asyncio.sleep(_LOOK)


def _asks_again(request: Request) -> bool:
    """Whether the page asks for itself: links to it, addresses that are typed and forms come from elsewhere."""
    own = request.url
    return request.headers.get("referer", "").partition("#")[0] == f"{own.scheme}://{own.netloc}{_address(request)}"


def _address(request: Request) -> str:
    # as it was sent: other ways to write it are other pages
    query: bytes = request.scope["query_string"]
    path: bytes = request.scope.get("raw_path") or request.url.path.encode()
    return f"{path.decode('latin-1')}{'?' if query else ''}{query.decode('latin-1')}"


def marked(html: str, held: Held) -> str:
    """The page with what is held of it, and a key for each thing that may have the focus or be open."""
    held.number += 1
    seen: Counter[str] = Counter()
    held.fields = set()
    rules: list[str] = []
    has_focus, drawings = False, 0

    def mark(found: re.Match[str]) -> str:
        nonlocal has_focus, drawings
        tag, rest = found[1], found[2]
        if tag.endswith("svg"):
            drawings += 1 if tag == "svg" else -1
            return found[0]
        values = dict(_ATTRIBUTE.findall(rest))
        if (tag in {"pre", "div"} and "tabindex" not in values) or values.get("type") == "hidden":
            return found[0]
        own = values.get("href") or values.get("id") or values.get("name") or values.get("aria-label", "")
        what = f"{tag} {own}"
        seen[what] += 1
        key = "k" + hashlib.sha256(f"{what} {seen[what]}".encode()).hexdigest()[:10]
        if tag == "details":
            is_open = rest.endswith(" open")
            rules.append(_toggle(held, key, is_open=is_open))
            if key in held.toggled:
                rest = rest.removesuffix(" open") if is_open else f"{rest} open"
            return f'<details{rest} data-at="{key}">'
        if tag in _FIELDS:
            held.fields.add(key)
        rules.append(_focus(held, key, in_drawing=drawings > 0))
        is_here = key == held.focus and not has_focus
        has_focus = has_focus or is_here
        return f'<{tag}{rest} data-at="{key}"{" autofocus" if is_here else ""}>'

    text = _TAG.sub(mark, html)
    if not has_focus:
        # with it the focus comes a moment after the page, and "nothing" would be told in between
        rules.append(f"body:not(:has(:focus))>footer{{{_picture(held, 'focus', _NOTHING)}}}")
        held.focus = ""
    held.css = "\n".join(rules)
    link = Markup('<link rel="stylesheet" href="/held/{}.css?n={}">').format(held.name, held.number)
    return text.replace("</body>", f"{link}</body>")


def _focus(held: Held, key: str, *, in_drawing: bool) -> str:
    # what is drawn has no background of its own
    where = f'svg:has([data-at="{key}"]:focus)' if in_drawing else f'[data-at="{key}"]:focus'
    return f"{where}{{{_picture(held, 'focus', key)}}}"


def _toggle(held: Held, key: str, *, is_open: bool) -> str:
    """Two pictures: that it is other than the page has it by itself, and that it has been made so again."""
    other, same = ("not([open])", "is([open])") if is_open else ("is([open])", "not([open])")
    return (
        f'details[data-at="{key}"]:{other}{{{_picture(held, "other", key)}}}'
        f'details[data-at="{key}"]:{same}:has(>summary:focus){{{_picture(held, "same", key)}}}'
    )


def _picture(held: Held, what: str, key: str) -> str:
    return f"background-image:url(/held/{held.name}/{what}/{key}?n={held.number})"


def sheet(request: Request) -> Response:
    """The style sheet of one page."""
    return Response(_named(request).css, media_type="text/css")


def tell(request: Request) -> Response:
    """Takes what a picture tells."""
    held, what, key = _named(request), request.path_params["what"], request.path_params["key"]
    held.at = time.monotonic()
    if what == "focus":
        held.focus = "" if key == _NOTHING else key
    elif what == "other" and len(held.toggled) < 1_000:
        held.toggled.add(key)
    elif what == "same":
        held.toggled.discard(key)
    return Response(status_code=204)


def _named(request: Request) -> Held:
    holding: Holding = request.app.state.console.holding
    return holding.named(request.path_params["name"])
