"""The chain: which layer comes off next, by the feed or by suffix and first bytes, down to the files themselves."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from lakeferry.decode.archive import Archive, member_name
from lakeferry.decode.budget import Budget
from lakeferry.decode.contents import begins_office, ends_as_last_volume, known_content, packed_in_vain
from lakeferry.decode.frames import CODECS, Codec, FramesReader
from lakeferry.decode.keys import DecodeKeys
from lakeferry.decode.pgp import LOOK, PgpReader, begins_message
from lakeferry.decode.stream import Delivered, Input, Readable, drain, rejected
from lakeferry.decode.tar import begins_tar, read_tar
from lakeferry.decode.zip import begins_zip, read_zip
from lakeferry.decode.zip_member import several_volumes
from lakeferry.errors import FileRejectedError
from lakeferry.feeds.decode import ARCHIVES, DecodeSpec
from lakeferry.formats import CARDS

_PEEK = 512
_ZIP_INSIDE = (
    *(f".{suffix}" for card in CARDS.values() if card.is_zip for suffix in card.suffixes),
    *(".xlsb", ".docx", ".ods", ".odt", ".jar", ".kmz"),
)
"""Files in their own right: of formats that a feed can have, and of others."""


@dataclass(frozen=True, slots=True)
class Member:
    """One decoded file.

    Attributes:
        name: The delivered name without the suffixes of what came off; for a member of an archive
            `<archive>/<member>`. It is never a path.
        stream: Its bytes, to be read to their end before the next member.
        member: The part of the name that is the archive's; None for a file that no archive is around.
    """

    name: str
    stream: Readable
    member: str | None = None


@dataclass(frozen=True, slots=True)
class Layer:
    """One kind of wrapping.

    Attributes:
        suffixes: What comes off a name, and what stays in its place (`.tgz` leaves `.tar`).
        begins: Whether content begins like it.
        is_sure: Whether the first bytes alone are proof, so that no suffix is needed.
        look: How many of the first bytes it needs to see.
    """

    name: str
    suffixes: dict[str, str]
    begins: Callable[[bytes], bool]
    is_sure: bool = True
    look: int = _PEEK

    def stripped(self, name: str) -> str | None:
        """The name without this layer's suffix; None where it has none of them."""
        lower = name.lower()
        for suffix, instead in self.suffixes.items():
            if lower.endswith(suffix) and len(name) > len(suffix):
                return name[: -len(suffix)] + instead
        return None


_SUFFIXES = {
    "gzip": {".gz": "", ".gzip": "", ".tgz": ".tar"},
    "bzip2": {".bz2": "", ".tbz2": ".tar", ".tbz": ".tar"},
    "xz": {".xz": "", ".txz": ".tar"},
    "zstd": {".zst": "", ".zstd": "", ".tzst": ".tar"},
    "lz4": {".lz4": ""},
}
_OF_CODEC: dict[str, Codec] = {codec.name: codec for codec in CODECS}
LAYERS = {
    "pgp": Layer("pgp", {".pgp": "", ".gpg": "", ".asc": ""}, begins_message, is_sure=False, look=LOOK),
    "zip": Layer("zip", {".zip": ""}, begins_zip),
    "tar": Layer("tar", {".tar": ""}, begins_tar, is_sure=False),
    **{name: Layer(name, _SUFFIXES[name], codec.begins) for name, codec in _OF_CODEC.items()},
}
_READERS = {"zip": read_zip, "tar": read_tar}
_ARMOR = b"-----BEGIN PGP MESSAGE-----"


@dataclass(frozen=True, slots=True)
class _Run:
    """What stays the same down the chain."""

    budget: Budget
    keys: DecodeKeys
    options: DecodeSpec


class _Founded:
    """A layer whose complaint gives way to that of the layer below: what was damaged there breaks what is in it."""

    def __init__(self, stream: Readable, below: Input) -> None:
        self._stream, self._below = stream, below

    def read(self, size: int) -> bytes:
        try:
            return self._stream.read(size)
        except FileRejectedError:
            drain(self._below)
            raise


def open_members(
    name: str, delivered: Delivered, chain: tuple[str, ...] | None, keys: DecodeKeys, options: DecodeSpec
) -> Iterator[Member]:
    """The files in a delivered file: itself, unwrapped, or the members of the archive it is.

    Args:
        chain: The feed's `decode`, outermost first; None finds out by suffix and first bytes, which must agree.
        keys: What opens encrypted layers, asked only if there are some.

    Raises:
        FileRejectedError: the content is not what its suffix or its feed says, broken, or more than the feed allows.
            Broken content is found, and raised, while a member is read or when the next one is asked for.
        SecretMissingError: the feed's secret lacks what it needs.
    """
    run = _Run(Budget(name, delivered, options), keys, options)
    names: set[str] = set()
    for member in _peel(run, name, Input(delivered), chain, 0, is_signed=not options.pgp_signers):
        if member.name in names:
            raise rejected(name, f"it holds {member.name} twice", "Ask the partner which one is right.")
        names.add(member.name)
        yield member
        drain(member.stream)


def _peel(
    run: _Run,
    name: str,
    source: Input,
    chain: tuple[str, ...] | None,
    depth: int,
    *,
    is_signed: bool,
    archive: str = "",
) -> Iterator[Member]:
    layer = _detected(name, source) if chain is None else _declared(name, source, chain)
    if layer is None:
        if not is_signed:
            raise rejected(
                name,
                "it is no OpenPGP message, and the feed asks for a signature",
                "Ask the partner to sign it, or take decode_options.pgp_signers out of the feed.",
            )
        yield Member(name, source, name[len(archive) + 1 :] if archive else None)
        return
    run.budget.check_depth(depth + 1)
    rest = None if chain is None else chain[1:]
    inner = layer.stripped(name) or name
    if layer.name in _READERS:
        opens_all = bool(rest and ARCHIVES & set(rest))
        globs = tuple(member_name(glob) for glob in run.options.members)
        opened = Archive(name, source, run.keys, run.budget, globs, opens_all=opens_all)
        found = False
        for member, stream in _READERS[layer.name](opened):
            found = True
            data = Input(stream)
            yield from _peel(
                run, f"{name}/{member}", data, rest, depth + 1, is_signed=is_signed, archive=archive or name
            )
            drain(data)  # to its end, where it is checked
        if not found:
            raise opened.nothing_wanted(layer.name)
        return
    opened_layer = _opened(run, name, source, layer.name)
    stream = Input(_Founded(opened_layer, source) if depth else opened_layer)
    yield from _peel(run, inner, stream, rest, depth + 1, is_signed=is_signed or layer.name == "pgp", archive=archive)
    drain(stream)


def _opened(run: _Run, name: str, source: Input, layer: str) -> Readable:
    if layer == "pgp":
        return PgpReader(name, source, run.keys, run.options.pgp_signers, run.budget)
    return FramesReader(name, source, _OF_CODEC[layer], run.budget.tally())


def _declared(name: str, source: Input, chain: tuple[str, ...]) -> Layer | None:
    if not chain:
        return None
    layer = LAYERS[chain[0]]
    if not layer.begins(source.peek(layer.look)):
        raise _other(name, source, layer, "feed", "change decode in the feed")
    return layer


def _detected(name: str, source: Input) -> Layer | None:
    first = source.peek(_PEEK)
    for layer in LAYERS.values():
        if layer.stripped(name) is not None:
            if layer.begins(source.peek(layer.look)):
                return layer
            raise _other(name, source, layer, "name", "set decode: [] in the feed")
    if (packed := packed_in_vain(name, first)) is not None:
        raise rejected(name, f"it is {packed[0]}", packed[1])
    sure = _sure(first)
    if sure is LAYERS["zip"] and (name.lower().endswith(_ZIP_INSIDE) or begins_office(first)):
        return None  # its format knows what to do with a workbook, or says that it is one
    return sure


def _sure(first: bytes) -> Layer | None:
    """The layer that the first bytes alone prove."""
    if first.startswith(_ARMOR):
        return LAYERS["pgp"]
    return next((layer for layer in LAYERS.values() if layer.is_sure and layer.begins(first)), None)


def _other(name: str, source: Input, layer: Layer, who: str, otherwise: str) -> FileRejectedError:
    """The error for content that is not the layer that name or feed says: what it is, and what helps."""
    first = source.peek(_PEEK)
    what = f"the {who} says {layer.name} and the content is not"
    if (known := known_content(first)) is not None:
        return rejected(name, f"{what}: it is {known[0]}", known[1])
    if (sure := _sure(first)) is not None:
        return rejected(
            name,
            f"{what}: it is {sure.name}",
            f"Ask the partner to name it right, or, if it is always so, set {sure.name} in decode instead.",
        )
    if layer.name == "zip" and ends_as_last_volume(source):
        return several_volumes(name, ", the last one by its end")
    advice = f"Ask the partner to deliver it again, or {otherwise}."
    return rejected(name, f"{what} (it begins with {first[:4]!r})", advice)
