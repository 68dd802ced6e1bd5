"""What zip and tar have in common: which members are wanted, and what their names are good for."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from lakeferry.decode.budget import Budget
from lakeferry.decode.keys import DecodeKeys
from lakeferry.decode.stream import Input

_JUNK_NAMES = frozenset({".DS_Store", "Thumbs.db", "desktop.ini"})


@dataclass(frozen=True, slots=True)
class Archive:
    """An archive that is about to be read.

    Attributes:
        name: The delivered file, and the members it lies in, for messages.
        globs: Patterns of the members that are wanted.
        opens_all: Members are wrapped themselves, so that the globs are for what is in them.
    """

    name: str
    source: Input
    keys: DecodeKeys
    budget: Budget
    globs: Sequence[str]
    opens_all: bool = False

    def wants(self, member: str) -> bool:
        """Whether a member becomes a file; what macOS and Windows put beside the files never does."""
        *folders, last = member.split("/")
        if not last or "__MACOSX" in folders or last in _JUNK_NAMES or last.startswith("._"):
            return False
        if self.opens_all or not self.globs or last.lower().endswith((".zip", ".tar")):
            return True
        return any(fnmatchcase(member if "/" in glob else last, glob) for glob in self.globs)


def member_name(raw: str) -> str:
    """A member's name as a message can show it: `/` between folders, no control characters. It is never a path."""
    return re.sub(r"[\x00-\x1f\x7f]", lambda found: f"\\x{ord(found.group()):02x}", raw.replace("\\", "/"))
