"""Encodings of text beyond Python's own: EBCDIC with the euro, and EBCDIC's line end.

Python has cp1140 and lacks its kin of other countries, and the code page of Unix on z/OS, 1047. Each differs from cp500
in some twenty places, which are here; they are those of glibc's IBM1141 to IBM1149 (`iconv -f IBM1141`).
"""

import codecs
import re

_PLACES = {
    1047: ("4a 4f 5a ad b0 ba bb bd", "¢|![¬Ý¨]"),
    1141: (
        "43 4a 59 5a 63 6a 7c 9f a1 b5 c0 cc d0 dc e0 ec fc",
        "{Ä~Ü[ö§€ß@ä¦ü}Ö\\]",
    ),
    1142: ("47 4a 5a 5b 67 6a 70 7b 7c 80 9c 9e 9f a1 c0 d0 dc", "}#€Å$ø¦ÆØ@{[]üæå~"),
    1143: ("43 47 4a 51 5a 5b 63 67 6a 71 79 7b 7c 9f a1 b5 c0 cc d0 dc e0 ec", "{}§`€Å#$ö\\éÄÖ]ü[ä¦å~É@"),
    1144: ("44 48 4a 51 54 58 5a 6a 79 7b 7c 90 9f a1 b1 b5 c0 cd d0 dd e0", "{\\°]}~éòù£§[€ì#@à¦è`ç"),
    1145: ("49 4f 5f 69 6a 7b 9f a1 ba bb bd", "¦|¬#ñÑ€¨^!~"),
    1146: ("4a 4f 5a 5b 5f 9f a1 b1 ba bb bc", "$|!£¬€¯[^]~"),
    1147: ("44 48 4a 51 54 5a 6a 79 7b 7c 90 9f a0 a1 b1 b5 bd c0 d0 dd e0", "@\\°{}§ùµ£à[€`¨#]~éè¦ç"),
    1148: ("9f", "€"),
    1149: ("4a 5a 5f 79 7c 8c 8e 9c 9e 9f a1 ac ae be c0 cc d0 e0 ec", "ÞÆÖðÐ`{}]€ö@[\\þ~æ´^"),
}
"""Code page → where it is not cp500, and what stands there."""
_NEAREST = {277: 1142, 278: 1143, 280: 1144, 284: 1145, 285: 1146, 297: 1147, 871: 1149}
"""Code pages without the euro that neither Python nor this module has → the one with it."""
_NAME = re.compile(r"(?:cp|ibm|ibm[-_]|ccsid[-_]?|ebcdic[-_]cp[-_])?0*([0-9]{3,4})", re.IGNORECASE)
NEL = "\x85"
"""Next line, 0x15 of EBCDIC: what ends its lines where 0x25 does not."""


def _codec(name: str) -> codecs.CodecInfo | None:
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    if int(found[1]) not in _PLACES:
        return _pythons(name, f"cp{int(found[1]):03}")
    places, signs = _PLACES[int(found[1])]
    letters = list(bytes(range(256)).decode("cp500"))
    for place, sign in zip(bytes.fromhex(places), signs, strict=True):
        letters[place] = sign
    table = "".join(letters)
    encoding = codecs.charmap_build(table)

    class Decoder(codecs.IncrementalDecoder):
        def decode(self, data: bytes, final: bool = False) -> str:  # type: ignore[override]
            return codecs.charmap_decode(data, self.errors, table)[0]

    return codecs.CodecInfo(
        encode=lambda text, errors="strict": codecs.charmap_encode(text, errors, encoding),
        decode=lambda data, errors="strict": codecs.charmap_decode(data, errors, table),
        incrementaldecoder=Decoder,
        name=f"cp{int(found[1])}",
    )


def _pythons(name: str, known: str) -> codecs.CodecInfo | None:
    """A code page of Python's by another of its names, such as IBM01140 or CCSID 037."""
    if name == known:
        return None
    try:
        return codecs.lookup(known)
    except LookupError:
        return None


codecs.register(_codec)


def nearest(name: str) -> str | None:
    """An encoding that is known, in place of one that is not: the same but for the euro."""
    found = _NAME.fullmatch(name)
    code_page = _NEAREST.get(int(found[1])) if found else None
    return None if code_page is None else f"cp{code_page}"


def is_ebcdic(encoding: str) -> bool:
    """Whether it is one of the mainframes' encodings, where a blank is 0x40."""
    try:
        return " ".encode(encoding) == b"\x40"
    except UnicodeError:
        return False


class _WithLineEnds(codecs.IncrementalDecoder):
    """EBCDIC with LF for each of its line ends."""

    def __init__(self, decoder: codecs.IncrementalDecoder) -> None:
        super().__init__()
        self._decoder = decoder

    def decode(self, data: bytes, final: bool = False) -> str:  # type: ignore[override]
        return self._decoder.decode(data, final).replace(NEL, "\n")


def text_decoder(encoding: str) -> codecs.IncrementalDecoder:
    """A strict decoder that takes pieces."""
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    return _WithLineEnds(decoder) if is_ebcdic(encoding) else decoder
