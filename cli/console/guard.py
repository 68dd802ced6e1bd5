"""Who may ask: this machine's browser, that was given the address; never another page in it, nor another user.

A page of somebody else's may send a browser here, by a name of its own that turns to loopback (Host), by a form
(Origin, the token of forms) or by a link (a cookie that is of this site alone). Users of this machine reach the port
too: without the token of the address that was printed, nothing is shown.
"""

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from urllib.parse import parse_qsl

from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LONGEST_FORM = 64_000
"""Bytes."""
CSP = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
REPORT_CSP = CSP.replace("style-src 'self'", "style-src 'unsafe-inline'")
"""Of a run's report, which has its style in itself, so that it can be sent as one file."""
HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    # without it a form's Origin would be "null"; nothing leaves this site
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Token:
    """The secret of one console's life, and those that are made of it."""

    def __init__(self, port: int, value: str | None = None) -> None:
        self.value = value or secrets.token_urlsafe(24)
        self.cookie = f"lakeferry-{port}"

    @property
    def form(self) -> str:
        """What a form must bring: a page's own, so that the address' alone changes nothing."""
        return hashlib.sha256(f"form:{self.value}".encode()).hexdigest()[:40]

    def is_form(self, text: str) -> bool:
        """Whether it is that."""
        return hmac.compare_digest(text.encode("utf-8", "replace"), self.form.encode())

    def is_mine(self, text: str) -> bool:
        """Whether it is the address'."""
        return hmac.compare_digest(text.encode("utf-8", "replace"), self.value.encode())


class Guard:
    """Asks of each request what it must have before a page sees it, and adds what browsers must keep to."""

    def __init__(self, app: ASGIApp, token: Token, port: int) -> None:
        self._app, self._token = app, token
        self._hosts = {f"{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]")}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        answer = self._refusal(scope)
        if answer is None:
            await self._app(scope, receive, _with_headers(send))
        else:
            await answer(scope, receive, _with_headers(send))

    def _refusal(self, scope: Scope) -> Response | None:
        headers = _headers(scope)
        host = headers.get("host", "")
        if host not in self._hosts:
            return PlainTextResponse("This is not the address of the console.\n", 421)
        if scope["method"] not in {"GET", "HEAD", "POST"}:
            return PlainTextResponse("No.\n", 405)
        origin = headers.get("origin")
        is_ours = origin == f"http://{host}" and headers.get("sec-fetch-site", "same-origin") == "same-origin"
        if (scope["method"] == "POST" or origin is not None) and not is_ours:
            return PlainTextResponse("Another page asked for this.\n", 403)
        given = dict(parse_qsl(scope["query_string"].decode("latin-1"))).get("token")
        if scope["path"] == "/" and given is not None and self._token.is_mine(given):
            return self._welcome()
        if not self._token.is_mine(_cookies(headers).get(self._token.cookie, "")):
            return PlainTextResponse(
                "Open the address that `lakeferry console` printed: it has a token in it, which this request lacks.\n",
                401,
            )
        return None

    def _welcome(self) -> Response:
        answer = RedirectResponse("/", 303)
        answer.set_cookie(self._token.cookie, self._token.value, httponly=True, samesite="strict")
        return answer


def _headers(scope: Scope) -> dict[str, str]:
    """By name; what comes twice comes from nobody who means well, and is joined into what fits nothing."""
    found: dict[str, str] = {}
    for name, value in scope["headers"]:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        found[key] = f"{found[key]}; {text}" if key in found else text
    return found


def _cookies(headers: Mapping[str, str]) -> dict[str, str]:
    pairs = (one.strip().partition("=") for one in headers.get("cookie", "").split(";"))
    return {name: value for name, _, value in pairs}


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            have = {name.lower() for name, _ in message.get("headers", ())}
            more = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
            message["headers"] = [*message.get("headers", ()), *(one for one in more if one[0] not in have)]
        await send(message)

    return sending
