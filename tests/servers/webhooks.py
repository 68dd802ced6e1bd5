"""A chat service's webhook: HTTPS on loopback, with a certificate of its own authority, that answers as it is told."""

import json
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.servers.certificates import LOOPBACK, Authority


@dataclass(frozen=True, slots=True)
class Posted:
    """One request."""

    path: str
    headers: dict[str, str]
    body: Any


@dataclass
class Chat:
    """What was posted, and what is answered.

    Attributes:
        answers: Status and text, or what to do with the connection instead, one after the other; then 200 `ok`.
    """

    port: int
    trust: Path
    posted: list[Posted] = field(default_factory=list)
    answers: list[tuple[int, str] | Callable[[BaseHTTPRequestHandler], None]] = field(default_factory=list)

    def url(self, path: str = "/services/T00000000/B00000000/abcdefghijklmnopqrstuvwx") -> str:
        return f"https://localhost:{self.port}{path}"


@contextmanager
def chat(folder: Path, names: Sequence[str] = LOOPBACK, days: tuple[int, int] = (-1, 30)) -> Iterator[Chat]:
    """Runs one. Whoever is to trust it reads the authority's certificate from `trust`."""
    authority = Authority("chat's CA")
    certificate, key = authority.issue(*names, days=days)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "chat.pem").write_text(certificate + key)
    (folder / "authority.pem").write_text(authority.bundle)
    made: list[Chat] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            (chat,) = made
            body = self.rfile.read(int(self.headers["Content-Length"]))
            chat.posted.append(Posted(self.path, dict(self.headers), json.loads(body)))
            answer = chat.answers.pop(0) if chat.answers else (200, "ok")
            if callable(answer):
                answer(self)
                return
            status, text = answer
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", chat.url("/elsewhere"))
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "chat.pem")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    # in the request's own thread, or one that does not speak TLS would stop all others
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    made.append(Chat(server.server_address[1], folder / "authority.pem"))
    thread = threading.Thread(target=server.serve_forever, args=[0.02], daemon=True)
    thread.start()
    try:
        yield made[0]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
