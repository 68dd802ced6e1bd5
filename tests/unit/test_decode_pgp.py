"""OpenPGP messages by GnuPG and by rPGP, whole, changed, locked with another key, signed by somebody else."""

import gzip
import hashlib
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESOCB3
from hypothesis import given, settings
from hypothesis import strategies as st
from openpgp.composed import (
    KeyType,
    MessageBuilder,
)
from openpgp.types import StringToKey

from lakeferry.errors import FeedInvalidError, FileRejectedError, SecretMissingError
from tests.unit.decoding import TEXT, decoded, members
from tests.unit.gnupg import KINDS, PASSPHRASE, Gpg, key_ring
from tests.unit.rpgp import own_key


@pytest.fixture(scope="session")
def gpg() -> Iterator[Gpg]:
    with key_ring() as made:
        for kind in KINDS:
            made.make(kind, kind)
        made.make("stranger", "cv25519")
        yield made


# -- what partners send


@pytest.mark.parametrize("kind", KINDS)
def test_gpgs_own_default_is_decrypted_and_its_signature_verified(gpg: Gpg, kind: str) -> None:
    data = gpg.encrypt("--sign", "--local-user", kind, to=kind)
    secret, signers = gpg.secret(kind), (gpg.public(kind),)
    assert members("a.csv.pgp", data, secret=secret, pgp_signers=signers) == {"a.csv": TEXT}


@pytest.mark.parametrize(
    "options",
    [
        "--armor",
        "--compress-algo none",
        "--compress-algo zip",
        "--compress-algo bzip2",
        "--cipher-algo 3DES",
        "--cipher-algo CAST5",
        "--cipher-algo CAMELLIA256",
        "--digest-algo SHA512",
        "--digest-algo SHA384",
        "--digest-algo SHA224",
        "--local-user rsa",
        "--hidden-recipient cv25519",
        "--recipient rsa --recipient nistp256",
    ],
)
def test_what_gpg_can_be_told_to_do_is_read(gpg: Gpg, options: str) -> None:
    signed = ["--sign", "--local-user", "cv25519"]
    data = gpg.encrypt(*signed, *options.split(), data=TEXT * 30)
    assert decoded(data, "a.gpg", secret=gpg.secret("cv25519"), pgp_signers=(gpg.public("cv25519"),)) == TEXT * 30


def test_text_mode_keeps_its_line_ends_and_its_signature(gpg: Gpg) -> None:
    data = gpg.encrypt("--textmode", "--sign", "--local-user", "rsa")
    out = decoded(data, "a.gpg", secret=gpg.secret("cv25519"), pgp_signers=(gpg.public("rsa"),))
    assert out == TEXT.replace(b"\n", b"\r\n")


@pytest.mark.parametrize("options", ["", "--s2k-mode 0", "--s2k-mode 1", "--s2k-digest-algo SHA512", "--armor -z 0"])
def test_a_passphrase_opens_what_it_locked(gpg: Gpg, options: str) -> None:
    data = gpg("--symmetric", *options.split(), data=TEXT)
    assert decoded(data, "a.gpg", secret={"passphrase": PASSPHRASE}) == TEXT


def test_one_passphrase_of_several_ways_in_is_enough(gpg: Gpg) -> None:
    data = gpg.encrypt("--symmetric", to="rsa")
    assert decoded(data, "a.gpg", secret={"pgp_passphrase": PASSPHRASE}) == TEXT
    assert decoded(data, "a.gpg", secret=gpg.secret("rsa")) == TEXT
    assert decoded(data, "a.gpg", secret=gpg.secret("cv25519")) == TEXT, "the passphrase, for want of the right key"


def test_a_message_that_is_only_signed_needs_a_signer_to_be_known(gpg: Gpg) -> None:
    data = gpg("--sign", "--local-user", "rsa", data=TEXT)
    assert decoded(data, "a.gpg", pgp_signers=(gpg.public("rsa"),)) == TEXT
    with pytest.raises(FileRejectedError, match="neither encrypted nor signed by a key of the feed"):
        decoded(data, "a.gpg")


def test_a_private_key_without_passphrase_is_used() -> None:
    with key_ring() as other:
        other("--passphrase", "", "--quick-gen-key", "open", "rsa2048", "encrypt,sign", "0")
        data = other.encrypt(to="open")
        secret = other("--export-secret-keys", "--armor", "open").decode()
    assert decoded(data, "a.gpg", secret={"pgp_private_key": secret}) == TEXT


def test_layers_inside_come_off(gpg: Gpg) -> None:
    data = gpg.encrypt(data=gzip.compress(TEXT))
    assert members("a.csv.gz.pgp", data, secret=gpg.secret("cv25519")) == {"a.csv": TEXT}
    assert members("a.csv", data, ("pgp", "gzip"), gpg.secret("cv25519")) == {"a.csv": TEXT}
    armored = gpg.encrypt("--armor")
    assert members("a.csv", armored, secret=gpg.secret("cv25519")) == {"a.csv": TEXT}


@pytest.fixture(scope="session")
def message(gpg: Gpg) -> tuple[bytes, bytes, dict[str, str], tuple[str, ...]]:
    options = ["--sign", "--local-user", "rsa", "--compress-algo"]
    text = TEXT * 20
    return (
        gpg.encrypt(*options, "none", "--armor", data=text),
        gpg.encrypt(*options, "zlib", data=text),
        {**gpg.secret("cv25519")},
        (gpg.public("rsa"),),
    )


@given(sizes=st.lists(st.integers(1, 3000), max_size=60), read=st.integers(1, 9000))
@settings(deadline=None, max_examples=25)
def test_the_pieces_never_matter(
    message: tuple[bytes, bytes, dict[str, str], tuple[str, ...]], sizes: list[int], read: int
) -> None:
    armored, binary, secret, signers = message
    for data in (armored, binary):
        assert decoded(data, "a.pgp", secret=secret, pgp_signers=signers, sizes=sizes, read=read) == TEXT * 20


# -- what rPGP makes: AEAD, keys of version 6, Argon2


@pytest.mark.parametrize("mode", ["ocb", "gcm"])
@pytest.mark.parametrize(
    ("version", "kind", "sub"),
    [
        (6, KeyType.ed25519(), KeyType.x25519()),
        (6, KeyType.ed448(), KeyType.x448()),
        (4, KeyType.ed25519(), KeyType.x25519()),
        (4, KeyType.ed25519_legacy(), KeyType.ecdh("curve25519")),
    ],
)
def test_aead_and_keys_of_rfc_9580_are_read(mode: str, version: int, kind: KeyType, sub: KeyType) -> None:
    key = own_key(version, kind, sub)
    text = TEXT * 60  # several chunks of 2^(6 + 6) bytes
    build = MessageBuilder.from_bytes("", text).seipd_v2("aes256", mode, 6).sign(key, None, "sha512")
    data = build.encrypt_to_key(key.to_public_key()).to_vec()
    secret, signers = {"pgp_private_key": key.to_armored()}, (key.to_public_key().to_armored(),)
    assert decoded(data, "a.pgp", secret=secret, pgp_signers=signers) == text
    for place in (len(data) // 3, len(data) - 3):
        broken = bytearray(data)
        broken[place] ^= 1
        with pytest.raises(FileRejectedError, match="changed or damaged"):
            decoded(bytes(broken), "a.pgp", secret=secret, pgp_signers=signers)
    with pytest.raises(FileRejectedError, match=r"truncated|changed or damaged"):
        decoded(data[: len(data) // 2], "a.pgp", secret=secret, pgp_signers=signers)


def test_a_key_locked_with_aead_and_argon2_is_unlocked() -> None:
    key = own_key(6, KeyType.ed25519(), KeyType.x25519(), "hunter2")
    data = MessageBuilder.from_bytes("", TEXT).seipd_v2("aes256", "ocb").encrypt_to_key(key.to_public_key()).to_vec()
    secret = {"pgp_private_key": key.to_armored(), "pgp_passphrase": "hunter2"}
    assert decoded(data, "a.pgp", secret=secret) == TEXT
    with pytest.raises(SecretMissingError, match="pgp_passphrase does not open it"):
        decoded(data, "a.pgp", secret=secret | {"pgp_passphrase": "other"})


def test_a_passphrase_with_argon2_opens_aead() -> None:
    build = MessageBuilder.from_bytes("", TEXT).seipd_v2("aes128", "gcm")
    data = build.encrypt_with_password(StringToKey.argon2(1, 4, 16), "hunter2").to_vec()
    assert decoded(data, "a.pgp", secret={"pgp_passphrase": "hunter2"}) == TEXT
    with pytest.raises(FileRejectedError, match="another passphrase than the feed's secret has"):
        decoded(data, "a.pgp", secret={"pgp_passphrase": "other"})


def gnupg_aead(text: bytes) -> bytes:
    """What GnuPG 2.3 and later make for a passphrase, by the LibrePGP draft (sections 5.3 and 5.16)."""
    key, nonce, chunk = hashlib.sha256(b"hunter2").digest(), bytes(range(15)), 64
    session, header = AESOCB3(key), bytes([0xD4, 1, 9, 2, 0])
    literal = b"b\0" + bytes(4) + text
    plain = b"\xcb\xff" + len(literal).to_bytes(4, "big") + literal
    pieces = [plain[at : at + chunk] for at in range(0, len(plain), chunk)]
    sealed = b""
    for index, piece in enumerate([*pieces, b""]):
        total = len(plain).to_bytes(8, "big") if index == len(pieces) else b""
        each = (int.from_bytes(nonce, "big") ^ index).to_bytes(15, "big")
        sealed += session.encrypt(each, piece, header + index.to_bytes(8, "big") + total)
    body = bytes([1, 9, 2, 0]) + nonce + sealed
    return b"\xc3\x04\x04\x09\x00\x08" + b"\xd4\xff" + len(body).to_bytes(4, "big") + body


def test_gnupgs_own_aead_packet_is_read() -> None:
    data = gnupg_aead(TEXT)
    assert decoded(data, "a.pgp", secret={"pgp_passphrase": "hunter2"}) == TEXT
    with pytest.raises(FileRejectedError, match="another passphrase"):
        decoded(data, "a.pgp", secret={"pgp_passphrase": "other"})
    with pytest.raises(FileRejectedError, match="changed or damaged"):
        decoded(data[:-1] + b"x", "a.pgp", secret={"pgp_passphrase": "hunter2"})


# -- keys and signatures that are not right


def test_a_missing_key_a_wrong_one_and_a_wrong_passphrase_are_told_apart(gpg: Gpg) -> None:
    data = gpg.encrypt()
    with pytest.raises(SecretMissingError, match=r"encrypted to a public key.*has no pgp_private_key"):
        decoded(data, "a.pgp")
    with pytest.raises(FileRejectedError, match=f"encrypted to key {gpg.key_id('cv25519')}, which the feed's"):
        decoded(data, "a.pgp", secret=gpg.secret("rsa"))
    with pytest.raises(SecretMissingError, match="is locked, and pgp_passphrase does not open it"):
        decoded(data, "a.pgp", secret=gpg.secret("cv25519") | {"pgp_passphrase": "wrong"})
    with pytest.raises(SecretMissingError, match="is locked, and there is no pgp_passphrase"):
        decoded(data, "a.pgp", secret={"pgp_private_key": gpg.secret("cv25519")["pgp_private_key"]})
    with pytest.raises(SecretMissingError, match=r"pgp_private_key of .* cannot be read"):
        decoded(data, "a.pgp", secret={"pgp_private_key": "nonsense"})
    hidden = gpg("--encrypt", "--hidden-recipient", "nistp256", data=TEXT)
    with pytest.raises(FileRejectedError, match="encrypted to key hidden"):
        decoded(hidden, "a.pgp", secret=gpg.secret("rsa"))


def test_a_missing_and_a_wrong_passphrase_are_told_apart(gpg: Gpg) -> None:
    data = gpg("--symmetric", data=TEXT)
    with pytest.raises(SecretMissingError, match=r"encrypted with a passphrase.*has no pgp_passphrase"):
        decoded(data, "a.pgp")
    with pytest.raises(FileRejectedError, match="another passphrase than the feed's secret has"):
        decoded(data, "a.pgp", secret={"pgp_passphrase": "wrong"})


def test_a_message_must_be_signed_by_a_listed_key(gpg: Gpg) -> None:
    secret, signers = gpg.secret("cv25519"), (gpg.public("rsa"), gpg.public("dsa"))
    signed = gpg.encrypt("--sign", "--local-user", "dsa")
    assert decoded(signed, "a.pgp", secret=secret, pgp_signers=signers) == TEXT
    twice = gpg.encrypt("--sign", "--local-user", "stranger", "--local-user", "rsa")
    assert decoded(twice, "a.pgp", secret=secret, pgp_signers=signers) == TEXT
    with pytest.raises(FileRejectedError, match=r"signed by key [0-9A-F]{16}, none of the keys of the feed"):
        decoded(gpg.encrypt("--sign", "--local-user", "stranger"), "a.pgp", secret=secret, pgp_signers=signers)
    with pytest.raises(FileRejectedError, match="it is not signed, and the feed asks for a signature"):
        decoded(gpg.encrypt(), "a.pgp", secret=secret, pgp_signers=signers)
    with pytest.raises(FileRejectedError, match="it is no OpenPGP message, and the feed asks for a signature"):
        decoded(TEXT, "a.csv", secret=secret, pgp_signers=signers)


@pytest.mark.parametrize(("hash_", "name"), [("MD5", "MD5"), ("SHA1", "SHA-1"), ("RIPEMD160", "RIPEMD-160")])
def test_a_hash_that_can_be_forged_signs_nothing(gpg: Gpg, hash_: str, name: str) -> None:
    weak = gpg.encrypt("--sign", "--local-user", "rsa", "--allow-weak-digest-algos", "--digest-algo", hash_)
    secret, signers = gpg.secret("cv25519"), (gpg.public("rsa"),)
    with pytest.raises(FileRejectedError, match=rf"not accepted: it is made with {name}.*sign with SHA-256"):
        decoded(weak, "a.pgp", secret=secret, pgp_signers=signers)
    assert decoded(weak, "a.pgp", secret=secret) == TEXT, "nobody asks who signed"


def test_a_signature_over_other_data_is_rejected(gpg: Gpg) -> None:
    data = bytearray(gpg("--sign", "--local-user", "rsa", "--compress-algo", "none", data=TEXT))
    data[data.index(b"100,some")] = ord("9")
    with pytest.raises(FileRejectedError, match=r"the signature of key [0-9A-F]{16} is not of this data"):
        decoded(bytes(data), "a.gpg", pgp_signers=(gpg.public("rsa"),))


def test_a_signers_key_that_is_none_is_the_feeds_fault() -> None:
    with pytest.raises(FeedInvalidError, match=r"\$\.decode_options\.pgp_signers: a key cannot be read"):
        decoded(b"\xc1\x01\x02", "a.pgp", pgp_signers=("-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nxxxx",))


# -- messages that are not right


@pytest.mark.parametrize("compression", ["none", "zlib"])
def test_a_changed_message_is_rejected_wherever_it_was_changed(gpg: Gpg, compression: str) -> None:
    data, secret = gpg.encrypt("--compress-algo", compression), gpg.secret("cv25519")
    start = len(data) - (len(TEXT) if compression == "none" else 300)
    for place in [*range(start, len(data), len(data) // 40), len(data) - 1]:
        broken = bytearray(data)
        broken[place] ^= 0x10
        with pytest.raises(FileRejectedError):
            decoded(bytes(broken), "a.pgp", secret=secret)
    broken = bytearray(data)
    broken[-40] ^= 0x10
    with pytest.raises(FileRejectedError, match="changed or damaged on its way"):
        decoded(bytes(broken), "a.pgp", secret=secret)


def test_damage_to_the_message_is_told_and_not_what_it_did_to_the_layers_inside(gpg: Gpg) -> None:
    data = bytearray(gpg.encrypt("--compress-algo", "none", data=gzip.compress(TEXT * 2000)))
    data[len(data) // 2] ^= 0x10
    with pytest.raises(FileRejectedError, match="changed or damaged on its way"):
        decoded(bytes(data), "a.csv.gz.pgp", secret=gpg.secret("cv25519"))


@pytest.mark.parametrize("options", ["--compress-algo none", "--compress-algo zlib", "--armor"])
def test_a_message_cut_anywhere_is_rejected(gpg: Gpg, options: str) -> None:
    data, secret = gpg.encrypt(*options.split(), data=TEXT[:700]), gpg.secret("cv25519")
    for end in range(40 if "armor" in options else 5, len(data) - 3, 7):
        with pytest.raises(FileRejectedError, match=r"a\.pgp: .*(truncated|no empty line)"):
            decoded(data[:end], "a.pgp", secret=secret)


def test_what_follows_the_message_is_rejected(gpg: Gpg) -> None:
    secret = gpg.secret("cv25519")
    with pytest.raises(FileRejectedError, match=r"cannot be read: (something else follows|there is no packet)"):
        decoded(gpg.encrypt() + b"more", "a.pgp", secret=secret)
    with pytest.raises(FileRejectedError, match="something else follows the armor"):
        decoded(gpg.encrypt("--armor") + b"more", "a.pgp", secret=secret)
    with pytest.raises(FileRejectedError, match="something else follows"):
        decoded(gpg.encrypt() + gpg.encrypt(), "a.pgp", secret=secret)


def test_data_without_integrity_protection_is_rejected(gpg: Gpg) -> None:
    # a packet of type 9 in place of 18: what the last century made
    session = gpg.encrypt("--compress-algo", "none")
    assert session[0] == 0x84, "the session key's packet, its length in one byte"
    length = 2 + session[1]
    with pytest.raises(FileRejectedError, match="without integrity protection"):
        decoded(session[:length] + b"\xc9\x20" + bytes(32), "a.pgp", secret=gpg.secret("cv25519"))


def test_content_that_is_no_message_is_rejected(gpg: Gpg) -> None:
    with pytest.raises(FileRejectedError, match="the name says pgp and the content is not"):
        decoded(TEXT, "a.csv.gpg")
    with pytest.raises(FileRejectedError, match="is an OpenPGP SIGNATURE, not a MESSAGE"):
        decoded(gpg("--detach-sign", "--armor", "--local-user", "rsa", data=TEXT), "a.csv.asc")
    with pytest.raises(FileRejectedError, match="cannot be read"):
        decoded(b"\x85" + bytes(400), "a.csv.gpg", secret=gpg.secret("rsa"))


def test_a_bomb_inside_is_rejected(gpg: Gpg) -> None:
    data = gpg.encrypt("--compress-algo", "zlib", data=bytes(80 << 20))
    with pytest.raises(FileRejectedError, match="bomb"):
        decoded(data, "a.pgp", secret=gpg.secret("cv25519"))
