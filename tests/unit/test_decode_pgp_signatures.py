"""What a signature must be to count (RFC 9580, section 5.2), and which keys of a block may have made it."""

from collections.abc import Iterator

import pytest

from lakeferry.decode.pgp.certificates import Signer, read_signers
from lakeferry.decode.pgp.keys import read_keys
from lakeferry.decode.pgp.packets import MalformedError
from lakeferry.errors import FileRejectedError
from tests.unit.decoding import TEXT, decoded
from tests.unit.forging import (
    DAY,
    MADE,
    NOW,
    Pair,
    armored,
    created,
    ends_after,
    flags,
    key_ends_after,
    literal,
    packet,
    sealed,
    subpacket,
    to_rsa,
)
from tests.unit.gnupg import Gpg, key_ring

PARTNER = Pair()
BLOCK = PARTNER.block()


@pytest.fixture(scope="session")
def gpg() -> Iterator[Gpg]:
    with key_ring() as made:
        yield made


def accepted(message: bytes, *blocks: str) -> bool:
    return decoded(message, "a.gpg", pgp_signers=blocks or (BLOCK,)) == TEXT


def refused(message: bytes, why: str, *blocks: str) -> None:
    with pytest.raises(FileRejectedError, match=why) as caught:
        decoded(message, "a.gpg", pgp_signers=blocks or (BLOCK,))
    assert str(caught.value).count(". ") >= 1, "what to do follows what is wrong"


# -- the signature itself


@pytest.mark.parametrize("version", [4, 6])
def test_a_signature_over_the_data_by_a_listed_key_is_accepted(version: int) -> None:
    pair = Pair(version=version)
    assert accepted(pair.signed(TEXT), pair.block())
    direct = pair.sign(0x1F, pair.hashed, flags(2))
    assert accepted(pair.signed(TEXT), pair.block(direct))
    old = packet(2, pair.sign(0, TEXT)) + literal(TEXT)
    assert accepted(old, pair.block()), "before the data, as before one-pass packets"


@pytest.mark.parametrize("kind", [0x02, 0x10, 0x13, 0x18, 0x19, 0x1F, 0x20, 0x28, 0x30, 0x40, 0x50, 0xFF])
@pytest.mark.parametrize("announced", [None, 0x00, 0x01, "same"])
def test_what_signs_keys_and_names_signs_no_file(kind: int, announced: int | str | None) -> None:
    """A certification or binding from the signer's own public block must not pass for a signature over data."""
    body = packet(2, PARTNER.sign(kind, TEXT))
    if announced is None:
        message = body + literal(TEXT)
    else:
        message = PARTNER.one_pass(kind if isinstance(announced, str) else announced) + literal(TEXT) + body
    refused(message, f"kind 0x{kind:02X}, which signs keys and names, not files")


def test_the_signers_own_public_key_block_signs_no_file() -> None:
    name = b"Partner <partner@example.com>"
    document = PARTNER.hashed + b"\xb4" + len(name).to_bytes(4, "big") + name
    certification = PARTNER.certification(flags(3))
    message = PARTNER.one_pass(0) + literal(document) + packet(2, certification)
    refused(message, "kind 0x13, which signs keys and names, not files")


@pytest.mark.parametrize(
    "announced",
    [
        PARTNER.one_pass(1),
        PARTNER.one_pass(0, hash_=10),
        packet(4, bytes([3, 0, 8, 1]) + PARTNER.key_id + b"\1"),
        packet(4, bytes([2, 0, 8, 27]) + PARTNER.key_id + b"\1"),
        Pair().one_pass(0),
        Pair(version=6).one_pass(0),
    ],
    ids=["kind", "hash", "algorithm", "version of the packet", "signer", "version of the key"],
)
def test_a_signature_is_the_one_that_was_announced(announced: bytes) -> None:
    refused(announced + literal(TEXT) + packet(2, PARTNER.sign(0, TEXT)), "not the one that is announced")


def test_an_announcement_that_names_nobody_is_anybodys() -> None:
    nobody = packet(4, bytes([3, 0, 8, 27]) + bytes(8) + b"\1")
    assert accepted(nobody + literal(TEXT) + packet(2, PARTNER.sign(0, TEXT)))
    assert accepted(PARTNER.one_pass(0) + literal(TEXT) + packet(2, PARTNER.sign(0, TEXT, named=False)))
    assert accepted(nobody + literal(TEXT) + packet(2, PARTNER.sign(0, TEXT, named=False)))


def test_the_salt_of_version_6_is_the_announced_one_and_of_the_hashs_length() -> None:
    pair = Pair(version=6)
    other = pair.one_pass(0, salt=b"\1" * 16) + literal(TEXT) + packet(2, pair.sign(0, TEXT))
    refused(other, "not the one that is announced", pair.block())
    short = pair.one_pass(0, salt=bytes(8)) + literal(TEXT) + packet(2, pair.sign(0, TEXT, salt=bytes(8)))
    refused(short, "its salt has 8 bytes, and SHA256 has 16", pair.block())


def test_a_key_of_version_6_signs_in_version_6() -> None:
    pair = Pair(version=6)
    old = Pair(private=pair.private)
    mixed = old.sign(0, TEXT, subpacket(33, b"\6" + pair.fingerprint), named=False)
    refused(packet(2, mixed) + literal(TEXT), "not of this data", pair.block())


@pytest.mark.parametrize(("hash_", "name"), [(1, "MD5"), (2, "SHA-1")])
def test_a_weak_hash_signs_nothing(hash_: int, name: str) -> None:
    message = PARTNER.one_pass(0, hash_=hash_) + literal(TEXT) + packet(2, PARTNER.sign(0, TEXT, hash_=hash_))
    refused(message, f"made with {name}, which is not accepted")


def test_a_signature_of_version_3_is_named() -> None:
    refused(packet(2, b"\3\5" + bytes(30)) + literal(TEXT), "its signature is of version 3, which is not accepted")


@pytest.mark.parametrize(
    ("signature", "why"),
    [
        (PARTNER.sign(0, TEXT, made=None), "does not say when it was made"),
        (PARTNER.sign(0, TEXT, made=None, outside=created(MADE)), "does not say when it was made"),
        (PARTNER.sign(0, TEXT, made=NOW + 2 * DAY), "which is in the future"),
        (PARTNER.sign(0, TEXT, made=MADE - 1), "its key was made on"),
        (PARTNER.sign(0, TEXT, ends_after(DAY)), "it ended on"),
        (PARTNER.sign(0, TEXT, subpacket(38, b"", critical=True)), "a field of type 38 that must not be ignored"),
        (PARTNER.sign(0, TEXT, outside=subpacket(99, b"x", critical=True)), "a field of type 99 that must not be"),
        (
            PARTNER.sign(0, TEXT, subpacket(20, bytes(4) + b"\0\5\0\1a@b.cy", critical=True)),
            "a notation 'a@b.c' that must not be ignored",
        ),
    ],
    ids=[
        "undated",
        "dated outside",
        "future",
        "older than its key",
        "ended",
        "critical",
        "critical outside",
        "notation",
    ],
)
def test_what_a_signature_says_of_itself_is_heeded(signature: bytes, why: str) -> None:
    refused(PARTNER.one_pass(0) + literal(TEXT) + packet(2, signature), why)
    refused(packet(2, signature) + literal(TEXT), why)


@pytest.mark.parametrize(
    "inside",
    [
        [subpacket(20, bytes(4) + b"\0\5\0\1a@b.cy")],
        [subpacket(38, b"")],
        [created(MADE), subpacket(3, (1000 * DAY).to_bytes(4, "big"), critical=True)],
        [subpacket(26, b"https://example.com/policy")],
    ],
    ids=["a notation", "an unknown field", "a critical end that is far away", "a policy"],
)
def test_what_may_be_ignored_is(inside: list[bytes]) -> None:
    assert accepted(PARTNER.signed(TEXT, *inside))


def test_a_clock_that_is_half_a_day_ahead_is_forgiven() -> None:
    assert accepted(PARTNER.signed(TEXT, made=NOW + DAY // 2))


def test_a_date_outside_the_signed_part_changes_nothing() -> None:
    sound = PARTNER.sign(0, TEXT, outside=created(1) + ends_after(1) + flags(0))
    assert accepted(PARTNER.one_pass(0) + literal(TEXT) + packet(2, sound))


@pytest.mark.parametrize(
    "text",
    [b"a\r\nb\r\n", b"a\nb\n", b"a\rb\r\n", b"a\r", b"\r\n\n\r", b"no line end"],
)
@pytest.mark.parametrize("size", [1, 2, 1000])
def test_text_is_signed_as_it_is_or_with_line_ends_made_cr_lf(text: bytes, size: int) -> None:
    canonical = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
    for signed in (text, canonical):
        message = PARTNER.one_pass(1) + literal(text) + packet(2, PARTNER.sign(1, signed))
        assert decoded(message, "a.gpg", pgp_signers=(BLOCK,), sizes=[size] * 2000) == text
    message = PARTNER.one_pass(1) + literal(text) + packet(2, PARTNER.sign(1, canonical + b"x"))
    refused(message, "not of this data")


def test_a_binary_signature_is_over_the_bytes_as_they_are() -> None:
    message = PARTNER.one_pass(0) + literal(b"a\nb\n") + packet(2, PARTNER.sign(0, b"a\r\nb\r\n"))
    refused(message, "not of this data")


def test_an_empty_files_signature_around_encrypted_data_signs_nothing(gpg: Gpg) -> None:
    """It is over no data: whoever has one signature of an empty file could send anything."""
    sealed = gpg("--symmetric", data=b"another file")
    empty = PARTNER.one_pass(0) + sealed + packet(2, PARTNER.sign(0, b""))
    for message in (empty, packet(2, PARTNER.sign(0, b"")) + sealed):
        with pytest.raises(FileRejectedError, match="around the encrypted data, not in it"):
            decoded(message, "a.gpg", secret={"pgp_passphrase": "pässphrase"}, pgp_signers=(BLOCK,))


def test_a_file_that_was_encrypted_to_somebody_else_first_is_not_for_us(gpg: Gpg) -> None:
    """Whoever was sent a signed file could send it on as if it had been meant for the feed."""
    gpg("--quick-gen-key", "us", "rsa2048", "cert,sign,encrypt", "0")
    (us,), secret = read_keys(gpg.public("us")), gpg.secret("us")
    key = bytes(range(32))
    session = to_rsa(us, b"\x09" + key + sum(key).to_bytes(2, "big"))
    ours, other = us.fingerprint, PARTNER.fingerprint
    for recipients, is_ours in (((), True), ((ours,), True), ((other, ours), True), ((other,), False)):
        fields = [subpacket(35, b"\4" + each) for each in recipients]
        message = session + sealed(key, PARTNER.signed(TEXT, *fields))
        if is_ours:
            assert decoded(message, "a.gpg", secret=secret, pgp_signers=(BLOCK,)) == TEXT
        else:
            with pytest.raises(FileRejectedError, match="for other recipients than the feed's key"):
                decoded(message, "a.gpg", secret=secret, pgp_signers=(BLOCK,))


# -- several signatures


def nested(pairs: list[Pair], signatures: list[bytes]) -> bytes:
    announced = b"".join(pair.one_pass(0, last=int(pair is pairs[-1])) for pair in pairs)
    return announced + literal(TEXT) + b"".join(packet(2, each) for each in signatures)


def test_the_signature_that_was_announced_last_comes_first() -> None:
    other, stranger = Pair(), Pair()
    pairs = [stranger, PARTNER, other]
    in_order = [pair.sign(0, TEXT) for pair in reversed(pairs)]
    assert accepted(nested(pairs, in_order), BLOCK, other.block())
    refused(nested([PARTNER, other], [PARTNER.sign(0, TEXT), other.sign(0, TEXT)]), "not the one that is announced")
    with pytest.raises(FileRejectedError, match="truncated"):
        decoded(nested(pairs, in_order[:2]), "a.gpg", pgp_signers=(BLOCK,))
    with pytest.raises(FileRejectedError, match="something else follows its data"):
        decoded(nested(pairs, [*in_order, in_order[0]]), "a.gpg", pgp_signers=(BLOCK,))


def test_one_good_signature_is_enough_beside_one_that_does_not_count() -> None:
    ended = Pair()
    block = ended.block(certified=ended.certification(key_ends_after(10 * DAY)))
    late = ended.sign(0, TEXT, made=NOW - DAY)
    assert accepted(nested([PARTNER, ended], [late, PARTNER.sign(0, TEXT)]), BLOCK, block)
    refused(nested([ended], [late]), "its key had ended on", block)


def test_a_listed_keys_signature_over_other_data_is_refused_even_beside_a_good_one() -> None:
    other = Pair()
    message = nested([PARTNER, other], [other.sign(0, b"another file"), PARTNER.sign(0, TEXT)])
    refused(message, "not of this data", BLOCK, other.block())


def test_seventeen_signatures_are_too_many() -> None:
    refused(nested([PARTNER] * 17, [PARTNER.sign(0, TEXT)] * 17), "more than 16 signatures")


def test_a_signature_whose_numbers_are_longer_than_its_key_is_refused() -> None:
    body = PARTNER.sign(0, TEXT)
    refused(PARTNER.one_pass(0) + literal(TEXT) + packet(2, body + b"\xff" * 400), "not of this data")


# -- the key that made it


def test_a_key_that_ended_before_signs_nothing_and_one_that_ended_since_has_signed() -> None:
    block = PARTNER.block(certified=PARTNER.certification(key_ends_after(50 * DAY)))
    assert accepted(PARTNER.signed(TEXT, made=MADE + 49 * DAY), block), "what came in time is reprocessed later"
    refused(PARTNER.signed(TEXT, made=MADE + 50 * DAY), r"its key had ended on .*gpg --export --armor", block)


def test_the_newest_word_on_a_keys_end_holds_and_the_keys_own_before_its_names() -> None:
    name = b"Partner <partner@example.com>"
    about = packet(13, name)
    shorter, longer = (
        packet(2, PARTNER.certification(key_ends_after(days * DAY), made=MADE + days)) for days in (10, 90)
    )
    late = PARTNER.signed(TEXT, made=MADE + 50 * DAY)
    for order in (shorter + longer, longer + shorter):
        assert accepted(late, armored("PUBLIC KEY BLOCK", packet(6, PARTNER.body) + about + order))
    direct = packet(2, PARTNER.sign(0x1F, PARTNER.hashed, key_ends_after(20 * DAY)))
    both = armored("PUBLIC KEY BLOCK", packet(6, PARTNER.body) + direct + about + longer)
    refused(late, "its key had ended on", both)


def test_a_revoked_key_signs_nothing_whenever_it_was_used() -> None:
    for revocation in (
        PARTNER.sign(0x20, PARTNER.hashed, subpacket(29, b"\1moved on"), made=NOW),
        PARTNER.sign(0x20, PARTNER.hashed, made=NOW + 900 * DAY),
        PARTNER.sign(0x20, PARTNER.hashed, hash_=1),
    ):
        refused(PARTNER.signed(TEXT), "its key is revoked", PARTNER.block(revocation))
    by_another = Pair().sign(0x20, PARTNER.hashed)
    assert accepted(PARTNER.signed(TEXT), PARTNER.block(by_another)), "nobody else can revoke it"


def test_a_key_whose_name_was_taken_back_says_nothing() -> None:
    name = b"Partner <partner@example.com>"
    about = b"\xb4" + len(name).to_bytes(4, "big") + name
    taken = packet(2, PARTNER.sign(0x30, PARTNER.hashed + about, made=MADE + 1))
    parts = packet(6, PARTNER.body) + packet(13, name) + packet(2, PARTNER.certification(flags(3))) + taken
    refused(PARTNER.signed(TEXT), "no valid self-signature", armored("PUBLIC KEY BLOCK", parts))
    again = parts + packet(2, PARTNER.certification(flags(3), made=MADE + 2))
    assert accepted(PARTNER.signed(TEXT), armored("PUBLIC KEY BLOCK", again))


@pytest.mark.parametrize(
    ("certified", "why"),
    [
        (Pair().certification(flags(3)), "no valid self-signature"),
        (PARTNER.certification(flags(3), hash_=1), "no valid self-signature"),
        (PARTNER.certification(flags(3), ends_after(DAY)), "no valid self-signature"),
        (PARTNER.certification(flags(3), made=NOW + 5 * DAY), "no valid self-signature"),
        (PARTNER.certification(flags(3), subpacket(120, b"", critical=True)), "no valid self-signature"),
        (PARTNER.certification(flags(1)), "not meant for signing data"),
        (PARTNER.certification(flags(12)), "not meant for signing data"),
        (b"\4\x13\x1b", "no valid self-signature"),
    ],
    ids=["another's", "MD5", "ended", "future", "critical", "certifies only", "encrypts only", "cut"],
)
def test_a_primary_key_says_of_itself_that_it_signs(certified: bytes, why: str) -> None:
    refused(PARTNER.signed(TEXT), why, PARTNER.block(certified=certified))


def test_a_key_that_does_not_say_what_it_is_for_signs_as_it_can_and_sha_1_will_do_for_its_own_word() -> None:
    assert accepted(PARTNER.signed(TEXT), PARTNER.block(certified=PARTNER.certification()))
    assert accepted(PARTNER.signed(TEXT), PARTNER.block(certified=PARTNER.certification(flags(3), hash_=2)))


SUBKEY = Pair()
OVER = PARTNER.hashed + SUBKEY.hashed
BLOCK_WITH_SUBKEY = PARTNER.block(subkeys=[PARTNER.bind(SUBKEY)])


@pytest.mark.parametrize(
    ("subkey", "why"),
    [
        (PARTNER.bind(SUBKEY, back=b""), "no back-signature"),
        (PARTNER.bind(SUBKEY, back=PARTNER.sign(0x19, OVER)), "no back-signature"),
        (PARTNER.bind(SUBKEY, back=SUBKEY.sign(0x18, OVER)), "no back-signature"),
        (PARTNER.bind(SUBKEY, back=SUBKEY.sign(0x19, SUBKEY.hashed)), "no back-signature"),
        (PARTNER.bind(SUBKEY, back=SUBKEY.sign(0x19, OVER, hash_=1)), "no back-signature"),
        (PARTNER.bind(SUBKEY, flags(12)), "not meant for signing data"),
        (PARTNER.bind(SUBKEY, flags(2), key_ends_after(DAY)), "its key had ended on"),
        (PARTNER.bind(SUBKEY) + packet(2, PARTNER.sign(0x28, OVER, made=NOW)), "its key is revoked"),
        (packet(14, SUBKEY.body), "not bound to the primary key"),
        (Pair().bind(SUBKEY), "not bound to the primary key"),
        (PARTNER.bind(SUBKEY, flags(2), ends_after(DAY)), "not bound to the primary key"),
    ],
    ids=[
        "no back-signature", "by the primary", "of another kind", "over itself", "back in MD5", "encrypts", "ended",
        "revoked", "bare", "bound by another", "binding ended",
    ],
)  # fmt: skip
def test_a_subkey_signs_if_both_keys_have_said_so(subkey: bytes, why: str) -> None:
    message = SUBKEY.signed(TEXT, made=NOW - DAY)
    refused(message, why, PARTNER.block(subkeys=[subkey]))
    assert accepted(message, PARTNER.block(subkeys=[PARTNER.bind(SUBKEY)]))
    assert accepted(message, PARTNER.block(subkeys=[PARTNER.bind(SUBKEY, subpacket(9, bytes(4)))])), "flags left out"


def test_a_subkey_ends_with_its_primary_key_and_falls_with_it() -> None:
    subkeys = [PARTNER.bind(SUBKEY)]
    ended = PARTNER.block(certified=PARTNER.certification(flags(3), key_ends_after(5 * DAY)), subkeys=subkeys)
    refused(SUBKEY.signed(TEXT, made=NOW - DAY), "its key had ended on", ended)
    revoked = PARTNER.block(PARTNER.sign(0x20, PARTNER.hashed), subkeys=subkeys)
    refused(SUBKEY.signed(TEXT), "its key is revoked", revoked)
    refused(SUBKEY.signed(TEXT), "no valid self-signature", PARTNER.block(certified=b"\4", subkeys=subkeys))


def test_a_subkey_without_its_primary_key_is_no_signer() -> None:
    keys = read_keys(PARTNER.block(subkeys=[PARTNER.bind(SUBKEY)]))
    with pytest.raises(MalformedError, match="does not begin with a primary key"):
        read_signers([keys[1:]], NOW)


def test_two_copies_of_a_key_count_once_with_all_that_either_says() -> None:
    late = SUBKEY.signed(TEXT, made=NOW - DAY)
    before = PARTNER.block(
        certified=PARTNER.certification(flags(3), key_ends_after(5 * DAY)),
        subkeys=[PARTNER.bind(SUBKEY, flags(2), key_ends_after(9 * DAY))],
    )
    prolonged = PARTNER.block(
        certified=PARTNER.certification(flags(3), key_ends_after(900 * DAY), made=MADE + 1),
        subkeys=[PARTNER.bind(SUBKEY, flags(2), key_ends_after(900 * DAY), made=MADE + 1)],
    )
    revoked = PARTNER.block(PARTNER.sign(0x20, PARTNER.hashed))
    refused(late, "its key had ended on", before)
    for blocks in ((before, prolonged), (prolonged, before)):
        assert accepted(late, *blocks)
        refused(late, "its key is revoked", *blocks, revoked)
        refused(late, "its key is revoked", revoked, *blocks)


def test_a_subkey_that_two_have_bound_signs_for_the_one_that_holds() -> None:
    other = Pair()
    ended = other.block(subkeys=[other.bind(SUBKEY, flags(2), key_ends_after(DAY))])
    for blocks in ((BLOCK_WITH_SUBKEY, ended), (ended, BLOCK_WITH_SUBKEY)):
        assert accepted(SUBKEY.signed(TEXT, made=NOW - DAY), *blocks)


# -- keys as gpg makes and changes them


def of(gpg: Gpg, name: str) -> list[Signer]:
    return read_signers([read_keys(gpg.public(name))], NOW)


def test_a_subkey_that_its_primary_key_has_not_bound_signs_nothing(gpg: Gpg) -> None:
    """Pasting a block does not trust what a stranger put into it."""
    for name in ("honest", "evil"):
        gpg("--quick-gen-key", name, "ed25519", "cert", "0")
        gpg("--quick-add-key", gpg.fingerprint(name), "ed25519", "sign", "0")
    honest, evil = (read_keys(gpg.public(name)) for name in ("honest", "evil"))
    assert [signer.refusal for signer in read_signers([honest], NOW)] == ["its key is not meant for signing data", None]
    pasted = read_signers([[*honest, *evil[1:]]], NOW)
    assert pasted[2].refusal == "its key is not bound to the primary key above it"


def test_a_key_that_gpg_prolonged_shortened_or_revoked_is_what_gpg_says(gpg: Gpg) -> None:
    gpg("--quick-gen-key", "changing", "ed25519", "cert,sign", "1y")
    (first,) = of(gpg, "changing")
    gpg("--faked-system-time", str(NOW + 3600), "--quick-set-expire", gpg.fingerprint("changing"), "2y")
    (later,) = of(gpg, "changing")
    assert first.until is not None
    assert later.until is not None
    assert later.until > first.until + 300 * DAY
    revocation = (gpg.home / "openpgp-revocs.d" / f"{gpg.fingerprint('changing')}.rev").read_text()
    gpg("--import", data=revocation.replace(":-----BEGIN", "-----BEGIN").encode())
    assert of(gpg, "changing")[0].refusal == "its key is revoked"


@pytest.mark.parametrize("ago", [0, 4000])
def test_gpgs_signature_counts_though_its_key_has_ended_since(gpg: Gpg, ago: int) -> None:
    name = f"short{ago}"
    start = f"{NOW - ago * DAY}!"
    gpg("--faked-system-time", start, "--quick-gen-key", name, "ed25519", "cert,sign", "30d")
    block = gpg.public(name)
    good = gpg("--faked-system-time", start, "--sign", "--local-user", name, data=TEXT)
    assert accepted(good, block)


@pytest.mark.parametrize("options", ["", "--textmode", "--compress-algo none", "--digest-algo SHA512"])
def test_what_gpg_signs_is_accepted(gpg: Gpg, options: str) -> None:
    if not gpg.run("--list-keys", "signer").stdout:
        gpg("--quick-gen-key", "signer", "ed25519", "cert", "0")
        gpg("--quick-add-key", gpg.fingerprint("signer"), "rsa2048", "sign", "0")
    text = b"a\rb\n\nlast line \t\nwithout end"
    message = gpg("--sign", "--local-user", "signer", *options.split(), data=text)
    out = decoded(message, "a.gpg", pgp_signers=(gpg.public("signer"),))
    drops_cr = "textmode" in options  # on its way out, each CR that there is
    assert (out.replace(b"\r", b"") if drops_cr else out) == gpg("--decrypt", data=message)
