"""What mails have in common: how long things may be, and what others may not do to them.

File names, servers' answers and causes were written by others. Whatever is in them, they stay within the line, and the
reading direction, that a mail gives them: here, and nowhere else.
"""

import json
import re
from bisect import insort
from collections.abc import Iterator, Sequence

LISTED = 40
"""Lines of one kind that a mail lists before it counts the rest."""
_LONGEST_SUBJECT = 100
"""Characters, ASCII ("Publish", Amazon SNS API Reference)."""
_LONGEST_TEXT = 200_000
"""Bytes as JSON. A message, and a state's payload, have 256 KB at most with the attributes; those of a mail about 100
feeds take some 20 KB."""
_END = 2_000
"""Bytes of a text's end that are kept where it is cut: what to do, the command, the link."""
_CUT = "\n[... the mail was too long; the ledger has all ...]\n"
_FORGING = re.compile(
    "\r\n|[\x00-\x1f\x7f-\x9f"  # controls, line breaks among them
    "\u2028\u2029"  # separators of lines and paragraphs
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # marks that turn the reading direction
    "\u00ad\u180e\u200b\u2060-\u2064\u206a-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f"  # no width at all
    "\ud800-\udfff]"  # halves of characters, which no encoding takes
)


def subject_of(text: str) -> str:
    """A subject that SNS takes."""
    return re.sub("[^ -~]", "?", text)[:_LONGEST_SUBJECT]


def text_of(text: str) -> str:
    """A text that SNS and a state's payload take; one too long is cut in its middle, so that its end is still there."""
    whole = text.encode("utf-8", "replace")
    found, room = whole.decode("utf-8"), _LONGEST_TEXT
    while _in_payload(found) > _LONGEST_TEXT:
        head = whole[: room - _END - len(_CUT)].decode("utf-8", "ignore")
        found = head + _CUT + whole[-_END:].decode("utf-8", "ignore")
        # what JSON writes in more bytes makes less room
        room = room * 3 // 4
    return found


def _in_payload(text: str) -> int:
    return len(json.dumps(text, ensure_ascii=False).encode("utf-8"))


def one_line(text: str) -> str:
    """What others wrote, on one line: each character that could break or turn it is a question mark."""
    return _FORGING.sub("?", text)


def cut(text: str, longest: int) -> str:
    """The text, or so many characters of it."""
    return text if len(text) <= longest else text[: longest - 3] + "..."


def excerpt(text: str, longest: int) -> str:
    """So much of what others wrote, on one line. It is cut first: what nobody sees takes no time, however long."""
    return one_line(cut(text, longest))


class Lines:
    """Lines of one kind: of any number, no more are kept than a mail lists.

    Attributes:
        count: How many there were.
    """

    def __init__(self, most: int = LISTED) -> None:
        self.count = 0
        self._most = most
        self._kept: list[tuple[tuple[str, ...], int, str]] = []

    def add(self, line: str, order: tuple[str, ...] = ()) -> None:
        """Takes one.

        Args:
            order: The first by it are kept; of equal ones those that came first.
        """
        self.count += 1
        one = (order, self.count, line)
        if len(self._kept) < self._most or one < self._kept[-1]:
            insort(self._kept, one)
            del self._kept[self._most :]

    def __iter__(self) -> Iterator[str]:
        return (line for _, _, line in self._kept)

    @property
    def more(self) -> int:
        """How many there were that were not kept."""
        return self.count - len(self._kept)

    def listed(self, what: str) -> list[str]:
        """The first lines, and how many more there are."""
        return [*self, *([f"- and {self.more} more {what}; the ledger has all"] if self.more else [])]


def listed(lines: Sequence[str], what: str) -> list[str]:
    """The first lines, and how many more there are."""
    found = Lines()
    for line in lines:
        found.add(line)
    return found.listed(what)
