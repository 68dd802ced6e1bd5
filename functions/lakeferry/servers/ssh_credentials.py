"""What a feed's secret has to log in with over SSH. Never an agent, never a key of this machine."""

import io
from collections.abc import Mapping
from dataclasses import dataclass, field

import paramiko

from lakeferry.errors import LoginRejectedError, SecretMissingError
from lakeferry.servers.spec import ServerSpec

_KEY_CLASSES: tuple[type[paramiko.PKey], ...] = (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey)


@dataclass(frozen=True)
class Credentials:
    """At least one of them is there."""

    key: paramiko.PKey | None = field(repr=False)
    password: str | None = field(repr=False)

    @property
    def methods(self) -> tuple[str, ...]:
        """Names of RFC 4252 and RFC 4256, in the order they are tried."""
        key = ("publickey",) if self.key is not None else ()
        return (*key, "password", "keyboard-interactive") if self.password is not None else key


def read_credentials(spec: ServerSpec, secret: Mapping[str, str]) -> Credentials:
    """
    Raises:
        SecretMissingError: there is nothing to log in with, or no passphrase for the key.
        LoginRejectedError: the key cannot be read.
    """
    text, password = secret.get("private_key"), secret.get("password")
    if text is None and password is None:
        raise SecretMissingError(
            f"the secret {spec.secret!r} for {spec.username} at {spec.host} has neither password nor private_key: "
            "add one of them."
        )
    key = None if text is None else _private_key(spec, text, secret.get("passphrase"))
    return Credentials(key, password)


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
