"""The feed's private key or passphrase against a message's session keys, and what to say where none fits."""

from typing import Any

from lakeferry.decode.keys import DecodeKeys
from lakeferry.decode.pgp.armor import armor_kind
from lakeferry.decode.pgp.keys import Key, KeyUnusableError, WrongPassphraseError, families, read_keys
from lakeferry.decode.pgp.packets import (
    ENCRYPTED,
    GNUPG_AEAD,
    SESSION_KEY_BY_KEY,
    MalformedError,
    UnsupportedError,
)
from lakeferry.decode.pgp.sessions import ForKey, ForPassphrase, SessionKey
from lakeferry.decode.pgp.work import TooMuchWorkError, Work
from lakeferry.decode.stream import rejected
from lakeferry.errors import FileRejectedError, SecretMissingError

_VERSIONS = {(ENCRYPTED, 1): {3, 4}, (ENCRYPTED, 2): {6}, (GNUPG_AEAD, 1): {3, 4, 5}}
"""Versions of session keys that may stand before encrypted data, by its type and version.

Others do not count (section 10.3.2.1): they would let somebody wrap the data anew in a weaker form.
"""


class Unlocker:
    """Opens session keys with what the feed's secret has, within the work that one message may cost."""

    def __init__(self, name: str, keys: DecodeKeys) -> None:
        """`name` is the file's, for messages."""
        self._name, self._keys = name, keys
        self._work = Work()
        self._own: list[tuple[Key, frozenset[bytes]]] | None = None
        self._unlocked: dict[bytes, Any] = {}

    def open(self, packets: list[tuple[int, bytes]], tag: int, version: int) -> list[SessionKey]:
        """Each session key that our private key or our passphrase opens; one where it is the private key.

        Args:
            packets: Type and body of each packet that tells a session key.
            tag: The type of the encrypted data, and its version.

        Raises:
            FileRejectedError: none opens, or they would take too much work.
            SecretMissingError: the secret lacks what it needs.
            MalformedError: they are damaged.
        """
        by_key, by_passphrase, trouble = _read(packets, _VERSIONS[tag, version])
        if not by_key and not by_passphrase:
            raise trouble or MalformedError("it tells no session key of its data's version")
        passphrase = self._keys.pgp_passphrase
        if by_key and (self._keys.get("pgp_private_key") or not (by_passphrase and passphrase)):
            found, why = self._by_private_key(by_key, passphrase)
            if found:
                return [found]
            if not by_passphrase:
                raise why or trouble or self.not_opened(packets)
            trouble = why or trouble
        if passphrase is None:
            self._keys.require("pgp_passphrase", self._name, "it is encrypted with a passphrase")
        for session in by_passphrase:  # before the first is tried: each tells what it takes
            self._work.spend(session.work)
        candidates: list[SessionKey] = []
        for session in by_passphrase:
            try:
                opened = session.open(passphrase or "")
            except MalformedError as error:
                trouble = trouble or error
                continue
            candidates += [opened] if opened else []
        if not candidates:
            raise trouble or self.not_opened(packets)
        return candidates

    def _by_private_key(
        self, sessions: list[ForKey], passphrase: str | None
    ) -> tuple[SessionKey | None, MalformedError | None]:
        """The first session key that opens; where none does, why one that names our key does not."""
        trouble: MalformedError | None = None
        for session in sessions:
            for key, block in self._own_keys():
                if not session.is_for(key):
                    continue
                try:
                    private = self._private(key, passphrase)
                    found = session.open(key, private, self._work)
                except WrongPassphraseError:
                    raise SecretMissingError(
                        f"{self._name}: key {key.name} of {self._keys.secret_name} is locked, and "
                        f"{'pgp_passphrase does not open it' if passphrase else 'there is no pgp_passphrase'}. "
                        "Correct the secret and reprocess the file."
                    ) from None
                except KeyUnusableError as error:
                    if session.recipient:
                        raise self._unusable(
                            f"key {key.name} of {self._keys.secret_name} cannot be used: {error}"
                        ) from error
                except TooMuchWorkError:
                    raise
                except MalformedError as error:
                    if session.recipient or isinstance(error, UnsupportedError):
                        trouble = trouble or error  # else a hidden recipient, who may be anybody
                else:
                    block = block if session.recipient else frozenset()
                    return SessionKey(found.cipher, found.key, recipients=block), None
        return None, trouble

    def _own_keys(self) -> list[tuple[Key, frozenset[bytes]]]:
        """Each private key of the secret, and the fingerprints of the block it is in."""
        if self._own is not None:
            return self._own
        text = self._keys.require("pgp_private_key", self._name, "it is encrypted to a public key")
        try:
            own = [
                (key, frozenset(each.fingerprint for each in (primary, *subkeys)))
                for primary, subkeys in families(read_keys(text))
                for key in (primary, *subkeys)
                if key.secret
            ]
        except MalformedError as error:
            raise self._unusable(f"pgp_private_key of {self._keys.secret_name} cannot be read ({error})") from None
        if not own:
            kind = armor_kind(text.strip().encode()) or "block"
            raise self._unusable(
                f"pgp_private_key of {self._keys.secret_name} is a PGP {kind} without a private key of version 4 or 6"
            )
        self._own = own
        return own

    def _private(self, key: Key, passphrase: str | None) -> Any:  # noqa: ANN401  (one of cryptography's key classes)
        if key.body not in self._unlocked:
            self._unlocked[key.body] = key.private(passphrase, self._work)
        return self._unlocked[key.body]

    def _unusable(self, what: str) -> SecretMissingError:
        return SecretMissingError(
            f"{self._name}: {what}. Put the output of "
            "`gpg --export-secret-keys --armor` there as it is, line breaks too, and reprocess the file."
        )

    def not_opened(self, packets: list[tuple[int, bytes]]) -> FileRejectedError:
        """What to say where nothing we have opens it."""
        by_key = [session for tag, body in packets if tag == SESSION_KEY_BY_KEY and (session := ForKey.read(body))]
        if not by_key:
            return rejected(
                self._name,
                "it is encrypted with another passphrase than the feed's secret has",
                "Ask the partner which one it is, correct pgp_passphrase in the secret and reprocess the file.",
            )
        ids = ", ".join(sorted({session.recipient[-8:].hex().upper() or "hidden" for session in by_key}))
        return rejected(
            self._name,
            f"it is encrypted to key {ids}, which the feed's pgp_private_key does not hold",
            "Give the partner the feed's public key, or put the right private key into the secret and reprocess it.",
        )


def _read(
    packets: list[tuple[int, bytes]], versions: set[int]
) -> tuple[list[ForKey], list[ForPassphrase], MalformedError | None]:
    """Session keys that count, and what was wrong with the first of the others."""
    by_key: list[ForKey] = []
    by_passphrase: list[ForPassphrase] = []
    trouble: MalformedError | None = None
    for tag, body in packets:
        try:
            session = ForKey.read(body) if tag == SESSION_KEY_BY_KEY else ForPassphrase.read(body)
        except MalformedError as error:
            trouble = trouble or error
            continue
        if session is None or session.version not in versions:
            continue
        if isinstance(session, ForKey):
            by_key.append(session)
        else:
            by_passphrase.append(session)
    return by_key, by_passphrase, trouble
