"""The server in front of moto's application: what the application sees of a request, and connections that stay."""

import contextlib
import io
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug.serving import make_server

from local.http_server import LONGEST_LINE, HttpServer

AS_THEY_COME = {"SERVER_SOFTWARE", "REMOTE_PORT", "SERVER_PORT", "wsgi.input", "wsgi.errors", "werkzeug.socket"}
BIG = 3_000_000


def seen(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    """Answers with what it was asked."""
    length = -1 if environ.get("wsgi.input_terminated") else int(environ.get("CONTENT_LENGTH") or 0)
    body = environ["wsgi.input"].read(length)
    told = {key: value for key, value in environ.items() if key not in AS_THEY_COME | {"wsgi.input_terminated"}}
    start_response("200 OK", [("Content-Type", "application/json"), ("x-amz-meta-a", "\xe4")])
    return [json.dumps({**told, "body": body.decode("latin-1")}, default=str).encode()]


class Asking:
    """A connection to a server."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), 10)
        self.file: Any = self.socket.makefile("rb")

    def __enter__(self) -> "Asking":
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()
        self.socket.close()

    def ask(self, request: bytes) -> tuple[str, dict[str, str], bytes]:
        """Status, headers and body of the answer."""
        self.socket.sendall(request)
        return self.answer(is_head=request.startswith(b"HEAD"))

    def answer(self, *, is_head: bool = False) -> tuple[str, dict[str, str], bytes]:
        status = self.file.readline().decode().strip()
        headers: dict[str, str] = {}
        while (line := self.file.readline().decode("latin-1").strip()) != "":
            name, _, value = line.partition(": ")
            headers[name.lower()] = value
        if is_head or " 100 " in status or " 204 " in status:
            return status, headers, b""
        if headers.get("transfer-encoding") == "chunked":
            return status, headers, b"".join(iter(self._chunk, b""))
        length = headers.get("content-length")
        return status, headers, self.file.read(None if length is None else int(length))

    def _chunk(self) -> bytes:
        data: bytes = self.file.read(int(self.file.readline(), 16))
        self.file.readline()
        return data

    @property
    def is_over(self) -> bool:
        return bool(self.file.read(1) == b"")


@contextlib.contextmanager
def serving(application: Any) -> Iterator[int]:
    with HttpServer(application, "127.0.0.1", 0) as server:
        yield server.port


@contextlib.contextmanager
def as_moto_serves(application: Any) -> Iterator[int]:
    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=MotoRequestHandler)
    server.log = lambda *_: None  # type: ignore[method-assign]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


HOST = b"Host: x:1\r\n"
REQUESTS = [
    b"GET / HTTP/1.1\r\n" + HOST + b"\r\n",
    b"GET /bucket/a%20b%2Fc%C3%A4?list-type=2&prefix=%2B+x HTTP/1.1\r\n" + HOST + b"\r\n",
    b"GET //bucket/a HTTP/1.1\r\n" + HOST + b"\r\n",
    b"GET /a?x=1?y#z HTTP/1.1\r\n" + HOST + b"\r\n",
    b"GET http://elsewhere:2/a/b?c=d HTTP/1.1\r\n" + HOST + b"\r\n",
    b"PUT /b/k HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\nContent-Type: text/csv\r\n\r\na,\xff\r\n",
    b"PUT /b/k HTTP/1.1\r\n" + HOST + b"Content-Length: 0\r\n\r\n",
    b"PUT /b/k HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n",
    b"PUT /b/k HTTP/1.1\r\n" + HOST + b"x-amz-meta-my_key: 1\r\nx-amz-meta-my_key: 2\r\nother_one: 3\r\n\r\n",
    b"PUT /b/k HTTP/1.1\r\n" + HOST + b"x-amz-meta-my_key: 1\r\nX-Amz-Meta-My-Key: 2\r\nx_y: 1\r\nX-Y: 2\r\n\r\n",
    b"POST / HTTP/1.1\r\n" + HOST + b"X-A: 1\r\nx-a:  \xe4 b\r\nEmpty:\r\nX-A:\t3\r\nContent-Length: 2\r\n\r\n{}",
    b"DELETE /b/k HTTP/1.1\n" + b"Host: x:1\n\n",
    b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n\r\n" % BIG + b"x" * BIG,
]


def test_the_application_sees_what_it_sees_behind_motos_server() -> None:
    answers = []
    for server in (serving, as_moto_serves):
        with server(seen) as port:
            told = []
            for request in REQUESTS:
                with Asking(port) as asking:
                    status, headers, body = asking.ask(request)
                told.append((status, headers["content-type"], headers["x-amz-meta-a"], json.loads(body)))
        answers.append(told)
    assert answers[0] == answers[1]
    assert [one[3]["body"] for one in answers[0]][5:9] == ["a,\xff\r\n", "", "hello!", ""]
    assert answers[0][8][3]["HTTP_X_AMZ_META_MY_KEY"] == "1,2"
    assert answers[0][9][3]["HTTP_X_AMZ_META_MY_KEY"] == "2"


def test_a_connection_stays_for_the_next_request_until_the_client_ends_it() -> None:
    with serving(seen) as port, Asking(port) as asking:
        for request in REQUESTS * 2:
            status, headers, _ = asking.ask(request)
            assert (status, headers.get("connection")) == ("HTTP/1.1 200 OK", None)
        _, headers, _ = asking.ask(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
        assert headers["connection"] == "close"
        assert asking.is_over


def test_requests_sent_at_once_are_answered_in_turn() -> None:
    with serving(seen) as port, Asking(port) as asking:
        asking.socket.sendall(
            b"GET /1 HTTP/1.1\r\n\r\n\r\nPUT /2 HTTP/1.1\r\nContent-Length: 1\r\n\r\nxGET /3 HTTP/1.1\r\n\r\n"
        )
        assert [json.loads(asking.answer()[2])["PATH_INFO"] for _ in range(3)] == ["/1", "/2", "/3"]


def test_a_client_that_asks_whether_to_go_on_is_told_to() -> None:
    with serving(seen) as port, Asking(port) as asking:
        head = b"PUT /b/k HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
        assert asking.ask(head)[0] == "HTTP/1.1 100 Continue"
        assert json.loads(asking.ask(b"ab")[2])["body"] == "ab"


def test_a_client_without_connections_that_stay_gets_its_answer_whole() -> None:
    with serving(seen) as port, Asking(port) as asking:
        _, headers, body = asking.ask(b"GET /a HTTP/1.0\r\n\r\n")
        assert "transfer-encoding" not in headers
        assert json.loads(body)["PATH_INFO"] == "/a"
        assert asking.is_over


@pytest.mark.parametrize("server", [serving, as_moto_serves])
def test_answers_are_as_long_as_they_say(server: Any) -> None:
    answers: dict[str, Any] = {
        "/length": ("200 OK", [("Content-Length", "3")], [b"abc"]),
        "/pieces": ("200 OK", [], [b"a" * 2_000_000, b"", b"b"]),
        "/nothing": ("200 OK", [], []),
        "/gone": ("204 NO CONTENT", [], []),
        "/head": ("200 OK", [("Content-Length", "1000")], []),
        "/long": ("206 PARTIAL CONTENT", [("Content-Length", "600000")], [b"c" * 300_000] * 2),
    }

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        status, headers, pieces = answers[environ["PATH_INFO"]]
        start_response(status, headers)
        return list(pieces)

    with server(application) as port:
        for path, (status, _, pieces) in answers.items():
            method = "HEAD" if path == "/head" else "GET"
            with Asking(port) as asking:
                found, headers, body = asking.ask(f"{method} {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            assert (found, body) == (f"HTTP/1.1 {status}", b"".join(pieces))
            assert "date" in headers
            assert headers.get("content-length", "").isdigit() or path in {"/pieces", "/nothing", "/gone"}


@pytest.mark.parametrize(
    "request_",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/2\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nA : 1\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: 1\r\n folded\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"A: 1\r\n" * 101 + b"\r\n",
        b"GET / HTTP/1.1\r\nA: " + b"x" * LONGEST_LINE + b"\r\n\r\n",
        b"PUT / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"PUT / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
        b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n",
    ],
)
def test_what_is_no_request_is_refused_and_others_are_answered(request_: bytes) -> None:
    asked: list[dict[str, Any]] = []

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        asked.append(environ)
        return seen(environ, start_response)

    with serving(application) as port:
        with Asking(port) as asking:
            assert asking.ask(request_)[0] == "HTTP/1.1 400 Bad Request"
            with contextlib.suppress(ConnectionError):  # what it did not read
                assert asking.is_over
        assert asked == []
        with Asking(port) as asking:
            assert asking.ask(b"GET / HTTP/1.1\r\n\r\n")[0] == "HTTP/1.1 200 OK"


WHOLE = b"PUT /b/k HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"
IN_CHUNKS = b"PUT /b/k HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\nTrailer: 1\r\n\r\n"


@pytest.mark.parametrize("request_", [WHOLE, IN_CHUNKS])
def test_half_a_request_of_a_function_that_was_killed_does_nothing(request_: bytes) -> None:
    asked: list[bytes] = []

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        asked.append(environ["wsgi.input"].read())
        start_response("200 OK", [("Content-Length", "0")])
        return []

    with serving(application) as port:
        for end in range(1, len(request_)):
            with Asking(port) as asking:
                asking.socket.sendall(request_[:end])
                asking.socket.shutdown(socket.SHUT_WR)
                with contextlib.suppress(ConnectionError):
                    assert asking.is_over
        assert asked == []
        with Asking(port) as asking:
            asking.ask(request_)
        assert asked == [b"abc"]


def test_an_application_that_fails_is_answered_for_and_half_an_answer_is_none() -> None:
    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterator[bytes]:
        if environ["PATH_INFO"] == "/half":
            start_response("200 OK", [("Content-Length", "10")])
            yield b"half"
        raise ValueError(environ["PATH_INFO"])

    with serving(application) as port:
        with Asking(port) as asking:
            assert asking.ask(b"GET /all HTTP/1.1\r\n\r\n")[0] == "HTTP/1.1 500 INTERNAL SERVER ERROR"
            assert asking.ask(b"GET /all HTTP/1.1\r\n\r\n")[0] == "HTTP/1.1 500 INTERNAL SERVER ERROR"
        with Asking(port) as asking:
            assert asking.ask(b"GET /half HTTP/1.1\r\n\r\n")[2] == b"half"
            assert asking.is_over


def test_answers_are_closed() -> None:
    closed = threading.Event()

    class Answer(io.BytesIO):
        def close(self) -> None:
            super().close()
            closed.set()

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Answer:
        start_response("200 OK", [])
        return Answer(b"a\nb")

    with serving(application) as port, Asking(port) as asking:
        assert asking.ask(b"GET / HTTP/1.1\r\n\r\n")[2] == b"a\nb"
        assert closed.wait(10)


def test_the_end_of_the_server_ends_connections_and_frees_its_port() -> None:
    begun, goes_on = threading.Event(), threading.Event()

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        begun.set()
        goes_on.wait(10)
        return seen(environ, start_response)

    with contextlib.ExitStack() as stack:
        with HttpServer(application, "127.0.0.1", 0) as server:
            idle, waiting = stack.enter_context(Asking(server.port)), stack.enter_context(Asking(server.port))
            waiting.socket.sendall(b"GET / HTTP/1.1\r\n\r\n")
            assert begun.wait(10)
        assert idle.is_over
        assert waiting.is_over
        with HttpServer(seen, "127.0.0.1", server.port) as again, Asking(again.port) as asking:
            assert asking.ask(b"GET / HTTP/1.1\r\n\r\n")[0] == "HTTP/1.1 200 OK"
        goes_on.set()


def test_many_ask_at_a_time() -> None:
    together = threading.Barrier(20, timeout=10)

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        together.wait()
        return seen(environ, start_response)

    with serving(application) as port, contextlib.ExitStack() as stack:
        asking = [stack.enter_context(Asking(port)) for _ in range(20)]
        for number, one in enumerate(asking):
            one.socket.sendall(f"GET /{number} HTTP/1.1\r\n\r\n".encode())
        assert [json.loads(one.answer()[2])["PATH_INFO"] for one in asking] == [f"/{number}" for number in range(20)]


def test_a_server_nobody_asks_uses_no_time() -> None:
    with serving(seen):
        before = time.process_time()
        time.sleep(0.2)
        assert time.process_time() - before < 0.1
