"""Keys and passwords of the feed's secret, read only if a file needs one."""

from collections.abc import Callable, Mapping
from functools import cached_property

from lakeferry.errors import SecretMissingError

SecretLoader = Callable[[], Mapping[str, str]]


class DecodeKeys:
    """What opens the files of one feed."""

    def __init__(self, load: SecretLoader = dict, secret_name: str | None = None) -> None:
        """Keeps how the secret is read; `secret_name` is for messages only."""
        self._load = load
        self.secret_name = f"secret {secret_name!r}" if secret_name else "the feed's secret"

    @cached_property
    def _fields(self) -> Mapping[str, str]:
        return self._load()

    def get(self, field: str) -> str | None:
        """A field of the secret; None where it is not there or empty."""
        return self._fields.get(field) or None

    def require(self, field: str, name: str, why: str) -> str:
        """A field of the secret.

        Args:
            name: The file that needs it.
            why: What needs it, as the end of a sentence.

        Raises:
            SecretMissingError: it is not there.
        """
        value = self.get(field)
        if value is None:
            raise SecretMissingError(
                f"{name}: {why}, and {self.secret_name} has no {field}. Put it there and reprocess the file."
            )
        return value

    @property
    def pgp_passphrase(self) -> str | None:
        """Opens `pgp_private_key`, and messages that are encrypted with a passphrase."""
        return self.get("pgp_passphrase") or self.get("passphrase")
