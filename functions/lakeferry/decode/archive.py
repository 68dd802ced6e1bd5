"""What zip and tar have in common: which members are wanted, and what their names are good for."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from lakeferry.decode.budget import Budget
from lakeferry.decode.keys import DecodeKeys
from lakeferry.decode.stream import Input, rejected
from lakeferry.errors import FileRejectedError

_JUNK_NAMES = frozenset({".DS_Store", "Thumbs.db", "desktop.ini"})
_NAMES_SHOWN = 10
_LONGEST_SHOWN = 100
"""Characters of a name in a message; one may have 65,535."""


@dataclass(frozen=True, slots=True)
class Archive:
    """An archive that is about to be read.

    Attributes:
        name: The delivered file, and the members it lies in, for messages.
        globs: Patterns of the members that are wanted, spelled like names (`member_name`).
        opens_all: Members are wrapped themselves, so that the globs are for what is in them.
        passed_over: The first members that no pattern matches, to show them where none does.
    """

    name: str
    source: Input
    keys: DecodeKeys
    budget: Budget
    globs: Sequence[str]
    opens_all: bool = False
    passed_over: list[str] = field(default_factory=list)

    def wants(self, member: str) -> bool:
        """Whether a member becomes a file; what macOS and Windows put beside the files never does."""
        *folders, last = member.split("/")
        if not last or "__MACOSX" in folders or last in _JUNK_NAMES or last.startswith("._"):
            return False
        if self.opens_all or not self.globs or last.lower().endswith((".zip", ".tar")):
            return True
        if any(fnmatchcase(member if "/" in glob else last, glob) for glob in self.globs):
            return True
        if len(self.passed_over) <= _NAMES_SHOWN:
            self.passed_over.append(member)
        return False

    def nothing_wanted(self, kind: str) -> FileRejectedError:
        """The error for an archive without a file that is wanted."""
        if not self.passed_over:
            return rejected(self.name, f"its {kind} archive holds no file", "Ask the partner what should be in it.")
        names = ", ".join(shown_name(name) for name in self.passed_over[:_NAMES_SHOWN])
        more = " and more" if len(self.passed_over) > _NAMES_SHOWN else ""
        return rejected(
            self.name,
            f"its {kind} archive holds no file that matches {' or '.join(self.globs)}; it has {names}{more}",
            "Set decode_options.members to what the partner sends, or ask the partner for what is missing.",
        )


def member_name(raw: str) -> str:
    """A member's name as a message can show it, and one spelling of it: `a/b`, never `a\\b`, `./a/b` or `a/./b`.

    Accents are one character with their letter; macOS writes them as two. It has no control characters, and is never
    a path.
    """
    name = re.sub(r"[\x00-\x1f\x7f-\x9f]", lambda found: f"\\x{ord(found.group()):02x}", raw.replace("\\", "/"))
    if "./" in name:
        name = "/".join(part for part in name.split("/") if part != ".")
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def shown_name(name: str) -> str:
    """A name in quotes, cut to what a message bears."""
    return repr(name if len(name) <= _LONGEST_SHOWN else f"{name[:_LONGEST_SHOWN]} ...")
