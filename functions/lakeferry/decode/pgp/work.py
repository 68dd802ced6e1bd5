"""What a message may cost before anything of it is decrypted: tried passphrases and private keys, all together."""

from lakeferry.decode.pgp.packets import UnsupportedError

_LIMIT = 8_000.0
"""Milliseconds of one processor, estimated from what the message asks for, so that every machine decides alike.

Less than twice the dearest single passphrase (Argon2, 16 passes over 256 MiB).
"""


class TooMuchWorkError(UnsupportedError):
    """The message asks for more work than any honest one."""


class Work:
    """The work that one message has asked for so far."""

    def __init__(self) -> None:
        self._spent = 0.0

    def spend(self, milliseconds: float) -> None:
        """Counts work that is about to be done.

        Raises:
            TooMuchWorkError: it is more than a message may cost.
        """
        self._spent += milliseconds
        if self._spent > _LIMIT:
            raise TooMuchWorkError(
                f"to try all its session keys takes more than {_LIMIT / 1000:g} s of a processor",
                "Ask the partner to encrypt to the feed's public key alone, or with one passphrase. The same file "
                "cannot be read.",
            )
