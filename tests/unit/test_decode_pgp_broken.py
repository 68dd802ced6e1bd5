"""Messages that are broken, hostile, or of a kind that is not read: each ends with its true reason, soon."""

import os
import time
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.asymmetric import x25519
from cryptography.hazmat.primitives.keywrap import aes_key_wrap

from lakeferry.decode.pgp import sessions
from lakeferry.decode.pgp.keys import Key, read_keys
from lakeferry.decode.pgp.packets import UnsupportedError
from lakeferry.decode.pgp.signers import Signers
from lakeferry.decode.pgp.work import Work
from lakeferry.errors import FileRejectedError, SecretMissingError
from tests.unit.decoding import TEXT, decoded
from tests.unit.forging import Pair, literal, mpi, packet, to_rsa
from tests.unit.gnupg import Gpg, key_ring

DAMAGED = "session key is damaged, or was not made for the key it names"
SEALED = packet(18, b"\1" + os.urandom(60))
SEALED_V2 = packet(18, b"\2\x09\2\2" + bytes(32) + bytes(100))
SIMPLE = b"\0\x08"
"""A passphrase hashed with SHA-256, once."""


@pytest.fixture(scope="session")
def gpg() -> Iterator[Gpg]:
    with key_ring() as made:
        for kind in ("rsa", "cv25519", "nistp256"):
            made.make(kind, kind)
        yield made


def refused(message: bytes, why: str, secret: dict[str, str] | None = None) -> str:
    """What is said of it, without much work."""
    started = time.process_time()
    with pytest.raises(FileRejectedError, match=why) as caught:
        decoded(message, "a.pgp", secret=secret or {"pgp_passphrase": "x"})
    assert time.process_time() - started < 5
    return str(caught.value)


def subkey(gpg: Gpg, kind: str) -> Key:
    return next(key for key in read_keys(gpg.public(kind)) if not key.is_primary)


# -- by private key


@pytest.mark.parametrize("plain", [b"", b"\x09", b"\x09\0", b"\x09\0\0", b"\x09" + bytes(34), b"\x09a\0a"])
def test_an_rsa_session_key_that_is_none(gpg: Gpg, plain: bytes) -> None:
    if sum(plain[1:-2]) % 65536 == int.from_bytes(plain[-2:], "big") and len(plain) == 35:
        plain = plain[:-1] + b"\1"
    refused(to_rsa(subkey(gpg, "rsa"), plain) + SEALED, DAMAGED, gpg.secret("rsa"))


@pytest.mark.parametrize("number", [(1 << 2100) - 1, (1 << 2048) - 1, 0], ids=["longer", "larger", "zero"])
def test_an_rsa_integer_that_is_not_of_the_key(gpg: Gpg, number: int) -> None:
    body = b"\3" + subkey(gpg, "rsa").key_id + b"\1" + mpi(number)
    refused(packet(1, body) + SEALED, DAMAGED, gpg.secret("rsa"))


@pytest.mark.parametrize("rest", [b"", b"\1", b"\1\x08\0", b"\1\xff\xffabc"])
def test_a_session_key_that_is_cut(gpg: Gpg, rest: bytes) -> None:
    refused(packet(1, b"\3" + subkey(gpg, "rsa").key_id + rest) + SEALED, "cannot be read", gpg.secret("rsa"))
    refused(packet(1, b"\3abc"[: len(rest)]) + SEALED, "cannot be read", gpg.secret("rsa"))


def to_curve(key: Key, plain: bytes) -> bytes:
    ephemeral = x25519.X25519PrivateKey.generate()
    point = b"\x40" + ephemeral.public_key().public_bytes_raw()

    class Reversed:
        """The sender's half: the same shared secret."""

        def exchange(self, _: object) -> bytes:
            return ephemeral.exchange(x25519.X25519PublicKey.from_public_bytes(key.raw[1:]))

    wrapped = aes_key_wrap(sessions._ecdh_key(key, Reversed(), point), plain)
    body = b"\3" + key.key_id + b"\x12" + mpi(int.from_bytes(point, "big")) + bytes([len(wrapped)]) + wrapped
    return packet(1, body)


def padded(cipher: int, key: bytes, to: int = 40) -> bytes:
    plain = bytes([cipher]) + key + (sum(key) % 65536).to_bytes(2, "big")
    return plain + bytes([to - len(plain)]) * (to - len(plain))


@pytest.mark.parametrize(
    "plain",
    [
        b"\x09" + bytes(38) + b"\0",
        b"\x09" + bytes(38) + b"\xff",
        padded(9, bytes(32))[:-1] + b"\4",
        bytes([16]) * 16,
        padded(9, bytes(16)),
    ],
    ids=["padding 0", "padding 255", "padding not alike", "padding alone", "key of another cipher's length"],
)
def test_an_ecdh_session_key_that_is_none(gpg: Gpg, plain: bytes) -> None:
    refused(to_curve(subkey(gpg, "cv25519"), plain) + SEALED, DAMAGED, gpg.secret("cv25519"))


@pytest.mark.parametrize("to", [40, 48, 160])
def test_ecdh_padding_may_be_longer_than_it_must(gpg: Gpg, to: int) -> None:
    message = to_curve(subkey(gpg, "cv25519"), padded(9, bytes(32), to)) + SEALED
    refused(message, "changed or damaged on its way", gpg.secret("cv25519"))


@pytest.mark.parametrize(
    "rest",
    [b"\0\0\0", mpi(0x40 << 256)[:-1] + b"\1\0", mpi(0x41 << 256) + b"\x28" + bytes(40), mpi(4) + b"\x08" + bytes(8)],
)
@pytest.mark.parametrize("kind", ["cv25519", "nistp256"])
def test_an_ecdh_point_that_is_none(gpg: Gpg, kind: str, rest: bytes) -> None:
    message = packet(1, b"\3" + subkey(gpg, kind).key_id + b"\x12" + rest) + SEALED
    refused(message, f"{DAMAGED}|too short", gpg.secret(kind))


@pytest.mark.parametrize(("cipher", "name"), [(1, "IDEA"), (10, "Twofish"), (5, "cipher 5"), (99, "cipher 99")])
def test_a_cipher_that_is_not_supported_is_named(gpg: Gpg, cipher: int, name: str) -> None:
    said = refused(to_rsa(subkey(gpg, "rsa"), padded(cipher, bytes(32))[:35]) + SEALED, name, gpg.secret("rsa"))
    assert "a cipher that is not supported. Ask the partner to encrypt with AES" in said
    hidden = to_curve(subkey(gpg, "cv25519"), padded(cipher, bytes(32)))
    hidden = hidden[:7] + bytes(8) + hidden[15:]
    refused(hidden + SEALED, name, gpg.secret("cv25519"))
    refused(packet(3, b"\4" + bytes([cipher]) + SIMPLE) + SEALED, name)


def test_twofish_of_gpg_is_named(gpg: Gpg) -> None:
    for message in (
        gpg.encrypt("--cipher-algo", "TWOFISH"),
        gpg("--symmetric", "--cipher-algo", "TWOFISH", data=TEXT),
    ):
        secret = gpg.secret("cv25519")
        refused(message, "encrypted with Twofish, a cipher that is not supported", secret)


def test_an_elgamal_key_is_named_and_what_helps(gpg: Gpg) -> None:
    parameters = "Key-Type: DSA\nKey-Length: 1024\nSubkey-Type: ELG-E\nSubkey-Length: 1024\n"
    gpg("--full-gen-key", data=f"{parameters}Name-Real: elgamal\n%commit\n".encode())
    said = refused(gpg.encrypt(to="elgamal"), "an ElGamal key, which is not supported", gpg.secret("elgamal"))
    assert "Make a new key pair" in said
    assert "deliver the file again" not in said


def test_a_session_key_for_another_beside_a_broken_one_of_ours(gpg: Gpg) -> None:
    broken = packet(1, b"\3" + subkey(gpg, "rsa").key_id + b"\1" + mpi(5))
    message = broken + gpg.encrypt(to="rsa")
    assert decoded(message, "a.pgp", secret=gpg.secret("rsa")) == TEXT
    assert decoded(broken + gpg("--symmetric", data=TEXT), "a.pgp", secret=gpg.secret("rsa")) == TEXT
    unread = packet(3, b"\5\x09\1" + SIMPLE) + packet(3, b"\4\x09\x77") + packet(1, b"\x09junk")
    assert decoded(unread + gpg.encrypt(to="rsa"), "a.pgp", secret=gpg.secret("rsa")) == TEXT


def test_a_private_key_that_was_exported_without_its_secret_is_the_secrets_fault(gpg: Gpg) -> None:
    stub = gpg("--export-secret-subkeys", "--armor", "rsa").decode()
    assert decoded(gpg.encrypt(to="rsa"), "a.pgp", secret=gpg.secret("rsa") | {"pgp_private_key": stub}) == TEXT
    gpg("--quick-gen-key", "whole", "rsa2048", "encrypt,sign", "0")
    stub = gpg("--export-secret-subkeys", "--armor", "whole").decode()
    with pytest.raises(SecretMissingError, match="cannot be used: its secret part is not there"):
        decoded(gpg.encrypt(to="whole"), "a.pgp", secret={"pgp_private_key": stub, "pgp_passphrase": "x"})


# -- by passphrase


def argon2(passes: int, lanes: int, memory: int) -> bytes:
    return packet(3, b"\4\x09\4" + bytes(16) + bytes((passes, lanes, memory)))


@pytest.mark.parametrize("costs", [(1, 0, 10), (0, 1, 10), (1, 255, 4), (1, 1, 0), (1, 1, 2)])
def test_argon2_numbers_that_make_no_sense(costs: tuple[int, int, int]) -> None:
    refused(argon2(*costs) + SEALED, r"Argon2 parameters make no sense \(passes: \d+, lanes: \d+, memory: 2\^\d+ KiB")


@pytest.mark.parametrize("costs", [(1, 4, 21), (17, 1, 10), (255, 255, 255)])
def test_argon2_over_the_limit_is_not_to_be_delivered_again(costs: tuple[int, int, int]) -> None:
    said = refused(argon2(*costs) + SEALED, "hashed with Argon2 .* up to 16 passes and 256 MiB are read")
    assert "encrypt to the feed's public key, or with less of it" in said
    assert "deliver the file again" not in said


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"\4\x09\x65\x08", "GnuPG's way of saying that there is no key"),
        (b"\4\x09\x02" + bytes(10), "hashed in way 2, which is not supported"),
        (b"\4\x09\0\3", "hashed with algorithm 3, not supported"),
        (b"\4\0\3\x08" + bytes(8) + b"\x10", "cipher 0, a cipher that is not supported"),
        (b"\4\x09\3\x08abc", "too short"),
        (b"", "too short"),
        (b"\4\x09" + SIMPLE + b"\x09", "another passphrase"),
        (b"\5\x09\2" + SIMPLE, "too short"),
        (b"\5\x09\2" + SIMPLE + bytes(60), "no session key of its data's version"),
        (b"\7", "no session key of its data's version"),
    ],
)
def test_a_passphrases_packet_that_is_not_right(body: bytes, why: str) -> None:
    refused(packet(3, body) + SEALED, why)


@pytest.mark.parametrize("mode", [0, 1, 4, 255])
def test_an_aead_mode_that_is_not_read_is_named(mode: int) -> None:
    name = "EAX" if mode == 1 else str(mode)
    gnupg = packet(3, b"\4\x09" + SIMPLE) + packet(20, b"\1\x09" + bytes([mode, 2]) + bytes(100))
    assert "without EAX" in refused(gnupg, f"encrypted in AEAD mode {name}, which is not supported")
    refused(packet(3, b"\6\x10\x09" + bytes([mode, 2]) + SIMPLE + bytes(70)) + SEALED_V2, f"in AEAD mode {name}")


def test_session_keys_count_only_for_data_of_their_version() -> None:
    """Else sealed data could be wrapped anew in a form that proves less."""
    refused(packet(3, b"\4\x09" + SIMPLE) + SEALED_V2, "no session key of its data's version")
    refused(packet(3, b"\6\x10\x09\2\2" + SIMPLE + bytes(70)) + SEALED, "no session key of its data's version")
    refused(packet(3, b"\4\x09" + SIMPLE) + literal(TEXT), "session keys stand before data that is not encrypted")


# -- the data


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (packet(18, b""), "unknown version"),
        (packet(18, b"\1"), "truncated"),
        (packet(18, b"\3" + bytes(60)), "unknown version"),
        (packet(20, b"\1\x09\2\x2a" + bytes(100)), "AEAD chunks have"),
        (packet(20, b"\1\x02\2\x02" + bytes(100)), "length|cipher 2"),
        (packet(20, b"\1\x09\2"), "truncated"),
    ],
)
def test_encrypted_data_that_is_not_right(data: bytes, why: str) -> None:
    refused(packet(3, b"\4\x09" + SIMPLE) + data, why)


def test_layers_and_packets_without_end_are_cut_off() -> None:
    message = literal(TEXT)
    for _ in range(2000):
        message = packet(8, b"\0" + message)
    refused(message, "too many packets lie in each other")
    refused(packet(10, b"PGP") * 5000 + message, "more than 1000 markers")
    refused(packet(1, b"\3" + bytes(8) + b"\1") * 65 + SEALED, "more than 64 recipients")


# -- what a message may cost


@pytest.mark.parametrize(
    "session",
    [argon2(16, 1, 18), packet(3, b"\4\x09\3\x0e" + bytes(8) + b"\xff"), packet(3, b"\4\x09\3\1" + bytes(8) + b"\xff")],
    ids=["Argon2", "SHA3-512", "MD5 twice"],
)
def test_many_dear_passphrases_are_not_all_tried(session: bytes) -> None:
    said = refused(session * 64 + SEALED, "to try all its session keys takes more than 8 s of a processor")
    assert "deliver the file again" not in said


def test_hidden_recipients_of_many_keys_are_not_all_tried(gpg: Gpg, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixteen of sixty-four: RSA of 8192 bits takes 32 ms each, which the key's generation would be too slow for."""
    monkeypatch.setattr(sessions, "rsa_work", lambda bits: bits / 4)
    hidden = packet(1, b"\3" + bytes(8) + b"\1" + mpi(5))
    refused(hidden * 64 + SEALED, "to try all its session keys takes more than 8 s", gpg.secret("rsa"))


def test_one_message_may_cost_one_dear_passphrase() -> None:
    work = Work()
    work.spend(17 * 256)
    with pytest.raises(UnsupportedError, match="to try all its session keys"):
        work.spend(17 * 256)


def test_a_signature_is_not_hashed_for_strangers() -> None:
    """Sixteen hashes of every byte would be sixteen times the work."""
    pair = Pair()
    signers = Signers("a.pgp", (pair.block(),))
    assert signers.announce(Pair().one_pass(0)[6:]).digest is None
    assert signers.announce(pair.one_pass(0)[6:]).digest is not None
    assert Signers("a.pgp", ()).announce(pair.one_pass(0)[6:]).digest is None
