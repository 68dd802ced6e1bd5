"""What servers and proxies say is in no message with a secret in it, whatever form they give it."""

import base64
import json
import re
import socket
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyftpdlib.handlers import FTPHandler

from lakeferry.errors import LakeferryError, RemoteAccessError
from lakeferry.feeds import ProxySpec, ServerSpec
from lakeferry.servers import open_server
from lakeferry.servers.hiding import HIDDEN, Hiding
from local.partners import FtpPartner

PASSWORD = "correct h/rse & b\\ttery'ü+"
FORMS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "in Python's quotes": lambda value: repr(value)[1:-1],
    "over two lines": lambda value: f"{value[:3]}\r\n{value[3:]}",
    "over two lines of FTP": lambda value: f"{value[:3]}\r\n550-{value[3:]}",
    "a character a line": "\n".join,
    "base64": lambda value: base64.b64encode(value.encode()).decode(),
    "base64 with a name": lambda value: base64.b64encode(f"lake:{value}".encode()).decode(),
    "base64 with the proxy's name": lambda value: base64.b64encode(f"way:{value}".encode()).decode(),
    "base64 of addresses": lambda value: base64.urlsafe_b64encode(value.encode()).decode().rstrip("="),
    "base64 over two lines": lambda value: "\n".join(base64.b64encode(value.encode()).decode().partition("c")),
    "percent signs": lambda value: quote(value, safe=""),
    "small percent signs": lambda value: quote(value, safe="").lower(),
    "a form's": quote_plus,
    "percent signs for all": lambda value: "".join(f"%{byte:02x}" for byte in value.encode()),
    "percent signs as JavaScript sets them": lambda value: quote(value, safe="!'()*-._~"),
    "HTML": escape,
    "HTML's numbers": lambda value: "".join(f"&#{ord(each)};" for each in value),
    "JSON": lambda value: json.dumps(value)[1:-1],
    "JSON in UTF-8": lambda value: json.dumps(value, ensure_ascii=False)[1:-1],
    "its bytes in Python's quotes": lambda value: repr(value.encode())[2:-1],
    "a shell's": lambda value: re.sub(r"(\W)", r"\\\1", value),
    "doubled quotes": lambda value: value.replace('"', '""'),
    "its bytes as ISO 8859-1": lambda value: value.encode().decode("iso-8859-1"),
}
SECRET = {"password": PASSWORD, "proxy_username": "way", "proxy_password": PASSWORD}


@pytest.mark.parametrize("form", FORMS)
def test_no_form_of_a_secret_is_left(form: str) -> None:
    told = FORMS[form](PASSWORD)
    assert Hiding(SECRET, "lake").hide(f"550 cannot take {told} of you") == f"550 cannot take {HIDDEN} of you"


@settings(deadline=None)
@given(
    st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), min_size=6, max_size=40),
    st.sampled_from(sorted(FORMS)),
)
def test_whatever_the_secret_is(value: str, form: str) -> None:
    if value.strip() and value.isprintable():
        assert HIDDEN in Hiding({"password": value, "proxy_username": "way"}, "lake").hide(
            f"(( {FORMS[form](value)} ))"
        )


@pytest.mark.parametrize(
    "value", ["aB'k1c", 'q"x"9Z', "Secret 1+2", "Secret 12", "\u017fecret1", "\u212aelvin1", "in", "50%&\\n"]
)
def test_a_text_that_is_seen_to_be_clean_at_once_is_clean(value: str) -> None:
    hiding = Hiding({"password": value}, "lake")
    told = [
        value,
        value.casefold(),
        value.replace("'", "''").replace('"', '""'),
        *(FORMS[form](value) for form in FORMS),
    ]
    told += [value.replace("S", "\u017f")]  # as far as the case of a letter goes, an s
    hidden = 0
    for text in (
        told,
        [each.swapcase() for each in told],
        [each[1:] for each in told],
        [f"a {each} b" for each in told],
    ):
        for each in text:
            for said in (each, f"x{each}x", f"{each[:3]}\r\n{each[3:]}", f"{each[:3]}\\n{each[3:]}"):
                assert hiding._regex is not None
                looked_for = hiding._regex.sub(HIDDEN, f"- {said}")
                assert hiding.hide(f"- {said}") == looked_for
                hidden += HIDDEN in looked_for
    assert hidden > 20


def test_most_that_goes_wrong_needs_no_pattern() -> None:
    hiding = Hiding({"password": "correct horse"}, "lake")
    assert hiding.hide("530 Login 'incorrect', says the server of acme") == (
        "530 Login 'incorrect', says the server of acme"
    )
    assert "_regex" not in vars(hiding)


@pytest.mark.parametrize("says", ["\\n", "\\nr", "\r\n550-", "550-n\\r ", "%53", "&#0"])
def test_a_server_that_says_nothing_but_beginnings_costs_time_that_grows_with_what_it_says(says: str) -> None:
    hiding = Hiding({"password": "n\\nrS3cr&t", "proxy_password": "rrrrrrrrrr"}, "lake")
    text = says * (200_000 // len(says))
    began = time.thread_time()
    assert len(hiding.hide(text)) <= len(text)
    assert time.thread_time() - began < 10, "it took minutes where each line's end could begin the secret"


@pytest.mark.slow
@settings(deadline=None)
@given(st.binary(max_size=7), st.text("abcdefgh0123456789!$%", min_size=12, max_size=30), st.binary(max_size=7))
def test_base64_of_more_than_the_secret_tells_a_character_or_two_at_most(
    before: bytes, value: str, after: bytes
) -> None:
    told = base64.b64encode(before + value.encode() + after).decode()
    left = Hiding({"password": value}).hide(told)
    assert HIDDEN in left
    # what is left is of the bytes beside it, and of one character at each end
    assert len(left) <= 4 * (len(before) + len(after)) / 3 + 8 + len(HIDDEN)


def test_each_line_of_a_key_is_hidden() -> None:
    key = (
        "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmU\nAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZ\n"
    )
    hidden = Hiding({"private_key": key}).hide(f"you sent {key.splitlines()[2]} and {key}")
    assert "b3Bl" not in hidden
    assert "AAAA" not in hidden


def test_a_short_password_makes_no_holes_in_words() -> None:
    assert Hiding({"password": "in"}).hide("530 Login incorrect in: in") == f"530 Login incorrect {HIDDEN}: {HIDDEN}"


def test_the_code_of_an_answer_is_kept_whatever_the_password_is() -> None:
    assert Hiding({"password": "550 "}).hide("550 no such file") == "550 no such file"


@pytest.mark.parametrize("secret", [{}, {"password": ""}, {"proxy_username": "way"}])
def test_nothing_is_hidden_where_there_is_no_secret(secret: dict[str, str]) -> None:
    assert Hiding(secret, "lake").hide("550 way lake") == "550 way lake"


def all_of(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))


SAYS = "nobody's word-1"


@pytest.mark.parametrize("form", ["as it is", "base64", "percent signs"])
@pytest.mark.parametrize("command", ["USER", "PASS", "TYPE", "CWD", "MLSD"])
def test_an_ftp_server_that_repeats_the_password_at_any_time(
    command: str, form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = FORMS[form](SAYS)

    def repeat(handler: Any, *_: Any) -> None:
        handler.push(f"550-you are {told[:5]}\r\n")
        handler.push(f"550 {told[5:]} and {told}\r\n")

    # where MLSD is refused, LIST is asked for
    for refused in {command, "LIST"} if command == "MLSD" else {command}:
        monkeypatch.setattr(FTPHandler, f"ftp_{refused}", repeat)
    with FtpPartner(tmp_path, username="lake", password=SAYS) as partner:
        spec = ServerSpec("ftp", "127.0.0.1", partner.port, "lake", allow_plaintext=True)
        with pytest.raises(LakeferryError, match="hidden") as caught, open_server(spec, {"password": SAYS}) as server:
            list(server.list_files("/"))
    said = all_of(caught.value)
    assert not [each for each in (SAYS, told, told[:5], told[5:]) if each in said]


def test_a_line_of_a_listing_that_repeats_the_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def repeat(handler: Any, *_: Any) -> None:
        handler.push_dtp_data(f"strange line {SAYS}\r\ntype=file;size=1;modify=20261129000000; a.csv\r\n".encode())

    monkeypatch.setattr(FTPHandler, "ftp_MLSD", repeat)
    with FtpPartner(tmp_path, username="lake", password=SAYS) as partner:
        spec = ServerSpec("ftp", "127.0.0.1", partner.port, "lake", allow_plaintext=True)
        with open_server(spec, {"password": SAYS}) as server:
            assert [file.path for file in server.list_files("/")] == ["/a.csv"]
            assert server.unread == [f"strange line {HIDDEN}"]


@contextmanager
def proxy_that_answers(answer: bytes) -> Iterator[int]:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


@pytest.mark.parametrize("protocol", ["sftp", "ftp"])
@pytest.mark.parametrize("code", ["403", "407", "502"])
def test_a_proxy_that_repeats_its_base64(code: str, protocol: str) -> None:
    told = base64.b64encode(f"way:{SAYS}".encode()).decode()
    with proxy_that_answers(f"HTTP/1.1 {code} no {told} here\r\n\r\n".encode()) as port:
        proxy = ProxySpec("http", "127.0.0.1", port)
        spec = ServerSpec(protocol, "files.acme.example", 22, "lake", allow_plaintext=True, proxy=proxy)
        secret = {"password": "another one", "proxy_username": "way", "proxy_password": SAYS}
        with pytest.raises(LakeferryError, match="hidden") as caught:
            open_server(spec, secret)
    assert told not in all_of(caught.value)


def test_what_led_to_an_error_is_clean_too() -> None:
    error = RemoteAccessError(f"it says {SAYS}")
    error.__cause__ = ValueError(SAYS, SAYS.encode(), 7)
    with pytest.raises(RemoteAccessError) as caught, Hiding({"password": SAYS}).in_errors():
        raise error
    assert caught.value is error
    assert SAYS not in all_of(error)
    assert error.__cause__.args == (HIDDEN, HIDDEN.encode(), 7)


@pytest.mark.parametrize(
    "error",
    [
        OSError(5, f"it says {SAYS}", SAYS),
        UnicodeDecodeError("utf-8", SAYS.encode(), 0, 1, SAYS),
        UnicodeEncodeError("ascii", SAYS, 0, 1, SAYS),
        ValueError([SAYS, (SAYS, 7)]),
        ExceptionGroup("some", [ValueError(SAYS)]),
    ],
)
def test_errors_that_keep_what_they_say_elsewhere_are_clean(error: Exception) -> None:
    error.add_note(f"while it said {SAYS}")
    error.said = SAYS  # type: ignore[attr-defined]
    Hiding({"password": SAYS}).clean(error)
    assert SAYS not in all_of(error)
    assert SAYS not in repr(vars(error))
    assert SAYS not in repr(getattr(error, "object", ""))
