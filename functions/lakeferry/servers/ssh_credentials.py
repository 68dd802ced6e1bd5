"""What a feed's secret has to log in with over SSH. Never an agent, never a key of this machine."""

import io
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import paramiko
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from lakeferry.errors import LoginRejectedError, SecretMissingError
from lakeferry.servers.pem import as_it_was_meant
from lakeferry.servers.spec import ServerSpec

_KEY_CLASSES: tuple[type[paramiko.PKey], ...] = (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey)

_PKCS8 = ("-----BEGIN PRIVATE KEY-----", "-----BEGIN ENCRYPTED PRIVATE KEY-----")
_OTHER_FORMS: tuple[tuple[str, str], ...] = (
    (
        r"PuTTY-User-Key-File",
        "is a key in PuTTY's form (.ppk), which is not read. Convert it with: "
        "puttygen key.ppk -O private-openssh -o id_key",
    ),
    (
        r"---- BEGIN SSH2 (?:ENCRYPTED )?PRIVATE KEY",
        "is a key in the form of ssh.com, which is not read. Convert it with: ssh-keygen -i -f key > id_key",
    ),
    (
        r"ssh-|ecdsa-sha2-|sk-|---- BEGIN SSH2 PUBLIC KEY|-----BEGIN (?:RSA )?PUBLIC KEY",
        "is a public key. The secret needs the private one, which is the file of the same name without .pub. To see "
        "that it is the right one: ssh-keygen -y -f id_key",
    ),
    (
        r"-----BEGIN (?:TRUSTED )?CERTIFICATE|-----BEGIN CERTIFICATE REQUEST",
        "is a certificate. The secret needs the private key that belongs to it; to read that out of a .pfx: "
        "openssl pkcs12 -in key.pfx -nocerts -out id_key",
    ),
    (
        r"-----BEGIN DSA PRIVATE KEY",
        "is a DSA key, which OpenSSH has given up. Make another with: ssh-keygen -t ed25519 -f id_key, and have the "
        "partner allow id_key.pub",
    ),
    (
        r"-----BEGIN PGP",
        "is a key of OpenPGP, which is for files and not for logins. Make one with: ssh-keygen -t ed25519 -f id_key",
    ),
    (
        r"LS0tLS1CRUdJTi",
        "is base64 of a key. Decode it with: base64 -d key.b64 > id_key",
    ),
    (
        r"[/~.][^\n]*\n?$",
        "is the path of a file, and the secret needs what is in it. To see that it is a key: ssh-keygen -y -f id_key",
    ),
)
"""How what is no key of OpenSSH or PEM begins, and what it is."""


@dataclass(frozen=True)
class Credentials:
    """At least one of them is there."""

    key: paramiko.PKey | None = field(repr=False)
    password: str | None = field(repr=False)

    @property
    def methods(self) -> tuple[str, ...]:
        """Names of RFC 4252 and RFC 4256, in the order they are tried."""
        key = ("publickey",) if self.key is not None else ()
        # there are servers that ask nothing in it
        return (*key, *(("password",) if self.password is not None else ()), "keyboard-interactive")

    @property
    def told(self) -> str:
        """What of it the secret has, for messages."""
        return ", ".join(name for name in self.methods if name != "keyboard-interactive" or self.password is not None)


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
    text = as_it_was_meant(text)
    _refuse_other_forms(spec, text)
    cause: Exception | None = None
    if text.startswith(_PKCS8):
        text, passphrase, cause = _of_pkcs8(spec, text, passphrase)
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


def _refuse_other_forms(spec: ServerSpec, text: str) -> None:
    for form, what in _OTHER_FORMS:
        if re.match(form, text):
            raise LoginRejectedError(
                f"private_key in secret {spec.secret!r} for {spec.host} {what}. Put the content of id_key into the "
                "secret, as it is."
            )


def _of_pkcs8(spec: ServerSpec, text: str, passphrase: str | None) -> tuple[str, str | None, Exception | None]:
    """The same key in OpenSSH's form, without a passphrase."""
    if "ENCRYPTED" in text[:40] and passphrase is None:
        raise SecretMissingError(
            f"private_key in secret {spec.secret!r} for {spec.host} is encrypted: add its passphrase to the secret."
        )
    try:
        secret = passphrase.encode() if passphrase is not None and "ENCRYPTED" in text[:40] else None
        key = serialization.load_pem_private_key(text.encode(), secret)
        form = serialization.PrivateFormat.OpenSSH
        return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode(), None, None
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        return text, passphrase, error
