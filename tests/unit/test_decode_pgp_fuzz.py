"""Messages of every kind by gpg and rPGP, altered by chance: gpg agrees, nothing altered passes, no error is Python's.

Seeds are fixed. Keys and messages are made anew each time: the report of a failure has what it takes to see it again.
"""

import base64
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from openpgp.composed import KeyType, MessageBuilder

from lakeferry.decode.pgp.armor import dearmor
from lakeferry.decode.pgp.packets import Fields, MalformedError
from lakeferry.errors import FeedInvalidError, FileRejectedError, SecretMissingError
from tests.unit.decoding import decoded
from tests.unit.forging import Pair, armored
from tests.unit.gnupg import Gpg, key_ring
from tests.unit.rpgp import own_key

TEXT = b"".join(b"%d,some words\r\n" % number for number in range(12))
ALTERED = 120
"""Read of each message by us alone."""
COMPARED = 12
"""Read of each of gpg's messages by gpg too.

This file takes 14 s of a processor, gpg's included, its agent's not (2026-11-29).
"""
STRICTER = "|".join(
    [
        "not the one that is announced before the data",  # gpg goes by the one-pass packet alone
        "something else follows",  # gpg warns
        "is truncated|the armor|line breaks are gone",  # gpg passes over what it cannot read between the lines
        "where its data should be",  # a packet of an unknown type
        "session keys stand before data that is not encrypted",
    ]
)
"""Why we may refuse what gpg takes."""


@dataclass(frozen=True)
class Sample:
    """A message that is right.

    Attributes:
        by_gpg: Whether gpg can read it, so that it is compared.
    """

    data: bytes
    secret: dict[str, str] = field(default_factory=dict)
    signers: tuple[str, ...] = ()
    by_gpg: bool = True


ENCRYPTED = {
    "rsa": "--encrypt -r rsa",
    "curve": "--encrypt -r cv25519 --compress-algo none",
    "nist, zlib": "--encrypt -r nistp256 --compress-algo zlib",
    "hidden": "--encrypt --hidden-recipient cv25519 --compress-algo bzip2",
    "two recipients": "--encrypt -r rsa -r cv25519",
    "passphrase": "--symmetric",
    "passphrase, 3DES": "--symmetric --cipher-algo 3DES --s2k-mode 1",
    "passphrase or key": "--symmetric --encrypt -r cv25519",
    "armored": "--symmetric --armor --compress-algo none",
}
SIGNED = {
    "signed": "--sign -u rsa --compress-algo none",
    "signed, compressed": "--sign -u cv25519",
    "signed by two": "--sign -u rsa -u cv25519 --compress-algo none",
    "signed text": "--sign -u nistp256 --textmode --compress-algo none",
    "signed by DSA": "--sign -u dsa --compress-algo none",
    "signed and encrypted": "--sign -u rsa --encrypt -r cv25519 --compress-algo none",
    "signed, armored": "--sign -u cv25519 --armor --compress-algo none",
}


@pytest.fixture(scope="session")
def gpg() -> Iterator[Gpg]:
    with key_ring() as made:
        for kind in ("rsa", "cv25519", "nistp256", "dsa"):
            made.make(kind, kind)
        yield made


@pytest.fixture(scope="session")
def samples(gpg: Gpg) -> dict[str, Sample]:
    private = gpg("--export-secret-keys", "--armor", "rsa", "cv25519", "nistp256").decode()
    secret = gpg.secret("rsa") | {"pgp_private_key": private}
    signers = tuple(gpg.public(kind) for kind in ("rsa", "cv25519", "nistp256", "dsa"))
    found = {name: Sample(gpg(*options.split(), data=TEXT), secret) for name, options in ENCRYPTED.items()}
    found |= {name: Sample(gpg(*options.split(), data=TEXT), secret, signers) for name, options in SIGNED.items()}
    for version, kind, sub in ((6, KeyType.ed25519(), KeyType.x25519()), (4, KeyType.ed25519(), KeyType.x25519())):
        key = own_key(version, kind, sub)
        public = key.to_public_key()
        build = MessageBuilder.from_bytes("", TEXT).seipd_v2("aes256", "ocb", 6).sign(key, None, "sha512")
        data = build.encrypt_to_key(public).to_vec()
        found[f"rPGP {version}"] = Sample(data, {"pgp_private_key": key.to_armored()}, (public.to_armored(),), False)
    pair = Pair(version=6)
    found["version 6"] = Sample(pair.signed(TEXT), signers=(pair.block(),), by_gpg=False)
    return found


# -- ways to alter a message


def flip(data: bytes, chance: random.Random) -> bytes:
    place = chance.randrange(len(data))
    return data[:place] + bytes([data[place] ^ 1 << chance.randrange(8)]) + data[place + 1 :]


def near_start(data: bytes, chance: random.Random) -> bytes:
    """Where headers, versions, algorithms and lengths are."""
    place = chance.randrange(min(len(data), 40))
    return data[:place] + bytes([chance.choice((0, 1, 2, 3, 4, 5, 6, 8, 9, 127, 128, 255))]) + data[place + 1 :]


def cut_out(data: bytes, chance: random.Random) -> bytes:
    place, size = chance.randrange(len(data)), chance.choice((1, 1, 2, 8, 64))
    return data[:place] + data[place + size :]


def put_in(data: bytes, chance: random.Random) -> bytes:
    place = chance.randrange(len(data) + 1)
    return data[:place] + chance.randbytes(chance.choice((1, 1, 2, 8))) + data[place:]


def end_early(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(len(data))]


def twice(data: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(len(data))
    end = chance.randrange(start, len(data)) + 1
    return data[:end] + data[start:end] + data[end:]


def shuffled(data: bytes, chance: random.Random) -> bytes:
    """Its packets in another order, one left out or there twice, where they can be told apart."""
    packets = split(data) or [b""]
    action = chance.randrange(3)
    if action == 0:
        chance.shuffle(packets)
    elif action == 1:
        packets.pop(chance.randrange(len(packets)))
    else:
        packets.insert(chance.randrange(len(packets) + 1), chance.choice(packets))
    return b"".join(packets)


def split(data: bytes) -> list[bytes]:
    """The outer packets; the rest in one piece from where it is none, or of a length that is not told at once."""
    fields, found, start = Fields(data), [], 0
    try:
        while start < len(data):
            first = fields.number(1)
            size = _new_size(fields) if first & 0x40 else fields.number(1 << (first & 3))
            fields.take(size)
            found.append(data[start : fields.at])
            start = fields.at
    except MalformedError:
        found.append(data[start:])
    return found


def _new_size(fields: Fields) -> int:
    size = fields.number(1)
    if size < 192:
        return size
    if size < 224:
        return ((size - 192) << 8) + fields.number(1) + 192
    return fields.number(4) if size == 255 else len(fields.data)


WAYS: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    flip, flip, near_start, near_start, cut_out, put_in, end_early, twice, shuffled,
)  # fmt: skip


def altered(sample: Sample, name: str, count: int) -> Iterator[bytes]:
    """So many messages that are not the sample."""
    chance = random.Random(name)
    for _ in range(count):
        data = chance.choice(WAYS)(sample.data, chance)
        if chance.random() < 0.2:
            data = chance.choice(WAYS)(data, chance) if data else data
        if data != sample.data:
            yield data


def ours(sample: Sample, data: bytes) -> bytes | str:
    """What we make of it: the file, or why not. Any other error fails the test."""
    try:
        return decoded(data, "a.pgp", chain=("pgp",), secret=sample.secret, pgp_signers=sample.signers)
    except (FileRejectedError, SecretMissingError, FeedInvalidError) as error:
        return str(error)


def told(sample: Sample, data: bytes) -> str:
    """What it takes to see a failure again."""
    return "\n".join([base64.b64encode(data).decode(), *sample.secret.values(), *sample.signers])


NAMES = [*ENCRYPTED, *SIGNED, "rPGP 6", "rPGP 4", "version 6"]


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_no_altered_message_passes_and_every_error_is_ours(samples: dict[str, Sample], name: str) -> None:
    sample = samples[name]
    assert ours(sample, sample.data) == TEXT
    for data in altered(sample, name, ALTERED):
        try:
            result = ours(sample, data)
        except Exception as error:
            raise AssertionError(told(sample, data)) from error
        if isinstance(result, bytes):
            assert result == TEXT, told(sample, data)
        else:
            assert result.startswith("a.pgp: ")
            assert result.count(". ") >= 1, "what to do follows what is wrong"


@pytest.mark.parametrize("name", [*ENCRYPTED, *SIGNED])
def test_gpg_agrees_on_altered_messages(gpg: Gpg, samples: dict[str, Sample], name: str) -> None:
    sample = samples[name]
    proof = b"[GNUPG:] GOODSIG" if sample.signers else b"[GNUPG:] GOODMDC"
    for data in [sample.data, *altered(sample, f"{name} compared", COMPARED)]:
        result = ours(sample, data)
        done = gpg.run("--status-fd", "2", "--decrypt", data=data)
        text = TEXT.replace(b"\r", b"") if "text" in name else TEXT  # each CR is dropped where it is text
        is_right = done.returncode == 0 and proof in done.stderr and done.stdout == text
        said = f"{result!r}\n{done.stderr.decode(errors='replace')}\n{told(sample, data)}"
        if isinstance(result, bytes):
            assert b"BADSIG" not in done.stderr or b"GOODSIG" in done.stderr, said
            assert b"BADMDC" not in done.stderr, said
        elif is_right:
            assert re.search(STRICTER, result), said
    assert ours(sample, sample.data) == TEXT


@pytest.mark.slow
@pytest.mark.parametrize("name", ["rsa", "nist, zlib", "passphrase or key", "rPGP 6", "rPGP 4"])
def test_an_altered_private_key_is_the_secrets_fault_or_works(samples: dict[str, Sample], name: str) -> None:
    sample = samples[name]
    block = Sample(dearmor(sample.secret["pgp_private_key"]))
    for data in altered(block, f"{name} secret", ALTERED):
        broken = Sample(sample.data, sample.secret | {"pgp_private_key": armored("PRIVATE KEY BLOCK", data)})
        try:
            result = ours(broken, sample.data)
        except Exception as error:
            raise AssertionError(told(broken, sample.data)) from error
        assert result == TEXT or str(result).startswith("a.pgp: ")


@pytest.mark.parametrize("name", ["signed", "signed text", "signed by DSA", "rPGP 6", "version 6"])
def test_an_altered_signers_key_signs_nothing_else(samples: dict[str, Sample], name: str) -> None:
    sample = samples[name]
    other = sample.data.replace(b"some words", b"some-words")
    for number, block in enumerate(sample.signers):
        for data in altered(Sample(dearmor(block)), f"{name} {number}", ALTERED // len(sample.signers)):
            signers = (armored("PUBLIC KEY BLOCK", data),)
            broken = Sample(sample.data, sample.secret, signers)
            try:
                assert ours(broken, other) != TEXT.replace(b"some words", b"some-words")
                result = ours(broken, sample.data)
            except Exception as error:
                raise AssertionError(told(broken, sample.data)) from error
            assert result == TEXT or str(result).startswith(
                ("a.pgp: ", "$.decode_options.pgp_signers: a key cannot be read")
            )
