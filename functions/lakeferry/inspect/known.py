"""What is known of a file before it is read: what its partner promised, and what the feed's last files were."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Promise:
    """What the control file says.

    Attributes:
        source: Its name, for messages.
        rows: Data records.
        bytes: Bytes of the delivered file.
        checksums: Algorithm (`sha256`, `sha1`, `md5`) → hexadecimal digest of the delivered file.
    """

    source: str
    rows: int | None = None
    bytes: int | None = None
    checksums: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class History:
    """The feed's last files that landed, from the ledger.

    Attributes:
        rows: Rows read of each, newest first.
        columns: Of the last one; None where there is none.
    """

    rows: tuple[int, ...] = ()
    columns: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """All of that."""

    promise: Promise | None = None
    history: History = History()
