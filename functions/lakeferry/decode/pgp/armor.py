"""ASCII armor (RFC 9580, section 6): text lines of Base64 to packets."""

import base64
import binascii
import io
import re

from lakeferry.decode.pgp.packets import MalformedError, TruncatedError
from lakeferry.decode.stream import Input

LOOK = 64 * 1024
"""Bytes within which armor begins, and its headers end: a mail's text may come before it."""
_LINES = 256 * 1024
_MARK = b"\xef\xbb\xbf"
"""What Windows puts before UTF-8."""
_BEGIN = re.compile(rb"(?:\A(?:\xef\xbb\xbf)?|\n)[ \t]*-----BEGIN PGP ([A-Z ,/0-9]+)-----")
_END = re.compile(rb"-----END PGP [A-Z ,/0-9]+-----")


def armor_kind(first: bytes) -> str | None:
    """What the first armored block says it is, such as `MESSAGE`; None where no line begins one.

    Bytes that begin like a packet are none, whatever is written in them.
    """
    if first[:1] > b"\x7f" and not first.startswith(_MARK):
        return None
    found = _BEGIN.search(first)
    return found[1].decode() if found else None


class Dearmored:
    """The packets in an armored stream. The checksum line (CRC24) is not looked at, as RFC 9580 asks."""

    def __init__(self, source: Input) -> None:
        self._source = source
        self._begun = self._ended = self._is_in_text = False
        self._carry, self._out = b"", b""

    def read(self, size: int) -> bytes:
        """The next bytes, at most `size`; empty at the end.

        Raises:
            MalformedError: the armor is broken, ends early, or something follows it.
        """
        while not self._out and not self._ended:
            self._begin()
            self._decode()
        data, self._out = self._out[:size], self._out[size:]
        return data

    def _begin(self) -> None:
        """Passes over a mail's text, the first line and the headers up to the empty line."""
        if self._begun:
            return
        self._begun = True
        begin = _BEGIN.search(self._source.peek(LOOK))
        if begin:
            self._is_in_text = bool(self._source.peek(begin.start()).strip())
            self._source.skip(begin.end())
        if self._source.is_at_end:
            raise TruncatedError
        if not re.match(rb"[ \t]*\r?\n", self._source.peek(200)):
            raise MalformedError(
                "its line breaks are gone: each line of the armor, the first and the empty one too, must end in one"
            )
        end = re.search(rb"\n[ \t]*\r?\n", self._source.peek(LOOK))
        if not end:
            raise MalformedError("the armor has no empty line after its headers")
        self._source.skip(end.end())

    def _decode(self) -> None:
        data = self._carry + self._source.read(_LINES)
        if len(data) == len(self._carry):
            raise TruncatedError
        self._carry = b""
        end = re.search(rb"\n=[A-Za-z0-9+/]{4}[ \t]*\r?\n-----END|\n-----END", data)
        if end is None:
            cut = max(len(data) - 100, 0)  # the end's lines may be there in part
            data, self._carry = data[:cut], data[cut:]
            text = b"".join(data.split())
            keep = len(text) // 4 * 4
            if keep < len(text):
                self._carry = text[keep:] + self._carry
                text = text[:keep]
        else:
            text = b"".join(data[: end.start()].split())
            rest = data[end.start() :]
            self._finish(rest)
        try:
            self._out = base64.b64decode(text, validate=True)
        except binascii.Error as error:
            raise MalformedError(f"the armor is broken near byte {self._source.position} ({error})") from error

    def _finish(self, rest: bytes) -> None:
        while len(rest) < 200 and (more := self._source.read(200)):
            rest += more
        found = _END.search(rest)
        if not found:
            raise TruncatedError
        after = rest[found.end() :]
        if self._is_in_text:
            self._pass_over(after)
        else:
            self._end(after)
        self._ended = True

    def _end(self, after: bytes) -> None:
        """Where nothing came before the armor, nothing may follow it."""
        while more := self._source.read(_LINES):
            after = after[:200].lstrip() + more
            if len(after) > 2 * _LINES:
                break
        if after.strip(b" \t\r\n\0"):
            raise MalformedError(f"something else follows the armor ({after.strip()[:20]!r} ...)")

    def _pass_over(self, after: bytes) -> None:
        """A mail goes on after its armor, but a second message in it would be lost."""
        while True:
            if armor_kind(after) is not None:
                raise MalformedError("more armor follows in the same text; one file holds one message")
            more = self._source.read(_LINES)
            if not more:
                return
            after = after[-200:] + more


def dearmor(text: str | bytes) -> bytes:
    """The packets of an armored block that is at hand, such as a key.

    Raises:
        MalformedError: it is none.
    """
    data = text.encode() if isinstance(text, str) else text
    if armor_kind(data.strip()[:LOOK]) is None:
        raise MalformedError("it does not begin with -----BEGIN PGP")
    stream = Dearmored(Input(io.BytesIO(data.strip() + b"\n")))
    pieces = []
    try:
        while piece := stream.read(1 << 20):
            pieces.append(piece)
    except TruncatedError as error:
        raise MalformedError("its end is missing: the last line is -----END PGP ...-----") from error
    return b"".join(pieces)
