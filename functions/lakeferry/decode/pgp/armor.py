"""ASCII armor (RFC 9580, section 6): text lines of Base64 to packets."""

import base64
import binascii
import io
import re

from lakeferry.decode.pgp.packets import MalformedError, TruncatedError
from lakeferry.decode.stream import Input

_LINES = 256 * 1024
_HEADER_LIMIT = 64 * 1024


def armor_kind(first: bytes) -> str | None:
    """What an armored block says it is, such as `MESSAGE`; None where the bytes begin no armor."""
    found = re.match(rb"\s*-----BEGIN PGP ([A-Z ,/0-9]+)-----", first)
    return found.group(1).decode() if found else None


class Dearmored:
    """The packets in an armored stream. The checksum line (CRC24) is not looked at, as RFC 9580 asks."""

    def __init__(self, source: Input) -> None:
        self._source = source
        self._begun = self._ended = False
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
        """Passes over the first line and the headers up to the empty line."""
        if self._begun:
            return
        self._begun = True
        head = self._source.peek(_HEADER_LIMIT)
        end = re.search(rb"\r?\n[ \t]*\r?\n", head)
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
        found = re.search(rb"-----END PGP [A-Z ,/0-9]+-----", rest)
        if not found:
            raise TruncatedError
        after = rest[found.end() :]
        while more := self._source.read(_LINES):
            after = after[:200].lstrip() + more
            if len(after) > 2 * _LINES:
                break
        if after.strip(b" \t\r\n\0"):
            raise MalformedError(f"something else follows the armor ({after.strip()[:20]!r} ...)")
        self._ended = True


def dearmor(text: str | bytes) -> bytes:
    """The packets of an armored block that is at hand, such as a key.

    Raises:
        MalformedError: it is none.
    """
    data = text.encode() if isinstance(text, str) else text
    if armor_kind(data) is None:
        raise MalformedError("it does not begin with -----BEGIN PGP")
    stream = Dearmored(Input(io.BytesIO(data.strip() + b"\n")))
    pieces = []
    while piece := stream.read(1 << 20):
        pieces.append(piece)
    return b"".join(pieces)
