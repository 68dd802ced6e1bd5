"""The host key that a server shows, before anybody has trusted it: nothing is sent to it but the handshake."""

import base64
import hashlib
import socket
from dataclasses import dataclass

import paramiko

from lakeferry.errors import ServerUnavailableError
from lakeferry.servers.ssh_groups import Transport

_SECONDS = 15


@dataclass(frozen=True, slots=True)
class HostKey:
    """A key as it stands in `server.host_keys`.

    Attributes:
        fingerprint: As `ssh-keygen -l` shows it.
    """

    line: str
    fingerprint: str


def host_key_of(host: str, port: int) -> HostKey:
    """The key that the server proves to have.

    Raises:
        ServerUnavailableError: it cannot be reached, or is no SSH server.
    """
    try:
        with socket.create_connection((host, port), timeout=_SECONDS) as line:
            transport = Transport(line)
            try:
                transport.start_client(timeout=_SECONDS)
                key = transport.get_remote_server_key()
            finally:
                transport.close()
    except (OSError, paramiko.SSHException, EOFError) as error:
        raise ServerUnavailableError(
            f"{host}:{port} shows no host key ({str(error) or type(error).__name__}). Is it SFTP, and that port?"
        ) from error
    digest = base64.b64encode(hashlib.sha256(key.asbytes()).digest()).decode().rstrip("=")
    return HostKey(f"{key.get_name()} {key.get_base64()}", f"SHA256:{digest}")
