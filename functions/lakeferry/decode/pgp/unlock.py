"""The feed's private key or passphrase against a message's session keys, and what to say where none fits."""

from lakeferry.decode.keys import DecodeKeys
from lakeferry.decode.pgp.keys import WrongPassphraseError, read_keys
from lakeferry.decode.pgp.packets import MalformedError
from lakeferry.decode.pgp.sessions import ForKey, ForPassphrase, SessionKey
from lakeferry.decode.stream import rejected
from lakeferry.errors import FileRejectedError, SecretMissingError

Locked = ForKey | ForPassphrase
"""A session key that is still locked."""


class Unlocker:
    """Opens session keys with what the feed's secret has."""

    def __init__(self, name: str, keys: DecodeKeys) -> None:
        """`name` is the file's, for messages."""
        self._name, self._keys = name, keys

    def open(self, sessions: list[Locked]) -> list[SessionKey]:
        """Each session key that our private key or our passphrase opens, the private key's first."""
        by_key = [session for session in sessions if isinstance(session, ForKey)]
        by_passphrase = [session for session in sessions if isinstance(session, ForPassphrase)]
        if not sessions:
            raise MalformedError("it tells no session key")
        passphrase = self._keys.pgp_passphrase
        if by_key and (self._keys.get("pgp_private_key") or not (by_passphrase and passphrase)):
            found = self._by_private_key(by_key, passphrase)
            if found or not by_passphrase:
                if not found:
                    raise self.not_opened(sessions)
                return [found]
        if passphrase is None:
            self._keys.require("pgp_passphrase", self._name, "it is encrypted with a passphrase")
        opened = [session.open(passphrase or "") for session in by_passphrase]
        candidates = [found for found in opened if found is not None]
        if not candidates:
            raise self.not_opened(sessions)
        return candidates

    def _by_private_key(self, sessions: list[ForKey], passphrase: str | None) -> SessionKey | None:
        text = self._keys.require("pgp_private_key", self._name, "it is encrypted to a public key")
        try:
            own = [key for key in read_keys(text) if key.secret]
        except MalformedError as error:
            raise SecretMissingError(
                f"{self._name}: pgp_private_key of {self._keys.secret_name} cannot be read ({error}). Put the output "
                "of `gpg --export-secret-keys --armor` there and reprocess the file."
            ) from None
        for session in sessions:
            for key in own:
                if not session.is_for(key):
                    continue
                try:
                    found = session.open(key, passphrase)
                except WrongPassphraseError:
                    raise SecretMissingError(
                        f"{self._name}: key {key.key_id.hex().upper()} of {self._keys.secret_name} is locked, and "
                        f"{'pgp_passphrase does not open it' if passphrase else 'there is no pgp_passphrase'}. "
                        "Mend the secret and reprocess the file."
                    ) from None
                except MalformedError:
                    if session.recipient:
                        raise
                    continue  # a hidden recipient may be any key; this one can open nothing
                if found is not None:
                    return found
        return None

    def not_opened(self, sessions: list[Locked]) -> FileRejectedError:
        by_key = [session for session in sessions if isinstance(session, ForKey)]
        if not by_key:
            return rejected(
                self._name,
                "it is encrypted with another passphrase than the feed's secret has",
                "Ask the partner which one it is, mend pgp_passphrase in the secret and reprocess the file.",
            )
        ids = ", ".join(sorted({session.recipient[-8:].hex().upper() or "hidden" for session in by_key}))
        return rejected(
            self._name,
            f"it is encrypted to key {ids}, which the feed's pgp_private_key does not hold",
            "Give the partner the feed's public key, or put the right private key into the secret and reprocess it.",
        )
