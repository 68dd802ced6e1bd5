"""Every exception class of the libraries under `lakeferry.servers` leaves as one of ours, whatever is being done.

The classes are found by looking into the libraries: one that a newer version brings is walked too.
"""

import errno
import ftplib
import importlib
import inspect
import pkgutil
import re
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any, NoReturn
from unittest.mock import Mock

import paramiko
import pytest
import python_socks
import python_socks.sync
from cryptography.exceptions import InvalidTag
from paramiko.auth_strategy import AuthFailure, AuthResult, AuthStrategy
from paramiko.ssh_exception import IncompatiblePeer

from lakeferry import errors, servers
from lakeferry.errors import (
    CertificateRejectedError,
    FeedInvalidError,
    FileChangedError,
    HostKeyMismatchError,
    LakeferryError,
    LoginRejectedError,
    RemoteAccessError,
    SecretMissingError,
    ServerUnavailableError,
    TransferInterruptedError,
)
from lakeferry.feeds import ProxySpec, ServerSpec
from lakeferry.servers import open_server, sftp, sftp_packets, sftp_session, ssh_credentials, tls_certificates
from lakeferry.servers.ftp_errors import FtpErrors
from lakeferry.servers.ftp_login import Credentials, Session, log_in
from lakeferry.servers.ftp_transfers import Transfers
from lakeferry.servers.server_errors import ServerErrors
from lakeferry.servers.sftp import SftpServer
from lakeferry.servers.sftp_errors import SftpErrors
from lakeferry.servers.sftp_packets import SftpProtocolError, SftpStatusError
from lakeferry.servers.sftp_session import open_transport
from lakeferry.servers.ssh_credentials import read_credentials

PASSWORD = "correct horse"
HOST_KEY = paramiko.ECDSAKey.generate()
FTP = ServerSpec("ftps", "ftp.acme.example", 2121, "lake", secret="lakeferry/acme/sales")
SFTP = ServerSpec(
    "sftp",
    "sftp.acme.example",
    2222,
    "lake",
    secret="lakeferry/acme/sales",
    host_keys=(f"{HOST_KEY.get_name()} {HOST_KEY.get_base64()}",),
)
OURS = {kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, LakeferryError)}
ADVICE = re.compile(r"\b(ask the partner|check|set it to|tried again|the next run|add|must be)\b", re.IGNORECASE)
NOT_HERE = ("paramiko._winapi", "paramiko.win_pageant", "paramiko.win_openssh", "python_socks.async_")
"""About Windows; and for event loops that are not installed."""


# -- the classes


def _modules(package: ModuleType) -> Iterator[ModuleType]:
    yield package
    for found in pkgutil.walk_packages(getattr(package, "__path__", []), f"{package.__name__}."):
        if not found.name.startswith(NOT_HERE):
            yield importlib.import_module(found.name)


def defined_in(package: ModuleType) -> list[type[Exception]]:
    """The exception classes that the package or module defines itself."""
    found = {
        kind
        for module in _modules(package)
        for kind in vars(module).values()
        if inspect.isclass(kind) and issubclass(kind, Exception) and kind.__module__.startswith(package.__name__)
    }
    return sorted(found, key=lambda kind: kind.__qualname__)


def below(kind: type[Exception]) -> list[type[Exception]]:
    """The class and those of Python itself that derive from it."""
    own = ("builtins", "socket", "ssl")
    return [kind] + [found for sub in kind.__subclasses__() if sub.__module__ in own for found in below(sub)]


MAKE: Mapping[type[Exception], Callable[[], Exception]] = {
    AuthFailure: lambda: AuthFailure(AuthResult(Mock(spec=AuthStrategy))),
    paramiko.BadAuthenticationType: lambda: paramiko.BadAuthenticationType("not that way", ["hostbased"]),
    paramiko.BadHostKeyException: lambda: paramiko.BadHostKeyException("sftp.acme.example", HOST_KEY, HOST_KEY),
    paramiko.ChannelException: lambda: paramiko.ChannelException(2, "connect failed"),
    paramiko.ProxyCommandFailure: lambda: paramiko.ProxyCommandFailure("nc", "exit status 1"),
    paramiko.hostkeys.InvalidHostKey: lambda: paramiko.hostkeys.InvalidHostKey("a line", ValueError("odd")),
    paramiko.ssh_exception.NoValidConnectionsError: lambda: paramiko.ssh_exception.NoValidConnectionsError(
        {("192.0.2.1", 22): ConnectionRefusedError(errno.ECONNREFUSED, "refused")}
    ),
    paramiko.ssh_exception.PartialAuthentication: lambda: paramiko.ssh_exception.PartialAuthentication(["password"]),
    paramiko.pkey.UnknownKeyType: lambda: paramiko.pkey.UnknownKeyType("ssh-odd", b"key"),
    SftpStatusError: lambda: SftpStatusError(sftp_packets.FAILURE, "failure"),
}
"""How to make those that take more than a text."""


def made(kind: type[Exception]) -> Exception:
    if kind in MAKE:
        return MAKE[kind]()
    if issubclass(kind, UnicodeEncodeError):
        return kind("latin-1", "€", 0, 1, "ordinal not in range")
    if issubclass(kind, UnicodeDecodeError):
        return kind("ascii", b"\xff", 0, 1, "ordinal not in range")
    return kind(errno.EIO, "in the library's words") if issubclass(kind, OSError) else kind("in the library's words")


OF_PARAMIKO = defined_in(paramiko)
OF_FTPLIB = [kind for kind in defined_in(ftplib) if kind is not ftplib.error_perm]
OF_PYTHON_SOCKS = defined_in(python_socks)
OF_SSL = defined_in(ssl)
OF_SOCKETS = [*(kind for kind in below(OSError) if not issubclass(kind, ssl.SSLError)), EOFError]
NUMBERS = [
    *("ECONNREFUSED", "ECONNRESET", "ECONNABORTED", "EPIPE", "EHOSTUNREACH", "ENETUNREACH", "ENETDOWN", "EHOSTDOWN"),
    *("ETIMEDOUT", "ENOTCONN", "EADDRNOTAVAIL", "EMFILE", "EBADF", "ENOBUFS"),
]
SOCKET_ERRORS: list[Exception] = [
    *(made(kind) for kind in OF_SOCKETS),
    *(OSError(getattr(errno, name), name) for name in NUMBERS),
    socket.gaierror(socket.EAI_NONAME, "Name or service not known"),
    socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"),
    socket.herror(1, "Unknown host"),
    TimeoutError("timed out"),
    TimeoutError(),
    OSError(),
]


def name_of(value: object) -> str:
    if isinstance(value, type):
        return value.__qualname__
    return f"{type(value).__name__} {value}"[:60] if isinstance(value, BaseException) else str(value)


def test_the_walk_meets_the_classes_it_is_meant_for() -> None:
    assert {paramiko.SSHException, paramiko.SFTPError, IncompatiblePeer, AuthFailure} <= set(OF_PARAMIKO)
    assert {ftplib.Error, ftplib.error_reply, ftplib.error_temp, ftplib.error_proto} == set(OF_FTPLIB)
    assert {python_socks.ProxyError, python_socks.ProxyTimeoutError} <= set(OF_PYTHON_SOCKS)
    assert "IncompleteReadError" in {kind.__name__ for kind in OF_PYTHON_SOCKS}
    assert {ssl.SSLError, ssl.SSLCertVerificationError, ssl.SSLEOFError, ssl.SSLZeroReturnError} <= set(OF_SSL)
    assert {socket.gaierror, socket.herror, ConnectionResetError, BrokenPipeError, TimeoutError} <= set(OF_SOCKETS)


# -- what a message has to be


def comes_out(original: BaseException, of: ServerSpec, do: Callable[[], object]) -> LakeferryError:
    """What `do` raises, once it is known to be a good message about the original."""
    with pytest.raises(LakeferryError) as caught:
        do()
    found = caught.value
    assert type(found) in OURS
    assert found.__cause__ is original
    assert f"{of.host}:{of.port}" in str(found)
    assert ADVICE.search(str(found)), found
    assert PASSWORD not in _with_causes(found)
    return found


def _with_causes(error: BaseException | None) -> str:
    """All that a traceback shows, and what a debugger would."""
    told = ""
    while error is not None:
        told += f"{error!s} {error!r} "
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return told


def raising(error: BaseException) -> Callable[..., NoReturn]:
    def throw(*arguments: object, **named: object) -> NoReturn:
        raise error

    return throw


# -- FTP: what is raised while something is done


def during(error: BaseException, **kinds: type[LakeferryError]) -> Callable[[], None]:
    def do() -> None:
        with FtpErrors(FTP, {}).during("read /outgoing/a.csv", **kinds):
            raise error

    return do


KINDS = [
    pytest.param({}, id="listing"),
    pytest.param({"missing": FileChangedError, "gone": TransferInterruptedError}, id="reading"),
]
OF_PROTOCOLS = [
    kind
    for module in _modules(servers)
    for kind in vars(module).values()
    if inspect.isclass(kind) and issubclass(kind, ServerErrors) and kind.__module__ == module.__name__
    if not inspect.isabstract(kind)
]
"""What each protocol makes of its libraries' errors."""
of_each_protocol = pytest.mark.parametrize("of", OF_PROTOCOLS, ids=name_of)


def during_of(of: type[ServerErrors], error: BaseException) -> Callable[[], None]:
    def do() -> None:
        with of(FTP, {}).during("read /outgoing/a.csv", gone=TransferInterruptedError):
            raise error

    return do


@of_each_protocol
def test_tls_and_sockets_mean_the_same_in_every_protocol(of: type[ServerErrors]) -> None:
    """Of ssl's classes one is a ValueError too, by which a protocol may know something else."""
    assert {FtpErrors, SftpErrors} <= set(OF_PROTOCOLS)
    for error in [*map(made, OF_SSL), *SOCKET_ERRORS]:
        is_certificate = of.under_tls and isinstance(error, ssl.SSLCertVerificationError)
        expected = CertificateRejectedError if is_certificate else TransferInterruptedError
        assert type(comes_out(error, FTP, during_of(of, error))) is expected, error


@of_each_protocol
def test_whatever_a_protocol_says_that_its_libraries_raise_is_one_of_ours(of: type[ServerErrors]) -> None:
    for kind in set(of.raised) - {Exception}:  # of any class: those of its libraries are walked below
        error = made(kind)
        comes_out(error, FTP, during_of(of, error))


NOT_FTP = {ftplib.error_reply, ftplib.error_proto}


@pytest.mark.parametrize("kinds", KINDS)
@pytest.mark.parametrize("kind", OF_FTPLIB, ids=name_of)
def test_every_class_of_ftplib_is_one_of_ours(kind: type[Exception], kinds: dict[str, type[LakeferryError]]) -> None:
    found = comes_out(error := kind("an answer"), FTP, during(error, **kinds))
    assert type(found) is (RemoteAccessError if kind in NOT_FTP else kinds.get("gone", ServerUnavailableError))


@pytest.mark.parametrize("kinds", KINDS)
@pytest.mark.parametrize("code", [421, 425, 426, 450, 451, 452])
def test_an_answer_that_says_later_is_tried_again(code: int, kinds: dict[str, type[LakeferryError]]) -> None:
    found = comes_out(error := ftplib.error_temp(f"{code} not now"), FTP, during(error, **kinds))
    assert type(found) is kinds.get("gone", ServerUnavailableError)
    assert found.retryable
    assert f"{code} not now" in str(found)


@pytest.mark.parametrize("kinds", KINDS)
@pytest.mark.parametrize("code", [500, 501, 502, 503, 504, 522, 530, 532, 534, 550, 551, 552, 553])
def test_an_answer_that_says_no_is_refused_access(code: int, kinds: dict[str, type[LakeferryError]]) -> None:
    found = comes_out(error := ftplib.error_perm(f"{code} no"), FTP, during(error, **kinds))
    assert type(found) is (kinds.get("missing", RemoteAccessError) if code == 550 else RemoteAccessError)
    assert not found.retryable
    assert f"{code} no" in str(found)


@pytest.mark.parametrize("kinds", KINDS)
@pytest.mark.parametrize("error", SOCKET_ERRORS, ids=name_of)
def test_every_error_of_a_socket_is_a_lost_connection(error: Exception, kinds: dict[str, type[LakeferryError]]) -> None:
    assert type(comes_out(error, FTP, during(error, **kinds))) is kinds.get("gone", ServerUnavailableError)


@pytest.mark.parametrize("kind", OF_SSL, ids=name_of)
def test_every_class_of_ssl_is_one_of_ours(kind: type[Exception]) -> None:
    found = comes_out(error := made(kind), FTP, during(error))
    expected = CertificateRejectedError if issubclass(kind, ssl.SSLCertVerificationError) else ServerUnavailableError
    assert type(found) is expected


def openssl(reason: str) -> ssl.SSLError:
    """As the ssl module raises it."""
    error = ssl.SSLError(ssl.SSL_ERROR_SSL, f"[SSL: {reason}] {reason.lower().replace('_', ' ')} (_ssl.c:1006)")
    error.library, error.reason = "SSL", reason
    return error


REASONS = sorted(
    name for (library, _), name in ssl._ssl.err_codes_to_names.items()  # type: ignore[attr-defined]
    if library == ssl._ssl.err_names_to_codes["WRONG_VERSION_NUMBER"][0]  # type: ignore[attr-defined]
)  # fmt: skip


@pytest.mark.parametrize("reason", REASONS)
def test_every_reason_of_openssl_is_one_of_ours(reason: str) -> None:
    found = comes_out(error := openssl(reason), FTP, during(error, gone=TransferInterruptedError))
    assert type(found) in {TransferInterruptedError, LoginRejectedError, RemoteAccessError}
    assert reason in str(found)


@pytest.mark.parametrize(
    ("expected", "reasons"),
    [
        (
            LoginRejectedError,
            [
                *("SSLV3_ALERT_BAD_CERTIFICATE", "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE", "SSLV3_ALERT_NO_CERTIFICATE"),
                *("SSLV3_ALERT_CERTIFICATE_REVOKED", "SSLV3_ALERT_CERTIFICATE_EXPIRED"),
                *("SSLV3_ALERT_CERTIFICATE_UNKNOWN", "TLSV13_ALERT_CERTIFICATE_REQUIRED"),
                *("TLSV1_ALERT_UNKNOWN_CA", "TLSV1_ALERT_ACCESS_DENIED"),
            ],
        ),
        (
            RemoteAccessError,
            [
                *("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNSUPPORTED_PROTOCOL", "TLSV1_ALERT_PROTOCOL_VERSION"),
                *("NO_SHARED_CIPHER", "SSLV3_ALERT_HANDSHAKE_FAILURE", "DH_KEY_TOO_SMALL", "NO_CIPHERS_AVAILABLE"),
                *("TLSV1_ALERT_INSUFFICIENT_SECURITY", "UNSAFE_LEGACY_RENEGOTIATION_DISABLED"),
                *("TLSV1_UNRECOGNIZED_NAME", "WRONG_SIGNATURE_TYPE"),
            ],
        ),
        (
            ServerUnavailableError,
            [
                *("UNEXPECTED_EOF_WHILE_READING", "DECRYPTION_FAILED_OR_BAD_RECORD_MAC", "SSLV3_ALERT_BAD_RECORD_MAC"),
                *("TLSV1_ALERT_INTERNAL_ERROR", "SSLV3_ALERT_UNEXPECTED_MESSAGE"),
                "Closed before TLS handshake with data in recv buffer.",
            ],
        ),
    ],
)
def test_a_reason_of_openssl_is_about_us_about_the_server_or_passing(
    expected: type[LakeferryError], reasons: list[str]
) -> None:
    for reason in reasons:
        error = openssl(reason)
        assert type(comes_out(error, FTP, during(error))) is expected, reason


def test_a_certificate_is_rejected_in_openssls_words() -> None:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_message = "certificate has expired"
    assert "certificate has expired" in str(comes_out(error, FTP, during(error, gone=TransferInterruptedError)))


@pytest.mark.parametrize("error", [made(UnicodeEncodeError), ValueError("not a time: 'now'")], ids=name_of)
def test_what_cannot_be_said_or_understood_is_no_lost_connection(error: Exception) -> None:
    assert type(comes_out(error, FTP, during(error))) is RemoteAccessError


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, GeneratorExit, TypeError, AssertionError, MemoryError])
def test_what_no_server_caused_passes_as_it_is(kind: type[BaseException]) -> None:
    with pytest.raises(kind) as caught:
        during(error := kind())()
    assert caught.value is error


@pytest.mark.parametrize("kind", sorted(OURS, key=name_of), ids=name_of)
def test_ours_pass_as_they_are(kind: type[LakeferryError], client: Mock) -> None:
    with pytest.raises(kind) as caught:
        during(error := kind("said already"))()
    assert caught.value is error
    client.lstat.side_effect = error
    with pytest.raises(kind) as caught:
        ACTIONS["stat"].do(SftpServer(SFTP, {}))
    assert caught.value is error


# -- FTP: logging in


STEPS = ("open", "begin_tls", "login", "protect", "sendcmd", "voidcmd", "pwd")


@pytest.fixture
def ftp_login(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Session]:
    """Logs in to a server that says yes to everything; a step that is named raises."""

    def login(failing: str = "", error: Exception | None = None, password: str = PASSWORD, **changes: Any) -> Session:
        for step in (*STEPS, "set_timeout"):
            monkeypatch.setattr(Transfers, step, lambda *_: "211-\r\n UTF8\r\n211 end")
        if error is not None:
            monkeypatch.setattr(Transfers, failing, raising(error))
        spec = replace(FTP, **changes)
        return log_in(spec, Credentials(password, None), FtpErrors(spec, {"password": password}))

    return login


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("kind", [*OF_FTPLIB, ftplib.error_perm, *OF_SSL, *OF_SOCKETS], ids=name_of)
def test_every_class_in_a_login_over_ftp_is_one_of_ours(
    ftp_login: Callable[..., Session], kind: type[Exception], step: str
) -> None:
    if kind in (ftplib.error_perm, ftplib.error_temp) and step in ("sendcmd", "pwd"):
        refusal = "502 not known" if kind is ftplib.error_perm else "450 not now"
        assert ftp_login(step, kind(refusal)).features == ({"SIZE", "MDTM"} if step == "sendcmd" else {"UTF8"})
        closing = ftplib.error_temp("421 closing")
        assert type(comes_out(closing, FTP, lambda: ftp_login(step, closing))) is ServerUnavailableError
        return
    found = comes_out(error := made(kind), FTP, lambda: ftp_login(step, error))
    if kind is ftplib.error_perm:
        assert type(found) is (LoginRejectedError if step == "login" else RemoteAccessError)
    elif kind in NOT_FTP:
        assert type(found) is RemoteAccessError
    elif issubclass(kind, ssl.SSLCertVerificationError):
        assert type(found) is CertificateRejectedError
    else:
        assert type(found) is ServerUnavailableError


@pytest.mark.parametrize("code", [430, 500, 503, 530, 532, 534, 550, 553])
def test_an_ftp_login_that_is_refused_is_rejected(ftp_login: Callable[..., Session], code: int) -> None:
    error = (ftplib.error_temp if code < 500 else ftplib.error_perm)(f"{code} no")
    assert type(comes_out(error, FTP, lambda: ftp_login("login", error))) is LoginRejectedError


@pytest.mark.parametrize(
    "answer",
    [
        "421 There are too many connected users, please try later.",
        "530 Sorry, the maximum number of allowed clients (1) are already connected.",
        "530 Sorry, the maximum number of clients (1) for this user are already connected.",
        "530 Sorry, the maximum number of clients (1) from your host are already connected.",
    ],
)
def test_a_server_that_is_full_is_unavailable_though_it_says_so_to_the_login(
    ftp_login: Callable[..., Session], answer: str
) -> None:
    error = (ftplib.error_temp if answer.startswith("4") else ftplib.error_perm)(answer)
    assert type(comes_out(error, FTP, lambda: ftp_login("login", error))) is ServerUnavailableError


@pytest.mark.parametrize("kind", [ftplib.error_perm, ftplib.error_temp, ftplib.error_reply, ftplib.error_proto])
def test_a_server_that_repeats_the_password_is_not_quoted(
    ftp_login: Callable[..., Session], kind: type[Exception]
) -> None:
    error = kind(f"500 'PASS {PASSWORD}': command not understood.")
    assert "500" in str(comes_out(error, FTP, lambda: ftp_login("login", error)))


@pytest.mark.parametrize("password", [f"{PASSWORD}€", f"{PASSWORD}\n", f"{PASSWORD}\r\nDELE a.csv"])
def test_a_password_that_ftp_cannot_send_is_a_rejected_login(ftp_login: Callable[..., Session], password: str) -> None:
    with pytest.raises(LoginRejectedError, match=r"lakeferry/acme/sales.*ftp\.acme\.example:2121") as caught:
        ftp_login(password=password, encoding="iso-8859-1")
    assert PASSWORD not in _with_causes(caught.value)


def test_a_client_certificate_that_is_none_is_a_rejected_login() -> None:
    with pytest.raises(LoginRejectedError, match=FTP.host) as caught:
        tls_certificates.tls_context(FTP, {"certificate": PASSWORD, "private_key": PASSWORD, "passphrase": PASSWORD})
    assert isinstance(caught.value.__cause__, ssl.SSLError)
    assert PASSWORD not in _with_causes(caught.value)


@pytest.mark.parametrize("call", ["mkdir", "write"])
def test_a_full_disk_is_no_fault_of_a_client_certificate(call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    full = Mock(side_effect=OSError(errno.ENOSPC, "No space left on device"))
    if call == "mkdir":
        monkeypatch.setattr("lakeferry.servers.tls_certificates.tempfile.TemporaryDirectory", full)
    else:
        monkeypatch.setattr("lakeferry.servers.tls_certificates.Path.write_text", full)
    with pytest.raises(ServerUnavailableError, match=rf"{FTP.host} cannot be kept on the function's disk.*tried again"):
        tls_certificates.tls_context(FTP, {"certificate": PASSWORD, "private_key": PASSWORD})


# -- connecting, with either


@pytest.mark.parametrize("error", [error for error in SOCKET_ERRORS if isinstance(error, OSError)], ids=name_of)
def test_every_error_of_connecting_makes_the_server_unavailable(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 22))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [found])
    monkeypatch.setattr(socket, "create_connection", raising(error))
    over_sftp = comes_out(error, SFTP, lambda: open_transport(SFTP, {"password": PASSWORD}))
    over_ftp = comes_out(error, FTP, lambda: log_in(FTP, Credentials(PASSWORD, None), FtpErrors(FTP, {})))
    assert type(over_sftp) is type(over_ftp) is ServerUnavailableError


@pytest.mark.parametrize("spec", [SFTP, FTP], ids=["SFTP", "FTP"])
@pytest.mark.parametrize(
    "error",
    [*map(made, [*OF_PYTHON_SOCKS, AssertionError, RuntimeError, UnicodeDecodeError]), *SOCKET_ERRORS],
    ids=name_of,
)
def test_every_error_of_a_way_through_a_proxy_is_one_of_ours(
    error: Exception, spec: ServerSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = replace(spec, proxy=ProxySpec("socks5", "proxy.acme.example", 1080))
    monkeypatch.setattr(python_socks.sync.Proxy, "connect", raising(error))
    secret = {"password": PASSWORD, "proxy_username": "way", "proxy_password": PASSWORD}
    found = comes_out(error, spec, lambda: open_server(spec, secret))
    assert "socks5 proxy proxy.acme.example:1080" in str(found)
    lost = isinstance(error, OSError | EOFError)
    assert type(found) is (ServerUnavailableError if lost else RemoteAccessError)


@pytest.mark.parametrize("host", ["sftp..acme.example", ".acme.example", f"{'a' * 64}.example"])
def test_a_host_that_can_be_none_is_the_feeds_fault(host: str) -> None:
    for do in (
        lambda: open_transport(replace(SFTP, host=host), {"password": PASSWORD}),
        lambda: log_in(replace(FTP, host=host), Credentials(PASSWORD, None), FtpErrors(replace(FTP, host=host), {})),
    ):
        with pytest.raises(FeedInvalidError, match=r"\$\.server\.host") as caught:
            do()
        assert isinstance(caught.value.__cause__, UnicodeError)


# -- SSH: the handshake and the login


@pytest.fixture
def ssh_login(monkeypatch: pytest.MonkeyPatch) -> Callable[..., paramiko.Transport]:
    """Goes all the way to a transport; the method of it that is named raises."""

    def start(transport: paramiko.Transport, **_: object) -> None:
        transport.initial_kex_done = True

    def login(failing: str, error: BaseException, secret: Mapping[str, str] | None = None) -> paramiko.Transport:
        ours, theirs = socket.socketpair()
        monkeypatch.setattr(sftp_session, "connect", lambda *_: ours)
        monkeypatch.setattr(sftp_session, "look", lambda connect: None)  # nobody else answers
        monkeypatch.setattr(paramiko.Transport, "start_client", start)
        monkeypatch.setattr(paramiko.Transport, "get_remote_server_key", lambda _: HOST_KEY)
        for method in ("auth_password", "auth_publickey", "auth_interactive"):
            monkeypatch.setattr(paramiko.Transport, method, lambda *_, **__: [])
        monkeypatch.setattr(paramiko.Transport, failing, raising(error))
        with theirs:
            return open_transport(SFTP, {"password": PASSWORD} if secret is None else secret)

    return login


HANDSHAKE: Mapping[type[Exception], type[LakeferryError]] = {
    IncompatiblePeer: RemoteAccessError,
    paramiko.BadHostKeyException: HostKeyMismatchError,
}
STUMBLED: list[Exception] = [
    UnicodeDecodeError("utf-8", b"\xec", 0, 1, "invalid continuation byte"),
    InvalidTag(),
    ValueError("An X25519 public key is 32 bytes long"),
    IndexError("index out of range"),
    TypeError("a bytes-like object is required"),
]
"""What paramiko's thread made of handshakes with a bit turned over."""
WALK = [*(made(kind) for kind in (*OF_PARAMIKO, *OF_SSL, *OF_SOCKETS)), *STUMBLED]


@pytest.mark.parametrize("step", ["start_client", "get_remote_server_key"])
@pytest.mark.parametrize("error", WALK, ids=name_of)
def test_every_error_of_a_handshake_is_one_of_ours(
    ssh_login: Callable[..., paramiko.Transport], error: Exception, step: str
) -> None:
    found = comes_out(error, SFTP, lambda: ssh_login(step, error))
    assert type(found) is HANDSHAKE.get(type(error), ServerUnavailableError)


@pytest.mark.parametrize("error", WALK, ids=name_of)
def test_every_error_of_an_ssh_login_is_one_of_ours(
    ssh_login: Callable[..., paramiko.Transport], error: Exception
) -> None:
    found = comes_out(error, SFTP, lambda: ssh_login("auth_password", error))
    if isinstance(error, paramiko.AuthenticationException):
        assert type(found) is LoginRejectedError
    else:
        assert type(found) is HANDSHAKE.get(type(error), ServerUnavailableError)


def test_a_server_that_cannot_sign_with_its_host_key_is_not_the_pinned_one(
    ssh_login: Callable[..., paramiko.Transport],
) -> None:
    error = paramiko.SSHException("Signature verification (ssh-ed25519) failed.")
    found = comes_out(error, SFTP, lambda: ssh_login("start_client", error))
    assert type(found) is HostKeyMismatchError


@pytest.mark.parametrize("words", ["Authentication failed: transport shut down or saw EOF", "Authentication timeout."])
def test_a_line_that_breaks_in_a_login_says_nothing_about_the_password(
    ssh_login: Callable[..., paramiko.Transport], words: str
) -> None:
    error = paramiko.AuthenticationException(words)
    assert type(comes_out(error, SFTP, lambda: ssh_login("auth_password", error))) is ServerUnavailableError


def test_those_are_still_paramikos_words() -> None:
    text = inspect.getsource(paramiko.auth_handler) + inspect.getsource(paramiko.transport)
    for words in (*sftp_session._LOST_IN_LOGIN, "Signature verification"):
        assert f'"{words}' in text


def test_a_password_that_ssh_cannot_send_is_a_rejected_login(ssh_login: Callable[..., paramiko.Transport]) -> None:
    password = f"{PASSWORD}\ud800"
    error = UnicodeEncodeError("utf-8", password, len(PASSWORD), len(password), "surrogates not allowed")
    with pytest.raises(LoginRejectedError, match=r"sftp\.acme\.example:2222") as caught:
        ssh_login("auth_password", error)
    assert PASSWORD not in _with_causes(caught.value)


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("step", ["start_client", "auth_password"])
def test_an_end_of_the_process_is_no_error_of_the_server(
    ssh_login: Callable[..., paramiko.Transport], step: str, kind: type[BaseException]
) -> None:
    with pytest.raises(kind):
        ssh_login(step, kind())


@pytest.mark.parametrize(
    "kind", [*(kind for kind in OF_PARAMIKO if issubclass(kind, paramiko.SSHException)), ValueError]
)
def test_a_private_key_that_cannot_be_read_is_the_secrets_fault(
    kind: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    error = made(kind)
    for known in ssh_credentials._KEY_CLASSES:
        monkeypatch.setattr(known, "from_private_key", raising(error))
    with pytest.raises(LakeferryError, match=r"sftp\.acme\.example") as caught:
        read_credentials(SFTP, {"private_key": PASSWORD, "passphrase": PASSWORD})
    wants_passphrase = issubclass(kind, paramiko.PasswordRequiredException)
    assert type(caught.value) is (SecretMissingError if wants_passphrase else LoginRejectedError)
    assert caught.value.__cause__ is error
    assert PASSWORD not in _with_causes(caught.value)


# -- SFTP: a session


@dataclass(frozen=True)
class Action:
    """What is done with a server, the client's method below it, and what missing and lost are called then."""

    do: Callable[[SftpServer], object]
    method: str
    missing: type[LakeferryError] = FileChangedError
    gone: type[LakeferryError] = ServerUnavailableError


ACTIONS = {
    "list": Action(lambda server: list(server.list_files("/outgoing")), "names", missing=RemoteAccessError),
    "stat": Action(lambda server: server.stat("/outgoing/a.csv"), "lstat"),
    "read": Action(
        lambda server: server.read("/outgoing/a.csv", 0, lambda view: True), "read", gone=TransferInterruptedError
    ),
    "move": Action(lambda server: server.move("/outgoing/a.csv", "/done/a.csv"), "rename"),
    "make directory": Action(
        lambda server: server.move("/outgoing/a.csv", "/done/a.csv"), "stat", missing=RemoteAccessError
    ),
    "delete": Action(lambda server: server.delete("/outgoing/a.csv"), "remove"),
}


@pytest.fixture
def transport(monkeypatch: pytest.MonkeyPatch) -> Mock:
    found = Mock(spec=paramiko.Transport)
    monkeypatch.setattr(sftp, "open_transport", lambda *_: found)
    return found


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch, transport: Mock) -> Mock:
    found = Mock(is_open=True, refuses_much=False)
    found.lstat.return_value = sftp_packets.Attributes(5, 0o100644, 0)
    monkeypatch.setattr(sftp, "SftpClient", lambda channel, request_bytes: found)
    return found


@pytest.mark.parametrize("action", ACTIONS.values(), ids=ACTIONS)
@pytest.mark.parametrize("error", [*WALK, SftpProtocolError("packet of kind 0")], ids=name_of)
def test_every_error_of_a_session_is_a_lost_connection(client: Mock, action: Action, error: Exception) -> None:
    getattr(client, action.method).side_effect = error
    server = SftpServer(SFTP, {})
    assert type(comes_out(error, SFTP, lambda: action.do(server))) is action.gone


@pytest.mark.parametrize("code", range(10))
@pytest.mark.parametrize("action", [action for name, action in ACTIONS.items() if name != "make directory"])
def test_every_status_of_sftp_is_one_of_ours(client: Mock, action: Action, code: int) -> None:
    error = SftpStatusError(code, "in the server's words")
    getattr(client, action.method).side_effect = error
    client.stat.side_effect = error  # what LSTAT is refused is asked by STAT
    server = SftpServer(SFTP, {})
    found = comes_out(error, SFTP, lambda: action.do(server))
    if code == sftp_packets.NO_SUCH_FILE:
        assert type(found) is action.missing
    elif code in (sftp_packets.NO_CONNECTION, sftp_packets.CONNECTION_LOST):
        assert type(found) is action.gone
    elif code == sftp_packets.FAILURE and action.method == "read":  # OpenSSH's word for every error of a disk
        assert type(found) is TransferInterruptedError
    else:
        assert type(found) is RemoteAccessError


@pytest.mark.parametrize(
    "error",
    [*WALK, SftpProtocolError("packet of kind 0"), *(SftpStatusError(code, "no") for code in range(10))],
    ids=name_of,
)
def test_a_checksum_that_is_not_told_is_none_and_a_lost_connection_is_told(
    client: Mock, transport: Mock, error: Exception
) -> None:
    transport.remote_version = "SSH-2.0-mod_sftp"
    client.check_file.side_effect = error
    server = SftpServer(SFTP, {})
    if isinstance(error, TimeoutError | SftpProtocolError | SftpStatusError):
        assert server.checksum("/outgoing/a.csv", 60) is None
    else:
        assert type(comes_out(error, SFTP, lambda: server.checksum("/outgoing/a.csv", 60))) is TransferInterruptedError


def test_a_name_that_is_not_of_the_encoding_is_told(client: Mock) -> None:
    client.lstat.side_effect = error = made(UnicodeEncodeError)
    found = comes_out(error, SFTP, lambda: SftpServer(SFTP, {}).stat("/outgoing/€.csv"))
    assert type(found) is RemoteAccessError
    assert "server.encoding" in str(found)


@pytest.mark.parametrize("lives", [True, False], ids=["the line holds", "the line is gone"])
@pytest.mark.parametrize("error", [*WALK, made(SftpStatusError), SftpProtocolError("packet of kind 0")], ids=name_of)
def test_every_error_of_opening_a_session_is_one_of_ours(transport: Mock, error: Exception, lives: bool) -> None:
    transport.open_session.side_effect = error
    transport.is_active.return_value = lives
    found = comes_out(error, SFTP, lambda: SftpServer(SFTP, {}))
    silent = isinstance(error, TimeoutError)
    assert type(found) is (RemoteAccessError if lives and not silent else ServerUnavailableError)
    transport.close.assert_called_once()
