"""Who answers at an address, where it is not the server that the feed names: looked at in failures only."""

import ftplib
import re
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress

from lakeferry.errors import LakeferryError
from lakeferry.servers.protocols import ports

LOOK_SECONDS = 3
"""For each of two looks: at what it says by itself, and at what it answers to TLS."""
_LOOK_BYTES = 200

_KINDS: tuple[tuple[re.Pattern[bytes], str], ...] = (
    (re.compile(rb"SSH-"), "SSH (server.protocol: sftp)"),
    (re.compile(rb"[\x14-\x17]\x03"), "TLS (server.protocol: ftps_implicit, or a web server)"),
    (re.compile(rb"HTTP/|\s*<(?:!|html|\?xml)", re.IGNORECASE), "HTTP, as a web server or load balancer does"),
    (re.compile(rb"[245]\d\d[ -][^\r\n]*\bE?SMTP\b", re.IGNORECASE), "SMTP, as a mail server does"),
    (re.compile(rb"\+OK|-ERR"), "POP3, as a mail server does"),
    (re.compile(rb"\* (?:OK|BYE|PREAUTH)"), "IMAP, as a mail server does"),
    (re.compile(rb"RFB \d"), "VNC"),
    (re.compile(rb"\xff[\xfb-\xfe]"), "Telnet"),
    (re.compile(rb"[1-5]\d\d[ -]"), "FTP (server.protocol: ftps or ftp)"),
)
_BUSY = re.compile(
    rb"busy|too many|try again|later|unavailable|overload|maximum|limit|exceed|not allowed|refused", re.IGNORECASE
)


class OtherProtocolError(ftplib.error_proto):
    """Who answers speaks no FTP, or not the kind of the feed."""


def kind_of(first: bytes) -> str | None:
    """What is spoken by who begins so."""
    return next((name for pattern, name in _KINDS if pattern.match(first)), None)


def is_tls(first: bytes) -> bool:
    return re.match(rb"[\x14-\x17]\x03", first) is not None


def says_something_else(first: bytes) -> bool:
    """Whether who says so, and no word of the protocol that is wanted, speaks another; who is busy does not."""
    return bool(first.strip()) and not _BUSY.search(first)


def is_begun(first: bytes, beginning: re.Pattern[bytes]) -> bool:
    """Whether the last line of what came can still become one of the protocol that is wanted: the line broke in it.

    Args:
        beginning: Matches the whole of each begun line, from its first letter on.
    """
    return beginning.fullmatch(first.rpartition(b"\n")[2].strip()) is not None


def told(first: bytes) -> str:
    """Who begins so, as part of a sentence, and what to look at in the feed."""
    kind = kind_of(first)
    speaks = f"speaks {kind}: it begins with" if kind else "says"
    return f"it {speaks} {first[:60]!r}. Check server.protocol and server.port of the feed ({ports()})"


def look(connect: Callable[[], socket.socket]) -> bytes | None:
    """The first bytes that come by themselves, or else in answer to the beginning of TLS; None where none come.

    Args:
        connect: Makes a connection of its own, of which no other is to know.
    """
    try:
        with connect() as connection:
            connection.settimeout(LOOK_SECONDS)
            with suppress(TimeoutError):
                return connection.recv(_LOOK_BYTES) or None
            connection.sendall(_client_hello())
            return connection.recv(_LOOK_BYTES) or None
    except (OSError, LakeferryError):  # it tells nothing about who it is
        return None


def _client_hello() -> bytes:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # nothing is said but this
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with suppress(ssl.SSLWantReadError):
        context.wrap_bio(incoming, outgoing).do_handshake()
    return outgoing.read()
