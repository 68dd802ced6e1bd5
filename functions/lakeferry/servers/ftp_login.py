"""From a feed's server to a logged-in FTP session."""

import ftplib
import re
import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from lakeferry.errors import (
    FeedInvalidError,
    LoginRejectedError,
    RemoteAccessError,
    SecretMissingError,
    ServerUnavailableError,
)
from lakeferry.servers.ftp_checksum import hashes_of
from lakeferry.servers.ftp_control import CLOSING, Control
from lakeferry.servers.ftp_errors import FtpErrors
from lakeferry.servers.ftp_transfers import Transfers
from lakeferry.servers.names import encode_name
from lakeferry.servers.networks import ANYWHERE, Networks
from lakeferry.servers.proxy import Proxy, proxy_of
from lakeferry.servers.spec import ServerSpec
from lakeferry.servers.tls_certificates import tls_context

UNKNOWN_COMMAND = ("500", "502", "504")
"""Answers of a server that does not have a command (RFC 959, section 4.2)."""
_IS_FULL = re.compile(r"maximum number of .{0,200} connected", re.IGNORECASE)
"""ProFTPD says so with 530, as of a wrong password, when it has MaxClients, or that many of this user or host."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a session needs; the TLS context is None for plain FTP."""

    password: str
    context: ssl.SSLContext | None
    proxy: Proxy | None = None
    networks: Networks = ANYWHERE


@dataclass(slots=True)
class Session:
    """A logged-in control connection.

    Attributes:
        features: The extensions the server has (RFC 2389), upper case.
        hashes: Algorithms that its HASH has, by IANA's names.
        home: Where it stands after the login; empty where the server does not tell.
    """

    control: Transfers
    features: set[str]
    home: str
    hashes: frozenset[str] = frozenset()


def read_credentials(spec: ServerSpec, secret: Mapping[str, str], networks: Networks) -> Credentials:
    """
    Raises:
        FeedInvalidError: plain FTP, and the feed does not allow it.
        SecretMissingError: no password.
        CertificateRejectedError, LoginRejectedError: a certificate of the feed or secret, or what the secret has for
            the proxy, cannot be used.
        ServerUnavailableError: the function's disk is full.
    """
    if spec.protocol == "ftp" and not spec.allow_plaintext:
        raise FeedInvalidError(
            f"$.server.allow_plaintext: FTP sends the password for {spec.host} and the files readable for "
            "everybody on the way. Use sftp or ftps, or set it to true."
        )
    password = secret.get("password")
    if password is None:
        raise SecretMissingError(
            f"the secret {spec.secret!r} for {spec.username} at {spec.host} has no field password: add it."
        )
    context = None if spec.protocol == "ftp" else tls_context(spec, secret)
    return Credentials(password, context, proxy_of(spec, secret), networks)


def log_in(spec: ServerSpec, credentials: Credentials, errors: FtpErrors) -> Session:
    """Connects, logs in, and finds out what the server knows. Of a failure no connection is left."""
    control = Transfers(spec, credentials.context, credentials.proxy, credentials.networks)
    try:
        with errors.during("connect"):
            control.open()
        _begin_tls(control, spec, errors)
        _send_login(control, spec, credentials.password, errors)
        with errors.during("set up the session"):
            control.protect()
            features, hashes = _features(control)
            if "UTF8" in features and spec.encoding.lower() in ("utf-8", "utf8"):
                with suppress(ftplib.error_perm, ftplib.error_temp):  # on already, by RFC 2640
                    control.sendcmd("OPTS UTF8 ON")
            for command in spec.login_commands:
                _send(control, command, spec)
            control.voidcmd("TYPE I")
            home = _home(control)
            control.set_timeout(spec.read_timeout_seconds)
    except BaseException:
        control.close()
        raise
    return Session(control, features, home, hashes)


def _begin_tls(control: Control, spec: ServerSpec, errors: FtpErrors) -> None:
    try:
        with errors.during("begin TLS"):
            control.begin_tls()
    except RemoteAccessError as error:
        if not isinstance(error.__cause__, ftplib.error_perm):
            raise
        raise RemoteAccessError(
            f"{spec.host}:{spec.port} has no TLS: it answers {str(error.__cause__)!r} to AUTH TLS. Nothing secret was "
            "sent. Ask the partner to switch it on."
        ) from error.__cause__


def _send_login(control: Control, spec: ServerSpec, password: str, errors: FtpErrors) -> None:
    where = spec.address
    try:
        name, word = (encode_name(text, spec.encoding).decode("iso-8859-1") for text in (spec.username, password))
    except UnicodeError:
        raise LoginRejectedError(
            f"server.username, or the password in secret {spec.secret!r}, has characters that {spec.encoding}, the "
            f"server.encoding for {where}, does not have: check them, and the encoding."
        ) from None  # the original holds the password
    if any(end in text for end in "\r\n" for text in (name, word)):
        raise LoginRejectedError(
            f"server.username, or the password in secret {spec.secret!r}, has a line break, and {where} cannot be sent "
            "one: take it out."
        )
    try:
        with errors.during("log in"):
            control.login(name, word)
    except (RemoteAccessError, ServerUnavailableError) as error:
        cause = error.__cause__
        if not isinstance(cause, ftplib.error_perm) and not str(cause).startswith("430"):
            raise
        if _IS_FULL.search(str(cause)):
            raise ServerUnavailableError(
                f"{where} takes no further connection of {spec.username} now ({cause}). It is tried again; if it "
                "lasts, ask the partner for more, or lower server.max_connections."
            ) from cause
        raise LoginRejectedError(
            f"{where} refused the login of {spec.username} ({cause}): check server.username, "
            f"and the password in secret {spec.secret!r}."
        ) from cause


def _home(control: Control) -> str:
    try:
        return control.pwd()
    except (ftplib.error_perm, ftplib.error_temp) as refused:
        if str(refused).startswith(CLOSING):
            raise
        return ""  # with a path from the root it does not matter


def _send(control: Control, command: str, spec: ServerSpec) -> None:
    try:
        control.voidcmd(command)
    except (ftplib.error_perm, ftplib.error_reply) as refused:
        raise RemoteAccessError(
            f"{spec.address} refuses {command!r} ({refused}), which is in server.login_commands: correct it, or "
            "take it out."
        ) from refused


def _features(control: Control) -> tuple[set[str], frozenset[str]]:
    try:
        answer = control.sendcmd("FEAT")
    except (ftplib.error_perm, ftplib.error_temp) as refused:
        if str(refused).startswith(CLOSING):
            raise
        # it may have them all the same: what is asked for and not there is taken off then
        return {"SIZE", "MDTM"}, frozenset()
    return {line.split()[0].upper() for line in answer.splitlines()[1:-1] if line.strip()}, hashes_of(answer)
