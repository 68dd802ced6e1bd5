"""Secrets in what servers and proxies say: taken out before their words become ours.

A server knows the password and may repeat it whenever it likes: as it was sent, broken over lines, as a proxy sends it
(base64), as a web server writes it (percent signs, HTML, JSON). What it says goes into mails, logs, the ledger and the
queue.
"""

import base64
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cached_property
from html.entities import codepoint2name

HIDDEN = "[hidden]"
_NO_SECRETS = frozenset({"proxy_username"})
"""Fields that say who somebody is; messages name them."""
_SHORTEST = 4
"""Characters; a shorter value is hidden where it stands by itself, or every text would be full of holes."""
_LONGEST_BROKEN = 256
"""Characters; a longer value, and one of several lines, is a key, and looked for line by line."""
_LONGEST_SPELLED = 40
"""Characters of a value, or of its base64, that is looked for with each of its letters escaped, too."""
_LINE = 16
"""Characters of a key's line that tells something of the key."""
_BREAK = r"(?:(?:\r|\n|\\r|\\n){1,4}(?:[0-9]{3}[ -])?[ \t]{0,8})?"
"""What may stand between two characters: the end of a line, as it is or as Python shows it, and FTP's code. So long at
most, since a server may say a megabyte of line ends, and each could begin a secret."""
_ATTRIBUTES = ("strerror", "filename", "filename2", "object", "reason", "__notes__")
"""Where Python's own errors keep what they say, besides their arguments and the attributes of their class."""
_DISGUISES = re.compile(r"[^\x00-\x7f]|[%&\\+\r\n]")
"""Without one of these a text has each character as it is, but for quotes that are doubled, and no line in two."""
_CODE = re.compile(r"[0-9]{3}(?:[ -]|$)")
"""Begins an answer of FTP or HTTP, and is read after this; no password is so short that it could be meant."""


class Hiding:
    """Knows the values of a secret."""

    def __init__(self, secret: Mapping[str, str], username: str = "", encoding: str = "utf-8") -> None:
        """
        Args:
            username: Of the server; goes with the password in front of a proxy's, or a web server's, base64.
            encoding: Of names and passwords on the server, whose bytes come back as ISO 8859-1.
        """
        self._secret, self._username, self._encoding = secret, username, encoding

    def hide(self, text: str) -> str:
        """The text without them."""
        if self._is_surely_clean(text) or self._regex is None:
            return text
        code = _CODE.match(text)
        kept = code.end() if code else 0
        return text[:kept] + self._regex.sub(HIDDEN, text[kept:])

    def _is_surely_clean(self, text: str) -> bool:
        """Whether it says none of them, as can be seen at once: it is plain, and so can they only be.

        Of most texts; so most connections that have trouble need no pattern, which takes 0.1 s to make.
        """
        lines, forms = self._sought
        if _DISGUISES.search(text):
            return False
        small = text.lower()
        return all(
            each.isascii() and "'" not in each and '"' not in each and each.lower() not in small
            for each in (*lines, *forms)
        )

    @cached_property
    def _sought(self) -> tuple[frozenset[str], frozenset[str]]:
        """Lines of keys, and all other values in each form that they may be sent in."""
        names = {self._username, *(text for field, text in self._secret.items() if field in _NO_SECRETS)} - {""}
        values = {text for field, text in self._secret.items() if field not in _NO_SECRETS}
        keys = {value for value in values if "\n" in value or len(value) > _LONGEST_BROKEN}
        forms = frozenset(form for value in values - keys for form in _forms(value, names, self._encoding))
        lines = (line for key in keys for line in key.splitlines() if len(line) >= _LINE and line[:5] != "-----")
        return frozenset(lines), forms

    @cached_property
    def _regex(self) -> re.Pattern[str] | None:
        lines, forms = self._sought
        # the longest first, or what is left of it would tell the rest
        parts = [*map(re.escape, lines), *map(_pattern, sorted(forms, key=len, reverse=True))]
        return re.compile("|".join(parts), re.IGNORECASE) if parts else None

    def clean(self, error: BaseException) -> None:
        """Takes them out of what an error says, and what those say that led to it."""
        seen: set[int] = set()
        left: list[BaseException | None] = [error]
        while left:
            found = left.pop()
            if found is not None and id(found) not in seen:
                seen.add(id(found))
                found.args = tuple(self._cleaned(each) for each in found.args)
                self._clean_attributes(found)
                left += [found.__cause__, found.__context__, *getattr(found, "exceptions", ())]

    @contextmanager
    def in_errors(self) -> Iterator[None]:
        """What is raised is clean."""
        try:
            yield
        except Exception as error:
            self.clean(error)
            raise

    def _clean_attributes(self, error: BaseException) -> None:
        # an OSError, for one, is shown by them, whatever its arguments are
        for name in (*vars(error), *_ATTRIBUTES):
            value = getattr(error, name, None)
            if (cleaned := self._cleaned(value)) != value:
                with suppress(AttributeError, TypeError):  # of one that nobody can set
                    setattr(error, name, cleaned)

    def _cleaned(self, value: object) -> object:
        if isinstance(value, list | tuple):
            return type(value)([self._cleaned(each) for each in value]) if type(value) in {list, tuple} else value
        if isinstance(value, bytes):
            text = value.decode("iso-8859-1")
            return value if (hidden := self.hide(text)) == text else hidden.encode("iso-8859-1")
        return self.hide(value) if isinstance(value, str) else value


def _forms(value: str, names: set[str], encoding: str) -> Iterator[str]:
    if not value.strip():
        return
    yield value
    raw = value.encode("utf-8", "surrogatepass")
    yield raw.decode("iso-8859-1")
    with suppress(UnicodeError, LookupError):  # or it cannot have been sent so
        yield value.encode(encoding).decode("iso-8859-1")
    for name in names:
        yield from _base64(f"{name}:".encode() + raw, whole=True)
    yield from _base64(raw, whole=True)
    yield from _base64(raw, whole=False)


def _base64(raw: bytes, *, whole: bool) -> Iterator[str]:
    """As base64 has it: alone, or, if not `whole`, wherever it stands in what was encoded."""
    for skipped in (0,) if whole else (0, 1, 2):
        padded = base64.b64encode(bytes(skipped) + raw).decode()
        text = padded.rstrip("=")
        # without the characters that bytes beside it have a part in
        found = (padded, text) if whole else (text[skipped and skipped + 1 : -1],)
        for each in found:
            if len(each) >= 2 * _SHORTEST:
                yield each
                yield each.translate(str.maketrans("+/", "-_"))


def _pattern(form: str) -> str:
    # letters and digits are hardly ever escaped: only where that costs little
    is_short = len(form) <= _LONGEST_SPELLED
    text = _BREAK.join(_spelled(each) if is_short or not each.isalnum() else re.escape(each) for each in form)
    return text if len(form) >= _SHORTEST else rf"(?<!\w){text}(?!\w)"


def _spelled(character: str) -> str:
    """One character, as it is or as somebody has escaped it, each for itself: not all do so with the same ones."""
    code, raw = ord(character), character.encode("utf-8", "surrogatepass")
    found = [re.escape(character), "".join(f"%{byte:02x}" for byte in raw), f"&#(?:0*{code}|x0*{code:x});"]
    units = character.encode("utf-16-be", "surrogatepass").hex()
    found += ["".join(rf"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))]
    found += ["".join(rf"\\x{byte:02x}" for byte in raw)]
    if code < 256:
        found += [f"%{code:02x}", rf"\\x{code:02x}"]
    if code in codepoint2name:
        found += [f"&{codepoint2name[code]};"]
    if not character.isalnum():
        found += [rf"\\{re.escape(character)}"]
    if character in "\"'":
        found += [character * 2]
    if character == " ":
        found += [r"\+"]
    return f"(?:{'|'.join(sorted(set(found), key=len, reverse=True))})"
