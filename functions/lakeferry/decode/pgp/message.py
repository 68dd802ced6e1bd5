"""A message as a stream of its data: each packet in it is opened, and closed with its proof."""

from collections.abc import Iterator

from lakeferry.decode.budget import Budget
from lakeferry.decode.frames import BZIP2, DEFLATE, ZLIB, Codec, FramesReader
from lakeferry.decode.keys import DecodeKeys
from lakeferry.decode.pgp import packets
from lakeferry.decode.pgp.armor import LOOK, Dearmored, armor_kind
from lakeferry.decode.pgp.integrity import ChangedError, MdcPlain, Plain, open_aead, read_aead_header
from lakeferry.decode.pgp.packets import Body, MalformedError, TruncatedError, UnsupportedError, next_packet
from lakeferry.decode.pgp.signers import Announced, Signers
from lakeferry.decode.pgp.unlock import Unlocker
from lakeferry.decode.stream import CHUNK, Input, drain, rejected
from lakeferry.errors import FileRejectedError

_COMPRESSIONS: dict[int, Codec] = {1: DEFLATE, 2: ZLIB, 3: BZIP2}
_BEGINS = {1, 2, 3, 4, 8, 9, 10, 11, 18, 20}
_SESSION_KEYS = {packets.SESSION_KEY_BY_KEY, packets.SESSION_KEY_BY_PASSPHRASE}
_FILLERS = {packets.MARKER, packets.PADDING}
_MAX_SESSION_KEYS = 64
_MAX_FILLERS = 1000
"""Markers and padding; a message of nothing else would keep us busy for its whole length."""
_MAX_DEPTH = 8
"""Packets in packets: encrypted, compressed and signed are three."""


def begins_message(first: bytes) -> bool:
    """Whether the bytes may be a message, armored or not."""
    if armor_kind(first) is not None:
        return True
    if not first or not first[0] & 0x80:
        return False
    tag = first[0] & 0x3F if first[0] & 0x40 else (first[0] >> 2) & 0x0F
    return tag in _BEGINS


class PgpReader:
    """The data of an OpenPGP message. Reading it to its end proves integrity and signature."""

    def __init__(self, name: str, source: Input, keys: DecodeKeys, signers: tuple[str, ...], budget: Budget) -> None:
        self._name, self._source, self._budget = name, source, budget
        self._unlocker = Unlocker(name, keys)
        self._signers = Signers(name, signers)
        self._is_protected = False
        self._sessions = self._fillers = 0
        self._recipients: frozenset[bytes] = frozenset()
        self._tally = budget.tally()
        self._pieces = self._open()
        self._out, self._ended = b"", False

    def read(self, size: int) -> bytes:
        """The next bytes, at most `size`; empty when all of it has proved right.

        Raises:
            FileRejectedError: it is for another key, was changed, is truncated, or not signed as the feed asks.
            SecretMissingError: the feed's secret lacks the key or passphrase it needs.
        """
        while not self._out and not self._ended:
            self._out = next(self._pieces, b"")
            self._ended = not self._out
        data, self._out = self._out[:size], self._out[size:]
        return data

    def _open(self) -> Iterator[bytes]:
        try:
            yield from self._unwrapped()
        except TruncatedError as error:
            raise rejected(
                self._name, f"the OpenPGP message is truncated: it ends after {self._source.position} bytes"
            ) from error
        except UnsupportedError as error:
            raise rejected(self._name, str(error), error.advice) from error
        except MalformedError as error:
            raise rejected(self._name, f"the OpenPGP message cannot be read: {error}") from error
        except ChangedError as error:
            raise self._changed() from error

    def _unwrapped(self) -> Iterator[bytes]:
        source, kind = self._source, armor_kind(self._source.peek(LOOK))
        if kind is not None:
            if kind != "MESSAGE":
                raise rejected(
                    self._name,
                    f"it is an OpenPGP {kind}, not a MESSAGE",
                    "Ask the partner for the encrypted file itself, and keep others out with files.pattern.",
                )
            source = Input(Dearmored(source))
        yield from self._message(source, 0)
        self._signers.conclude()
        if not self._is_protected and not self._signers.has_signed:
            raise rejected(self._name, "the OpenPGP message is neither encrypted nor signed by a key of the feed")

    def _message(self, source: Input, depth: int) -> Iterator[bytes]:
        """One message: session keys and encrypted data, or compressed data, or signed data, or data."""
        if depth > _MAX_DEPTH:
            raise MalformedError("too many packets lie in each other")
        sessions: list[tuple[int, bytes]] = []
        signatures: list[Announced] = []
        packet = next_packet(source)
        while packet is not None:
            if packet.tag in _SESSION_KEYS:
                sessions.append((packet.tag, packet.all()))
                self._sessions += 1
                if self._sessions > _MAX_SESSION_KEYS:
                    raise MalformedError(f"it has more than {_MAX_SESSION_KEYS} recipients")
            elif packet.tag == packets.ONE_PASS_SIGNATURE:
                signatures.append(self._signers.announce(packet.all()))
            elif packet.tag == packets.SIGNATURE:
                if (before := self._signers.stands_before(packet.all())) is not None:
                    signatures.append(before)
            elif packet.tag in _FILLERS:
                self._pass_over(packet)
            else:
                break
            packet = next_packet(source)
        if packet is None:
            raise TruncatedError
        yield from self._content(packet, sessions, signatures, depth)
        drain(packet)
        self._close(source, signatures)

    def _content(
        self, packet: Body, sessions: list[tuple[int, bytes]], signatures: list[Announced], depth: int
    ) -> Iterator[bytes]:
        if packet.tag in {packets.ENCRYPTED, packets.GNUPG_AEAD}:
            for each in signatures:
                each.is_outside = True  # it would be over no data that anybody reads
            plain = self._decrypted(packet, sessions)
            self._is_protected = True
            try:
                yield from self._message(Input(plain), depth + 1)
            except (FileRejectedError, MalformedError):
                _drain_plain(plain)  # changed bytes break what is inside: the better reason comes first
                raise
            drain(plain)
        elif packet.tag == packets.ENCRYPTED_UNPROTECTED:
            raise rejected(
                self._name,
                "it is encrypted without integrity protection, so anybody could have changed it",
                "Ask the partner to encrypt with MDC or AEAD, which every program of this century does by itself.",
            )
        elif sessions:
            raise MalformedError("session keys stand before data that is not encrypted")
        elif packet.tag == packets.COMPRESSED:
            yield from _hashed(self._message(Input(self._decompressed(packet)), depth + 1), signatures)
        elif packet.tag == packets.LITERAL:
            _skip_literal_header(packet)
            yield from _hashed(iter(lambda: packet.read(CHUNK), b""), signatures)
        else:
            raise MalformedError(f"a packet of type {packet.tag} is where its data should be")

    def _close(self, source: Input, signatures: list[Announced]) -> None:
        """What follows the data: the signatures that were announced, the last one first."""
        announced = [each for each in signatures if each.signature is None]
        for each in signatures:
            if each.signature is not None:
                self._signers.check(each, recipients=self._recipients)
        while (packet := next_packet(source)) is not None:
            if packet.tag in _FILLERS:
                self._pass_over(packet)
                continue
            if packet.tag != packets.SIGNATURE or not announced:
                raise MalformedError(f"something else follows its data, near byte {self._source.position}")
            self._signers.check(announced.pop(), packet.all(), self._recipients)
        if announced:
            raise TruncatedError

    def _pass_over(self, packet: Body) -> None:
        self._fillers += 1
        if self._fillers > _MAX_FILLERS:
            raise MalformedError(f"it has more than {_MAX_FILLERS} markers and padding packets")
        packet.all(1 << 24)

    def _decompressed(self, packet: Body) -> FramesReader | Body:
        algorithm = packet.read(1)
        if algorithm == b"\0":
            return packet
        codec = _COMPRESSIONS.get(algorithm[0] if algorithm else 255)
        if codec is None:
            raise MalformedError("it is compressed in an unknown way")
        return FramesReader(self._name, Input(packet), codec, self._tally)

    def _decrypted(self, packet: Body, sessions: list[tuple[int, bytes]]) -> Plain:
        version = packet.read(1)
        is_mdc = packet.tag == packets.ENCRYPTED and version == b"\1"
        if not is_mdc and (packet.tag, version) not in {(packets.ENCRYPTED, b"\2"), (packets.GNUPG_AEAD, b"\1")}:
            raise MalformedError("it is encrypted in an unknown version")
        candidates = self._unlocker.open(sessions, packet.tag, version[0])
        self._recipients |= candidates[0].recipients
        if not is_mdc:
            header = read_aead_header(packet, version[0])
            if len(candidates) > 1:
                raise MalformedError("it has several passphrases that may fit")
            sealed = open_aead(packet, candidates[0], header)
            if candidates[0].is_proved or sealed.opens():
                return sealed
            raise self._unlocker.not_opened(sessions)
        prefix = b""
        for candidate in candidates:
            while len(prefix) < MdcPlain.prefix_size(candidate):
                more = packet.read(MdcPlain.prefix_size(candidate) - len(prefix))
                if not more:
                    raise TruncatedError
                prefix += more
            opened = MdcPlain(packet, candidate, prefix)
            if opened.is_right_key:
                return opened
            if candidate.is_proved:
                raise ChangedError
        raise self._unlocker.not_opened(sessions)

    def _changed(self) -> FileRejectedError:
        return rejected(
            self._name,
            f"the encrypted data was changed or damaged on its way (its integrity check fails near byte "
            f"{self._source.position})",
        )


def _drain_plain(plain: Plain) -> None:
    try:
        drain(plain)
    except TruncatedError:
        raise
    except MalformedError:
        return


def _hashed(pieces: Iterator[bytes], signatures: list[Announced]) -> Iterator[bytes]:
    """The pieces, past every signature that may be over them."""
    digests = [each.digest for each in signatures if each.digest is not None]
    for piece in pieces:
        for digest in digests:
            digest.update(piece)
        yield piece


def _skip_literal_header(packet: Body) -> None:
    """Format, file name and date of the data, none of which counts for anything."""
    head = packet.read(2)
    while len(head) < 2:
        more = packet.read(1)
        if not more:
            raise TruncatedError
        head += more
    left = head[1] + 4
    while left:
        more = packet.read(left)
        if not more:
            raise TruncatedError
        left -= len(more)
