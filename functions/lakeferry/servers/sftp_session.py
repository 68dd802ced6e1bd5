"""From host and port to a logged-in SSH transport: pinned host key first, then the login.

Only what the feed and its secret say counts: no agent, no `~/.ssh`, no known_hosts file.
"""

import re
import socket
from collections.abc import Mapping, Sequence

import paramiko

from lakeferry.errors import (
    FeedInvalidError,
    HostKeyMismatchError,
    LakeferryError,
    LoginRejectedError,
    RemoteAccessError,
    ServerUnavailableError,
)
from lakeferry.servers import ssh_groups, ssh_legacy
from lakeferry.servers.answering import LOOK_SECONDS, is_begun, kind_of, look, says_something_else, told
from lakeferry.servers.buffered_socket import BufferedSocket
from lakeferry.servers.connection import connect
from lakeferry.servers.networks import ANYWHERE, Networks
from lakeferry.servers.proxy import proxy_of
from lakeferry.servers.server_errors import words_of
from lakeferry.servers.spec import AlgorithmsSpec, ServerSpec
from lakeferry.servers.ssh_certificates import (
    AUTHORITY,
    CertifiedLegacyTransport,
    CertifiedTransport,
    authorities,
    why_not,
)
from lakeferry.servers.ssh_credentials import Credentials, read_credentials

WINDOW_BYTES = 32 * 1024 * 1024
"""What the server may send before this side says that it took it: so much covers a long round trip."""
PACKET_BYTES = 256 * 1024
"""The most that one SSH packet may carry to this side. OpenSSH sends as much; others stay at 32 KiB."""
REKEY_SECONDS = 120
"""How long a new key exchange in the middle of a transfer may take; a sink that waits for S3 holds it up."""

_LOST_IN_LOGIN = ("Authentication failed: transport shut down or saw EOF", "Authentication timeout.")
"""paramiko's words where the connection ended, or no answer came: that says nothing about the login."""

_FAST_CIPHERS = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com")
_BEGUN = re.compile(rb"S|SS|SSH|SSH-.*", re.DOTALL)
_RSA_ALGORITHMS = ("rsa-sha2-512", "rsa-sha2-256")


def open_transport(spec: ServerSpec, secret: Mapping[str, str], networks: Networks = ANYWHERE) -> paramiko.Transport:
    """Connects, compares the host key, logs in; whatever fails, nothing stays open.

    Raises:
        FeedInvalidError: `server.algorithms` names one that is not known here, or the address is denied.
        RemoteAccessError: there is no algorithm that both sides know.
        ServerUnavailableError, HostKeyMismatchError, LoginRejectedError, SecretMissingError: see `open_server`.
    """
    where = spec.address
    credentials = read_credentials(spec, secret)
    try:
        connection = BufferedSocket.of(connect(spec, proxy_of(spec, secret), networks))
    except OSError as error:  # refused, unreachable, unknown name, timed out
        raise ServerUnavailableError(
            f"{where} cannot be reached ({error}): check host and port of the feed, and the way there."
        ) from error
    try:
        # the constructor starts nothing, so a failure leaves only the socket behind
        transport = _transport(connection, spec.algorithms, certified=bool(authorities(spec.host_keys)))
    except BaseException:
        connection.close()
        raise
    try:
        _negotiate(transport, spec, where)
        _check_host_key(transport.get_remote_server_key(), spec, where)
        _log_in(transport, spec, where, credentials)
        connection.most = None
    except BaseException as error:
        transport.close()
        connection.close()  # a transport that never started does not close it
        is_ours = isinstance(error, LakeferryError)
        if not isinstance(error, Exception) or (is_ours and not _has_no_ssh(error, transport)):
            raise
        first = connection.first or look(lambda: connect(spec, proxy_of(spec, secret), networks, timeout=LOOK_SECONDS))
        # lines may come before those of SSH; who says something, and never that it speaks SSH, does not
        is_ssh = transport.remote_version or is_begun(connection.first, _BEGUN)
        is_another = _is_another(first) or (not is_ssh and says_something_else(connection.first))
        if is_ours and not is_another:
            raise
        raise _of_handshake(error, where, first if is_another else None) from error
    return transport


def _has_no_ssh(error: Exception, transport: paramiko.Transport) -> bool:
    """Whether time was over before anybody said that this is SSH."""
    return isinstance(error, ServerUnavailableError) and not transport.remote_version


def _is_another(first: bytes | None) -> bool:
    """Whether whoever begins so speaks something else than SSH."""
    return first is not None and not first.startswith(b"SSH-") and kind_of(first) is not None


def _of_handshake(error: Exception, where: str, first: bytes | None) -> LakeferryError:
    """What paramiko raises, as one of ours.

    Args:
        first: What somebody says who speaks another protocol.

    Of any class: its thread hands on what a broken packet made it stumble over, such as UnicodeDecodeError or
    cryptography's InvalidTag.
    """
    if isinstance(error, paramiko.ssh_exception.IncompatiblePeer):
        return RemoteAccessError(
            f"{where} knows none of the SSH algorithms that are offered to it ({words_of(error)}): ask the partner "
            "for a newer server, or name what it knows in server.algorithms of the feed."
        )
    if isinstance(error, paramiko.BadHostKeyException) or str(error).startswith("Signature verification"):
        return HostKeyMismatchError(
            f"{where} does not prove that it has the host key it shows ({words_of(error)}): somebody may stand in "
            "between. Nothing secret was sent to it. If it lasts, ask the partner."
        )
    if first is not None:
        return RemoteAccessError(f"{where} does not speak SSH: {told(first)}.")
    return ServerUnavailableError(
        f"{where} broke off the SSH handshake ({words_of(error)}): it is busy, or not an SSH server; "
        "if it lasts, ask the partner."
    )


def _transport(connection: socket.socket, algorithms: AlgorithmsSpec, *, certified: bool) -> paramiko.Transport:
    named = {*algorithms.key_exchange, *algorithms.host_keys, *algorithms.user_keys}
    plain, legacy = (
        (CertifiedTransport, CertifiedLegacyTransport)
        if certified
        else (ssh_groups.Transport, ssh_legacy.LegacyTransport)
    )
    kind: type[paramiko.Transport] = legacy if named & ssh_legacy.NAMES else plain
    transport = kind(connection, default_window_size=WINDOW_BYTES, default_max_packet_size=PACKET_BYTES)
    if algorithms.user_keys:
        others = [name for name in transport.preferred_pubkeys if name not in algorithms.user_keys]
        transport.disabled_algorithms = {"pubkeys": others}
    return transport


def _negotiate(transport: paramiko.Transport, spec: ServerSpec, where: str) -> None:
    transport.banner_timeout = transport.auth_timeout = spec.connect_timeout_seconds
    transport.handshake_timeout = spec.connect_timeout_seconds
    options, named = transport.get_security_options(), spec.algorithms
    # a server with several host keys shows the kind asked for first
    pinned = [entry.split()[0] for entry in spec.host_keys if entry.strip() and not entry.startswith(AUTHORITY)]
    wanted = [name for kind in pinned for name in (_RSA_ALGORITHMS if kind == "ssh-rsa" else (kind,))]
    _check_known(named, options, where)
    options.ciphers = named.ciphers or _first(options.ciphers, _FAST_CIPHERS)
    options.key_types = named.host_keys or _first(options.key_types, wanted)
    options.kex = named.key_exchange or options.kex
    options.digests = named.macs or options.digests
    transport.start_client(timeout=spec.connect_timeout_seconds)
    if not transport.initial_kex_done:  # start_client just returns when its time is over
        raise ServerUnavailableError(
            f"{where} did not finish the SSH handshake within {spec.connect_timeout_seconds} seconds: it is busy, "
            "or not an SSH server; if it lasts, ask the partner."
        )
    transport.clear_to_send_timeout = REKEY_SECONDS


def _check_known(named: AlgorithmsSpec, options: paramiko.transport.SecurityOptions, where: str) -> None:
    known = (*options.kex, *options.ciphers, *options.digests, *options.key_types, *sorted(ssh_legacy.NAMES))
    for name in (*named.key_exchange, *named.ciphers, *named.macs, *named.host_keys, *named.user_keys):
        if name not in known:
            raise FeedInvalidError(
                f"$.server.algorithms of the feed for {where}: {name!r} is not known; known are {', '.join(known)}."
            )


def _first(supported: Sequence[str], wanted: Sequence[str]) -> tuple[str, ...]:
    """The supported names, the wanted ones in front."""
    front = [name for name in dict.fromkeys(wanted) if name in supported]
    return (*front, *(name for name in supported if name not in front))


def _check_host_key(key: paramiko.PKey, spec: ServerSpec, where: str) -> None:
    shown = f"{key.get_name()} {key.get_base64()}"
    # a known_hosts entry may carry a comment behind the key
    if shown in {" ".join(entry.split()[:2]) for entry in spec.host_keys}:
        return
    pinned = authorities(spec.host_keys)
    why = f", and {why}" if pinned and (why := why_not(key, spec.host, pinned)) else ""
    if pinned and not why:
        return
    raise HostKeyMismatchError(
        f"{where} showed the host key {shown} ({key.fingerprint}), which is not one of the "
        f"{len(spec.host_keys)} in server.host_keys{why}. Nothing was sent to it. Ask the partner over another way "
        "whether the key has changed; only then put the new one into the feed."
    )


def _log_in(transport: paramiko.Transport, spec: ServerSpec, where: str, credentials: Credentials) -> None:
    """Tries what the secret has until the server asks for no more; what it refuses is not tried another way."""
    left = list(credentials.methods)
    wanted = left
    cause: paramiko.AuthenticationException | None = None
    # what is not offered yet may be, once another method was taken; no server is followed round in circles
    for _ in range(2 * len(left)):
        method = next((name for name in left if name in wanted), None)
        if method is None:
            break
        left.remove(method)
        try:
            wanted = _try(transport, spec, credentials, method)
        except paramiko.BadAuthenticationType as error:
            wanted, cause = error.allowed_types, error
            if method not in wanted:
                left.append(method)
        except paramiko.AuthenticationException as error:
            if str(error) in _LOST_IN_LOGIN:
                raise
            if method == "keyboard-interactive" and credentials.password is None:
                cause = error  # it asked for something
                continue
            raise LoginRejectedError(
                f"{where} refused the login of {spec.username} ({words_of(error)}): check server.username, and the "
                f"password or key in secret {spec.secret!r}."
            ) from error
        except UnicodeEncodeError:
            raise LoginRejectedError(
                f"server.username for {where}, or the password in secret {spec.secret!r}, has characters that are not "
                "valid: check them."
            ) from None  # the original holds the password
        if not wanted:
            return
    raise LoginRejectedError(
        f"{where} does not let {spec.username} in with what the secret {spec.secret!r} has "
        f"({credentials.told}): it wants {', '.join(wanted)}. Add that to the secret, or ask the partner."
    ) from cause


def _try(transport: paramiko.Transport, spec: ServerSpec, credentials: Credentials, method: str) -> list[str]:
    """What the server wants besides."""
    key, password = credentials.key, credentials.password
    if method == "publickey" and key is not None:
        return transport.auth_publickey(spec.username, ssh_legacy.signing(key, spec.algorithms.user_keys))
    if method == "password" and password is not None:
        return transport.auth_password(spec.username, password, fallback=False)

    def answer(title: str, instructions: str, prompts: list[tuple[str, bool]]) -> list[str]:
        # what is not shown on a screen is the password; a round may ask nothing
        return [spec.username if shown else password or "" for _, shown in prompts]

    return transport.auth_interactive(spec.username, answer)
