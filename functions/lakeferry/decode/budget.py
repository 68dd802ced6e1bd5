"""What one file may unpack to: a decompression bomb is stopped before it has gone off."""

from lakeferry.decode.stream import Delivered, rejected
from lakeferry.errors import FileRejectedError
from lakeferry.feeds.decode import DecodeSpec

FREE_BYTES = 64 * 1024 * 1024
"""Below this many decoded bytes the ratio does not matter."""


class Tally:
    """Decoded bytes of one layer, all members of an archive together."""

    def __init__(self, budget: "Budget") -> None:
        self._budget = budget
        self.count = 0

    def add(self, size: int) -> None:
        """Counts decoded bytes.

        Raises:
            FileRejectedError: there are more than the feed allows.
        """
        self.count += size
        self._budget.check(self.count)


class Budget:
    """The limits of one delivered file, whatever it is wrapped in."""

    def __init__(self, name: str, delivered: Delivered, limits: DecodeSpec) -> None:
        self._name, self._delivered, self._limits = name, delivered, limits
        self._members = 0

    def tally(self) -> Tally:
        """A count for one more layer."""
        return Tally(self)

    def check(self, decoded: int) -> None:
        """Whether a layer may have unpacked to so many bytes by now; each layer is held against the delivered bytes."""
        limits = self._limits
        if decoded > max(FREE_BYTES, limits.max_ratio * self._delivered.count):
            raise self._too_much(
                f"it unpacks to more than {limits.max_ratio} times its size ({decoded} bytes so far): a decompression "
                "bomb, or not data",
                "max_ratio",
            )
        if decoded > limits.max_bytes:
            raise self._too_much(f"it unpacks to more than {limits.max_bytes} bytes", "max_bytes")

    def add_member(self) -> None:
        """Counts a member of an archive, wanted or not."""
        self._members += 1
        if self._members > self._limits.max_members:
            raise self._too_much(f"its archive has more than {self._limits.max_members} members", "max_members")

    def check_depth(self, depth: int) -> None:
        """Whether so many layers may lie in each other."""
        if depth > self._limits.max_depth:
            raise self._too_much(f"it is wrapped more than {self._limits.max_depth} times", "max_depth")

    def _too_much(self, what: str, setting: str) -> FileRejectedError:
        return rejected(
            self._name, what, f"Ask the partner; if it is right, raise decode_options.{setting} in the feed."
        )
