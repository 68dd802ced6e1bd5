"""Posts to a webhook's URL, which is a secret, and leads wherever whoever keeps it likes.

HTTPS alone, to addresses that the operator allows, within a time and a number of bytes; redirects are not followed.
"""

import http.client
import io
import re
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from lakeferry.errors import ChannelRefusedError, ChannelUnavailableError, FeedInvalidError
from lakeferry.servers.hiding import Hiding
from lakeferry.servers.networks import Networks, checked_addresses

SECONDS = 10.0
"""For a whole post, but for the look-up of the name."""
MOST_ANSWER = 64 * 1024
"""Bytes of an answer that are read, its headers included."""
_SAID = 300
"""Characters of an answer that messages quote."""
_MOST_ADDRESSES = 3
"""Of a name's, that are tried."""
_PASSING = frozenset({408, 425, 429})
"""Besides 5xx: time-out, too early, too many."""
_URL = re.compile(r"https://[!-~]{1,2000}")
_TELLING = 12
"""Characters of a part of the URL that may be its secret; shorter ones are words such as `services`."""


@dataclass(frozen=True, slots=True)
class _Place:
    """What a URL says: the host, as it is written in front of the path, its port and what is asked for there."""

    host: str
    netloc: str
    port: int
    target: str


class Webhook:
    """One URL."""

    def __init__(self, url: str, name: str, setting: str, networks: Networks) -> None:
        """
        Args:
            name: What messages call it; they never have the URL.
            setting: Of the feed, that named the URL's field, such as `notify.channels[0].url_secret`.
        """
        self._url, self._name, self._setting, self._networks = url.strip(), name, setting, networks
        self._hiding = Hiding({str(number): part for number, part in enumerate(_telling_parts(self._url))})

    def post(self, payload: bytes, seconds: float = SECONDS, headers: Mapping[str, str] | None = None) -> None:
        """Posts JSON, and returns once the other side has taken it.

        Args:
            headers: Besides our own; their values are in no message.

        Raises:
            ChannelUnavailableError: it may take it later.
            ChannelRefusedError: it never will, as it is.
        """
        given = headers or {}
        try:
            self._post(payload, time.monotonic() + seconds, given)
        except FeedInvalidError as error:  # an address that the operator does not allow
            self._hiding.clean(error)
            raise ChannelRefusedError(f"{self._name} is not called: {error}") from error
        except ssl.SSLCertVerificationError as error:
            self._hiding.clean(error)
            raise ChannelRefusedError(
                f"{self._name} is not called: its certificate cannot be trusted ({error.verify_message})."
            ) from error
        except UnicodeError as error:  # of the codec that writes names for DNS
            self._hiding.clean(error)
            raise ChannelRefusedError(f"{self._name} is not called: the host of its URL is no host name.") from error
        except (OSError, http.client.HTTPException) as error:
            self._hiding.clean(error)
            raise ChannelUnavailableError(
                f"{self._name} does not answer: {str(error) or type(error).__name__}."
            ) from error

    def _post(self, payload: bytes, deadline: float, given: Mapping[str, str]) -> None:
        place = self._place()
        with closing(self._connect(place, deadline)) as connection:
            asking = http.client.HTTPConnection(place.host, place.port)
            asking.sock = _Bounded(connection, deadline)
            headers = {
                "Host": place.netloc,
                "Content-Type": "application/json",
                "Accept": "*/*",
                "User-Agent": "Lakeferry",
                "Connection": "close",
                **given,
            }
            asking.request("POST", place.target, payload, headers)
            answer = asking.getresponse()
            if not 200 <= answer.status < 300:
                self._refuse(answer, given)

    def _refuse(self, answer: http.client.HTTPResponse, given: Mapping[str, str]) -> None:
        try:
            words = answer.read(_SAID).decode("utf-8", "replace").strip()
        except (OSError, http.client.HTTPException, ValueError):
            words = ""  # the status says enough
        said = self._hiding.hide(f"{self._name} answered {answer.status} {words or answer.reason}".strip())
        # an endpoint may say back what it was given: the value, and a token in it
        said = Hiding({key: part for key, value in given.items() for part in (value, value.split()[-1])}).hide(said)
        if answer.status in _PASSING or answer.status >= 500:
            raise ChannelUnavailableError(f"{said}.")
        if 300 <= answer.status < 400:
            raise ChannelRefusedError(
                f"{self._name} answered {answer.status}, a redirect, which is not followed: put the URL that it leads "
                "to into the secret, if it is the chat service's.",
                answer.status,
            )
        raise ChannelRefusedError(f"{said}.", answer.status)

    def _place(self) -> _Place:
        parts = None
        if _URL.fullmatch(self._url):
            try:
                parts = urlsplit(self._url)
                host, port = parts.hostname, parts.port or 443
            except ValueError:
                parts = None
        if parts is None or not host or "@" in parts.netloc:
            # the URL is in no message, not even of what is wrong with it
            raise ChannelRefusedError(
                f"{self._name} is not called: what is in the secret is no URL of the form https://host/path."
            )
        return _Place(host, parts.netloc, port, (parts.path or "/") + (f"?{parts.query}" if parts.query else ""))

    def _connect(self, place: _Place, deadline: float) -> ssl.SSLSocket:
        found = checked_addresses(self._networks, self._setting, place.host, place.port)[:_MOST_ADDRESSES]
        for left, address in zip(range(len(found), 0, -1), found, strict=True):
            try:
                plain = socket.create_connection((address, place.port), timeout=_left(deadline) / left)
                break
            except OSError:
                if left == 1:
                    raise
        try:
            plain.settimeout(_left(deadline))
            return _trust().wrap_socket(plain, server_hostname=place.host)
        except BaseException:
            plain.close()
            raise


class _Bounded:
    """A connection that gives up at the deadline, however slowly bytes come: what `http.client` needs of a socket."""

    def __init__(self, connection: ssl.SSLSocket, deadline: float) -> None:
        self._connection, self._deadline = connection, deadline

    def sendall(self, data: bytes) -> None:
        self._connection.settimeout(_left(self._deadline))
        self._connection.sendall(data)

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Answer(self._connection, self._deadline))

    def close(self) -> None:
        """Whoever connected closes it: an answer may be read yet."""


class _Answer(io.RawIOBase):
    """What comes back, until the deadline and up to so many bytes."""

    def __init__(self, connection: ssl.SSLSocket, deadline: float) -> None:
        self._connection, self._deadline, self._room = connection, deadline, MOST_ANSWER

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401  (any buffer)
        if self._room == 0:
            raise http.client.HTTPException(f"an answer of more than {MOST_ANSWER:,} bytes")
        self._connection.settimeout(_left(self._deadline))
        count = self._connection.recv_into(memoryview(buffer)[: self._room])
        self._room -= count
        return count


def _left(deadline: float) -> float:
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise TimeoutError("no answer in time")
    return seconds


@cache
def _trust() -> ssl.SSLContext:
    return ssl.create_default_context()


def _telling_parts(url: str) -> Iterator[str]:
    """The URL and what of it lets somebody post: it may come back in parts."""
    yield url
    try:
        parts = urlsplit(url)
    except ValueError:
        return
    yield f"{parts.path}?{parts.query}" if parts.query else parts.path
    # in whichever way it is quoted, which `Hiding` knows
    pieces = {*map(unquote, parts.path.split("/")), *(value for _, value in parse_qsl(parts.query))}
    yield from (piece for piece in pieces if len(piece) >= _TELLING)
