"""The HTTP server in front of moto's application: connections that stay, a thread for each of them.

werkzeug's own, which `moto.server` takes, begins a connection, a thread and a selector for each call, has the headers
read by the parser of e-mail and closes again: as much of the processor as moto itself takes for most calls. The
application is moto's, and sees of a request what it sees there (tests/local/test_http_server.py compares them).
"""

import contextlib
import io
import socket
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from email.utils import formatdate
from types import TracebackType
from typing import IO, Any, Self
from urllib.parse import unquote, urlsplit

LONGEST_LINE, MOST_HEADERS = 65_536, 100
JOINED_BYTES = 256 * 1024
"""A piece of an answer up to which it goes out together with the headers."""
WITHOUT_BODY = {"204", "304"}
END = {b"\r\n", b"\n"}
"""Of the headers, and of a piece."""
Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class RefusedError(Exception):
    """What came is no request: told as `400 Bad Request`, and the connection ends."""


class HttpServer:
    """Serves an application on an address, in threads, from `with` to its end."""

    def __init__(self, application: Application, host: str, port: int) -> None:
        """Takes the address; 0 for a port that is free."""
        self._application = application
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.create_server((host, port), family=family, backlog=128)
        self.host, self.port = self._socket.getsockname()[:2]
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._ended = False
        self._accepting = threading.Thread(target=self._accept, name="http", daemon=True)

    def __enter__(self) -> Self:
        self._accepting.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ends every connection, also one that waits for its answer."""
        self._ended = True
        with contextlib.suppress(OSError):  # whoever accepts notices
            socket.create_connection((self.host, self.port), 5).close()
        self._accepting.join()
        self._socket.close()
        with self._lock:
            for connection in self._connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while not self._ended:
            try:
                connection, client = self._socket.accept()
            except OSError:  # it was gone again before it was taken
                continue
            threading.Thread(target=self._serve, args=(connection, client), name="http", daemon=True).start()

    def _serve(self, connection: socket.socket, client: tuple[Any, ...]) -> None:
        with self._lock:
            self._connections.add(connection)
        try:
            # the other end may go at any time, as a function does that is killed
            with connection, contextlib.suppress(OSError), connection.makefile("rb", LONGEST_LINE) as file_:
                file: Any = file_
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                about = {
                    "wsgi.version": (1, 0), "wsgi.url_scheme": "http", "wsgi.errors": sys.stderr,
                    "wsgi.multithread": True, "wsgi.multiprocess": False, "wsgi.run_once": False,
                    # the body is here, all of it
                    "wsgi.input_terminated": True, "SCRIPT_NAME": "",
                    "SERVER_NAME": self.host, "SERVER_PORT": str(self.port),
                    "REMOTE_ADDR": client[0], "REMOTE_PORT": client[1],
                }  # fmt: skip
                while not self._ended and _one_request(connection, file, about, self._application):
                    pass
        finally:
            with self._lock:
                self._connections.discard(connection)


def _one_request(
    connection: socket.socket, file: IO[bytes], about: Mapping[str, Any], application: Application
) -> bool:
    """Reads a request and answers it; False where nothing more is to come."""
    try:
        environ = _head(file, about)
        if environ is None:
            return False
        if environ.get("HTTP_EXPECT", "").strip().lower() == "100-continue":
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = _body(file, environ)
    except RefusedError:
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        return False
    environ["wsgi.input"] = io.BytesIO(body)
    stays = environ["SERVER_PROTOCOL"] == "HTTP/1.1" and "close" not in environ.get("HTTP_CONNECTION", "").lower()
    answer = _Answer(connection, environ, stays=stays)
    try:
        answer.give(application)
    except OSError:
        raise
    except Exception:
        if answer.has_begun:  # nothing but an end can tell of it
            return False
        from werkzeug.exceptions import InternalServerError

        answer.give(InternalServerError())
    return answer.stays


def _head(file: IO[bytes], about: Mapping[str, Any]) -> dict[str, Any] | None:
    """The request's line and headers as WSGI has them; None where the other end says nothing more.

    Raises:
        RefusedError: it is none.
    """
    line = _line(file)
    while line in END:  # some send one after a body
        line = _line(file)
    if not line:
        return None
    try:
        method, target, version = line.decode("latin-1").split()
    except ValueError as error:
        raise RefusedError from error
    if version not in {"HTTP/1.1", "HTTP/1.0"}:
        raise RefusedError
    if target.startswith("//"):  # or the first part would be taken for a host
        target = f"/{target.lstrip('/')}"
    url = urlsplit(target)
    environ = {
        **about, "REQUEST_METHOD": method, "SERVER_PROTOCOL": version, "REQUEST_URI": target, "RAW_URI": target,
        # WSGI has texts whose letters are bytes
        "PATH_INFO": unquote(url.path).encode().decode("latin-1"), "QUERY_STRING": url.query,
    }  # fmt: skip
    _take_headers(file, environ)
    if url.scheme and url.netloc:
        environ["HTTP_HOST"] = url.netloc
    return environ


def _take_headers(file: IO[bytes], environ: dict[str, Any]) -> None:
    preserved: list[tuple[str, str]] = []
    for _ in range(MOST_HEADERS + 1):
        line = _next_line(file)
        if line in END:
            break
        name, colon, value = line.decode("latin-1").partition(":")
        if not colon or not name or name != name.strip():
            raise RefusedError
        value = value.strip(" \t\r\n")
        if "_" in name:  # WSGI cannot tell it from one with dashes
            preserved.append((name, value))
            continue
        key = name.upper().replace("-", "_")
        if key not in {"CONTENT_TYPE", "CONTENT_LENGTH"}:
            key = f"HTTP_{key}"
            value = f"{environ[key]},{value}" if key in environ else value
        environ[key] = value
    else:
        raise RefusedError
    _preserve(preserved, environ)


def _preserve(headers: Iterable[tuple[str, str]], environ: dict[str, Any]) -> None:
    """Names of S3's metadata may have underscores, which moto tells from dashes."""
    from moto.core.request import (
        PRESERVED_HEADER_NAMES_ENVIRON_KEY,
        environ_key_for_header,
        should_preserve_original_header_name,
    )

    names: dict[str, str] = {}
    for name, value in headers:
        key = environ_key_for_header(name)
        if should_preserve_original_header_name(name) and (key not in environ or key in names):
            environ[key] = f"{environ[key]},{value}" if key in names else value
            names.setdefault(key, name)
    environ[PRESERVED_HEADER_NAMES_ENVIRON_KEY] = names


def _body(file: IO[bytes], environ: Mapping[str, Any]) -> bytes:
    if "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower():
        return b"".join(_chunks(file))
    return _exactly(file, _number(environ.get("CONTENT_LENGTH") or "0", 10))


def _chunks(file: IO[bytes]) -> Iterable[bytes]:
    while size := _number(_next_line(file).partition(b";")[0].decode("latin-1").strip(), 16):
        yield _exactly(file, size)
        if _next_line(file) not in END:
            raise RefusedError
    while _next_line(file) not in END:  # trailers
        pass


def _number(text: str, base: int) -> int:
    try:
        number = int(text, base)
    except ValueError as error:
        raise RefusedError from error
    if number < 0:
        raise RefusedError
    return number


def _exactly(file: IO[bytes], size: int) -> bytes:
    data = file.read(size) if size else b""
    if len(data) < size:
        raise ConnectionError  # it ended in the middle
    return data


def _line(file: IO[bytes]) -> bytes:
    """With its end; empty where the other end has gone between two requests."""
    line = file.readline(LONGEST_LINE + 1)
    if len(line) > LONGEST_LINE:
        raise RefusedError
    if line and not line.endswith(b"\n"):
        raise ConnectionError  # it ended in the middle
    return line


def _next_line(file: IO[bytes]) -> bytes:
    if not (line := _line(file)):
        raise ConnectionError
    return line


class _Answer:
    """What the application answers, on its way."""

    def __init__(self, connection: socket.socket, environ: dict[str, Any], *, stays: bool) -> None:
        self.stays, self.has_begun = stays, False
        self._connection, self._environ = connection, environ
        self._status, self._headers = "", list[tuple[str, str]]()
        self._in_chunks = False

    def give(self, application: Application) -> None:
        found = application(self._environ, self._start)
        try:
            for piece in found:
                self._write(piece)
            if not self.has_begun:
                self._write(b"")
            if self._in_chunks:
                self._connection.sendall(b"0\r\n\r\n")
        finally:
            if hasattr(found, "close"):
                found.close()

    def _start(self, status: str, headers: list[tuple[str, str]], error: object = None) -> Callable[[bytes], None]:
        self._status, self._headers = status, headers
        return self._write

    def _write(self, data: bytes) -> None:
        head = b"" if self.has_begun else self._head()
        self.has_begun = True
        if data and self._in_chunks:
            data = b"%x\r\n%b\r\n" % (len(data), data)
        if head and len(data) > JOINED_BYTES:
            self._connection.sendall(head)
            head = b""
        if head or data:
            self._connection.sendall(head + data if head else data)

    def _head(self) -> bytes:
        names = {name.lower() for name, _ in self._headers}
        has_body = self._environ["REQUEST_METHOD"] != "HEAD" and self._status[:3] not in WITHOUT_BODY
        if has_body and "content-length" not in names:
            # HTTP/1.0 has no chunks: its body ends with the connection
            self._in_chunks = self._environ["SERVER_PROTOCOL"] == "HTTP/1.1"
            self.stays = self.stays and self._in_chunks
        lines = [f"HTTP/1.1 {self._status}", *(f"{name}: {value}" for name, value in self._headers)]
        if "date" not in names:
            lines.append(f"Date: {formatdate(usegmt=True)}")
        if self._in_chunks:
            lines.append("Transfer-Encoding: chunked")
        if not self.stays:
            lines.append("Connection: close")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
