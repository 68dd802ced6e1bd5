"""From host and port to a logged-in SSH transport: pinned host key first, then the login.

Only what the feed and its secret say counts: no agent, no `~/.ssh`, no known_hosts file.
"""

import io
import socket
from collections.abc import Mapping, Sequence

import paramiko

from lakeferry.errors import (
    HostKeyMismatchError,
    LakeferryError,
    LoginRejectedError,
    SecretMissingError,
    ServerUnavailableError,
)
from lakeferry.feeds import ServerSpec
from lakeferry.servers.buffered_socket import BufferedSocket

WINDOW_BYTES = 32 * 1024 * 1024
"""What the server may send before this side says that it took it: so much covers a long round trip."""
PACKET_BYTES = 256 * 1024
"""The most that one SSH packet may carry to this side. OpenSSH sends as much; others stay at 32 KiB."""

_KEY_CLASSES: tuple[type[paramiko.PKey], ...] = (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey)
_FAST_CIPHERS = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com")
_RSA_ALGORITHMS = ("rsa-sha2-512", "rsa-sha2-256")


def open_transport(spec: ServerSpec, secret: Mapping[str, str]) -> paramiko.Transport:
    """Connects, compares the host key, logs in; whatever fails, nothing stays open.

    Raises:
        ServerUnavailableError, HostKeyMismatchError, LoginRejectedError, SecretMissingError: see `open_server`.
    """
    where = f"{spec.host}:{spec.port}"
    key, password = _credentials(spec, secret)
    try:
        connection = _connect(spec)
    except OSError as error:  # refused, unreachable, unknown name, timed out
        raise ServerUnavailableError(
            f"{where} cannot be reached ({error}): check host and port of the feed, and the way there."
        ) from error
    try:
        # the constructor starts nothing, so a failure leaves only the socket behind
        transport = paramiko.Transport(
            connection, default_window_size=WINDOW_BYTES, default_max_packet_size=PACKET_BYTES
        )
    except BaseException:
        connection.close()
        raise
    try:
        _negotiate(transport, spec, where)
        _check_host_key(transport.get_remote_server_key(), spec, where)
        _log_in(transport, spec, where, key, password)
    except BaseException as error:
        transport.close()
        connection.close()  # a transport that never started does not close it
        if isinstance(error, LakeferryError) or not isinstance(error, (paramiko.SSHException, OSError, EOFError)):
            raise
        raise ServerUnavailableError(
            f"{where} broke off the SSH handshake ({_text(error)}): it is busy, or not an SSH server; "
            "if it lasts, ask the partner."
        ) from error
    return transport


def _connect(spec: ServerSpec) -> socket.socket:
    connection = socket.create_connection((spec.host, spec.port), timeout=spec.connect_timeout_seconds)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # requests are small and waited for
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    return BufferedSocket.of(connection)


def _credentials(spec: ServerSpec, secret: Mapping[str, str]) -> tuple[paramiko.PKey | None, str | None]:
    text, password = secret.get("private_key"), secret.get("password")
    if text is not None:
        return _private_key(spec, text, secret.get("passphrase")), password
    if password is None:
        raise SecretMissingError(
            f"the secret {spec.secret!r} for {spec.username} at {spec.host} has neither password nor private_key: "
            "add one of them."
        )
    return None, password


def _private_key(spec: ServerSpec, text: str, passphrase: str | None) -> paramiko.PKey:
    cause: Exception | None = None
    for kind in _KEY_CLASSES:
        try:
            return kind.from_private_key(io.StringIO(text), passphrase)
        except paramiko.PasswordRequiredException as error:
            raise SecretMissingError(
                f"private_key in secret {spec.secret!r} for {spec.host} is encrypted: add its passphrase to the secret."
            ) from error
        except (paramiko.SSHException, ValueError, TypeError, IndexError) as error:
            cause = error  # of another kind, or not a key
    raise LoginRejectedError(
        f"private_key in secret {spec.secret!r} for {spec.host} cannot be read: it must be an unencrypted Ed25519, "
        "ECDSA or RSA key in PEM or OpenSSH form, or come with its right passphrase."
    ) from cause


def _negotiate(transport: paramiko.Transport, spec: ServerSpec, where: str) -> None:
    transport.banner_timeout = transport.auth_timeout = spec.connect_timeout_seconds
    transport.handshake_timeout = spec.connect_timeout_seconds
    options = transport.get_security_options()
    options.ciphers = _first(options.ciphers, _FAST_CIPHERS)
    # a server with several host keys shows the kind asked for first
    pinned = [entry.split()[0] for entry in spec.host_keys if entry.strip()]
    wanted = [name for kind in pinned for name in (_RSA_ALGORITHMS if kind == "ssh-rsa" else (kind,))]
    options.key_types = _first(options.key_types, wanted)
    transport.start_client(timeout=spec.connect_timeout_seconds)
    if not transport.initial_kex_done:  # start_client just returns when its time is over
        raise ServerUnavailableError(
            f"{where} did not finish the SSH handshake within {spec.connect_timeout_seconds} seconds: it is busy, "
            "or not an SSH server; if it lasts, ask the partner."
        )


def _first(supported: Sequence[str], wanted: Sequence[str]) -> tuple[str, ...]:
    """The supported names, the wanted ones in front."""
    front = [name for name in dict.fromkeys(wanted) if name in supported]
    return (*front, *(name for name in supported if name not in front))


def _check_host_key(key: paramiko.PKey, spec: ServerSpec, where: str) -> None:
    shown = f"{key.get_name()} {key.get_base64()}"
    # a known_hosts entry may carry a comment behind the key
    if shown not in {" ".join(entry.split()[:2]) for entry in spec.host_keys}:
        raise HostKeyMismatchError(
            f"{where} showed the host key {shown} ({key.fingerprint}), which is not one of the "
            f"{len(spec.host_keys)} in server.host_keys. Nothing was sent to it. Ask the partner over another way "
            "whether the key has changed; only then put the new one into the feed."
        )


def _log_in(
    transport: paramiko.Transport, spec: ServerSpec, where: str, key: paramiko.PKey | None, password: str | None
) -> None:
    try:
        wanted = transport.auth_publickey(spec.username, key) if key is not None else ["password"]
        if wanted and password is not None:  # a server may want both
            wanted = transport.auth_password(spec.username, password)
    except paramiko.AuthenticationException as error:
        if not isinstance(error, paramiko.BadAuthenticationType) and str(error) != "Authentication failed.":
            raise  # the connection ended, or no answer came: that says nothing about the login
        raise LoginRejectedError(
            f"{where} refused the login of {spec.username} ({_text(error)}): check server.username, and the password "
            f"or key in secret {spec.secret!r}."
        ) from error
    if wanted:
        raise LoginRejectedError(
            f"{where} wants more of {spec.username} than the secret {spec.secret!r} has: {', '.join(wanted)}."
        )


def _text(error: BaseException) -> str:
    return str(error) or type(error).__name__
