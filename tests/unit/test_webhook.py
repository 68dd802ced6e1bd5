"""Posts to webhooks, to a real HTTPS server: within time and bytes, nowhere else, and without the URL in a word."""

import socket
import ssl
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from lakeferry.channels import webhook as module
from lakeferry.channels.webhook import Webhook
from lakeferry.errors import ChannelRefusedError, ChannelUnavailableError, LakeferryError
from lakeferry.servers.networks import ANYWHERE, DENIED, Networks
from tests.servers.webhooks import Chat, chat

SETTING = "notify.channels[0].url_secret"
SIG = "Zm9vYmFyYmF6cXV4LXNpZ25hdHVyZQ"
PATH = f"/workflows/0123456789abcdef0123456789abcdef/triggers/manual/paths/invoke?api-version=1&sp=%2Frun&sig={SIG}"


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Chat]:
    with chat(tmp_path) as service:
        monkeypatch.setattr(module, "_trust", lambda: ssl.create_default_context(cafile=str(service.trust)))
        yield service


def to(url: str, networks: Networks = ANYWHERE) -> Webhook:
    return Webhook(url, "Slack channel slack_url", SETTING, networks)


def said(raised: pytest.ExceptionInfo[LakeferryError]) -> str:
    """Everything that a log would have of it."""
    return "".join(traceback.format_exception(raised.value))


def test_json_is_posted(service: Chat) -> None:
    to(service.url()).post(b'{"text": "a"}')
    (posted,) = service.posted
    assert posted.body == {"text": "a"}
    assert posted.path == "/services/T00000000/B00000000/abcdefghijklmnopqrstuvwx"
    assert posted.headers["Content-Type"] == "application/json"
    assert posted.headers["Host"] == f"localhost:{service.port}"


def test_the_query_goes_along(service: Chat) -> None:
    service.answers = [(202, "")]
    to(service.url(PATH)).post(b"{}")
    assert service.posted[0].path == PATH


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_what_passes_is_tried_again(service: Chat, status: int) -> None:
    service.answers = [(status, "later")]
    with pytest.raises(ChannelUnavailableError, match=f"Slack channel slack_url answered {status} later"):
        to(service.url()).post(b"{}")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 410, 413])
def test_what_does_not_pass_is_refused(service: Chat, status: int) -> None:
    service.answers = [(status, "no_service")]
    with pytest.raises(ChannelRefusedError, match=f"answered {status} no_service"):
        to(service.url()).post(b"{}")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(service: Chat, status: int) -> None:
    service.answers = [(status, "")]
    with pytest.raises(ChannelRefusedError, match="a redirect, which is not followed"):
        to(service.url()).post(b"{}")
    assert len(service.posted) == 1


@pytest.mark.parametrize("status", [404, 500])
def test_a_service_that_repeats_the_url_tells_nobody(service: Chat, status: int) -> None:
    url = service.url(PATH)
    service.answers = [(status, f"{url} {PATH} sig={SIG} 0123456789abcdef0123456789abcdef\n")]
    with pytest.raises((ChannelRefusedError, ChannelUnavailableError)) as raised:
        to(url).post(b"{}")
    for part in (url, PATH, SIG, "0123456789abcdef0123456789abcdef"):
        assert part not in said(raised)
    assert "[hidden]" in said(raised)


def nothing(handler: BaseHTTPRequestHandler) -> None:
    handler.close_connection = True


def drip(handler: BaseHTTPRequestHandler) -> None:
    """A letter at a time, each within any time-out of a socket."""
    for letter in b"HTTP/1.1 200 OK\r\nX: " + b"x" * 1_000:
        try:
            handler.wfile.write(bytes([letter]))
        except OSError:
            return
        time.sleep(0.05)


def no_end(handler: BaseHTTPRequestHandler) -> None:
    try:
        handler.wfile.write(b"HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            handler.wfile.write(b"ffff\r\n" + b"x" * 0xFFFF + b"\r\n")
    except OSError:
        return


def only_hundreds(handler: BaseHTTPRequestHandler) -> None:
    try:
        while True:
            handler.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n" * 100)
    except OSError:
        return


def no_http(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"220 chat.example ESMTP\r\n")
    handler.close_connection = True


@pytest.mark.parametrize(
    ("behaviour", "error"),
    [
        (nothing, ChannelUnavailableError),
        (drip, ChannelUnavailableError),
        (no_end, ChannelRefusedError),  # its status is known
        (only_hundreds, ChannelUnavailableError),
        (no_http, ChannelUnavailableError),
    ],
)
def test_however_it_answers_it_ends(
    service: Chat, behaviour: Callable[[BaseHTTPRequestHandler], None], error: type[LakeferryError]
) -> None:
    service.answers = [behaviour]
    with pytest.raises(error, match="Slack channel slack_url"):
        to(service.url()).post(b"{}", seconds=1.0)


def test_a_service_that_says_nothing_is_given_up(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}/services/abcdefghijklmnopqrstuvwx"
        with pytest.raises(ChannelUnavailableError, match="does not answer") as raised:
            to(url).post(b"{}", seconds=0.5)
    assert "abcdefghijklmnopqrstuvwx" not in said(raised)


def test_one_that_is_not_there_is_unavailable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    with pytest.raises(ChannelUnavailableError, match="refused"):
        to(f"https://127.0.0.1:{port}/a").post(b"{}")


def test_a_name_that_nobody_knows_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(ChannelUnavailableError, match="Name or service not known"):
        to("https://chat.example/a").post(b"{}")


def test_a_certificate_of_nobody_is_not_trusted(tmp_path: Path) -> None:
    with chat(tmp_path) as service, pytest.raises(ChannelRefusedError, match="its certificate cannot be trusted"):
        to(service.url()).post(b"{}")
    assert service.posted == []


def test_a_certificate_for_another_host_is_not_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with chat(tmp_path, names=["hooks.example"]) as service:
        monkeypatch.setattr(module, "_trust", lambda: ssl.create_default_context(cafile=str(service.trust)))
        with pytest.raises(ChannelRefusedError, match="its certificate cannot be trusted"):
            to(service.url()).post(b"{}")
    assert service.posted == []


def test_the_trust_is_the_systems() -> None:
    context = module._trust()
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.slack.com/services/abcdefghijklmnopqrstuvwx",
        "ftp://hooks.slack.com/abcdefghijklmnopqrstuvwx",
        "file:///etc/abcdefghijklmnopqrstuvwx",
        "abcdefghijklmnopqrstuvwx",
        "",
        "https://",
        "https:///abcdefghijklmnopqrstuvwx",
        "https://user:abcdefghijklmnopqrstuvwx@hooks.slack.com/",
        "https://hooks.slack.com:port/abcdefghijklmnopqrstuvwx",
        "https://hooks.slack.com:99999/abcdefghijklmnopqrstuvwx",
        "https://[::1/abcdefghijklmnopqrstuvwx",
        "https://hooks.slack.com/a b/abcdefghijklmnopqrstuvwx",
        "https://hooks.slack.com/abcdefghijklmnopqrstuvwx\r\nHost: evil.example",
        "https://hooks.sl\u00e4ck.com/abcdefghijklmnopqrstuvwx",
        f"https://{'a' * 64}.example/abcdefghijklmnopqrstuvwx",
        f"https://hooks.slack.com/{'abcdefghijklmnopqrstuvwx' * 100}",
    ],
)
def test_what_is_no_https_url_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(ChannelRefusedError, match="Slack channel slack_url is not called") as raised:
        to(url).post(b"{}")
    assert "abcdefghijkl" not in said(raised)


def test_a_fragment_is_not_sent(service: Chat) -> None:
    to(service.url("/a#b")).post(b"{}")
    assert service.posted[0].path == "/a"


# -- addresses: issue "One feed never hurts another"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "169.254.169.254", "[::ffff:169.254.169.254]"])
def test_addresses_that_the_operator_denies_are_not_called(service: Chat, host: str) -> None:
    with pytest.raises(ChannelRefusedError, match="is in the stack's DeniedNetworks"):
        to(f"https://{host}:{service.port}/a", Networks.of(DENIED, "")).post(b"{}")
    assert service.posted == []


def test_only_allowed_networks_are_called(service: Chat) -> None:
    with pytest.raises(ChannelRefusedError, match="in none of the stack's AllowedNetworks"):
        to(service.url(), Networks.of("", "203.0.113.0/24")).post(b"{}")


def test_the_address_that_was_checked_is_the_one_connected_to(service: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that means a public address first, and loopback a moment later."""
    real, asked = socket.getaddrinfo, list[object]()
    lock = threading.Lock()

    def answers(host: object, port: object, *rest: object, **named: object) -> object:
        if host != "chat.example":
            return real(host, port, *rest, **named)  # type: ignore[arg-type]
        with lock:
            asked.append(host)
            return real("127.0.0.2" if len(asked) == 1 else "127.0.0.1", port, *rest, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", answers)
    with pytest.raises(ChannelUnavailableError):
        to(f"https://chat.example:{service.port}/a", Networks.of("127.0.0.1/32", "")).post(b"{}")
    assert len(asked) == 1
    assert service.posted == []


def test_the_next_address_of_a_name_is_tried(service: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    real = socket.getaddrinfo

    def two(host: object, port: object, *rest: object, **named: object) -> object:
        if host != "localhost":
            return real(host, port, *rest, **named)  # type: ignore[arg-type]
        return [*real("127.0.0.2", port, *rest, **named), *real("127.0.0.1", port, *rest, **named)]  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", two)
    to(service.url()).post(b"{}")
    assert len(service.posted) == 1


def test_an_answer_has_a_largest_size(service: Chat) -> None:
    service.answers = [only_hundreds]
    with pytest.raises(ChannelUnavailableError, match="an answer of more than 65,536 bytes"):
        to(service.url()).post(b"{}", seconds=30.0)
