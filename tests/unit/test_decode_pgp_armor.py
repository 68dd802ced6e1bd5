"""ASCII armor as it travels: in mails, with headers, with other line ends; and keys that lost their line breaks."""

from collections.abc import Iterator

import pytest

from lakeferry.errors import FeedInvalidError, FileRejectedError, SecretMissingError
from tests.unit.decoding import TEXT, decoded, members
from tests.unit.forging import Pair
from tests.unit.gnupg import PASSPHRASE, Gpg, key_ring

SECRET = {"pgp_passphrase": PASSPHRASE}


@pytest.fixture(scope="session")
def gpg() -> Iterator[Gpg]:
    with key_ring() as made:
        yield made


@pytest.fixture(scope="session")
def armor(gpg: Gpg) -> bytes:
    return gpg("--symmetric", "--armor", data=TEXT)


MAIL = b"Dear all,\n\nplease find today's file below.\n\n"
FOOT = b"\n-- \nThe partner's IT\nThis mail is confidential.\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (MAIL, b""),
        (MAIL, FOOT),
        (b"Content-Type: text/plain\n\n" + MAIL * 1000, FOOT * 1000),
        (b"\n \n", b"\n\n"),
        (b"\xef\xbb\xbf", b""),
        (b"\xef\xbb\xbf" + MAIL, b""),
        (b"see -----BEGIN PGP MESSAGE----- below\n", b""),
    ],
    ids=[
        "a greeting",
        "greeting and footer",
        "long ones",
        "empty lines",
        "a mark",
        "mark and greeting",
        "talk of armor",
    ],
)
@pytest.mark.parametrize("size", [7, 100_000])
def test_a_mail_around_the_armor_is_passed_over(armor: bytes, before: bytes, after: bytes, size: int) -> None:
    data = before + armor + after
    for whole in (data, data.replace(b"\n", b"\r\n")):
        assert decoded(whole, "a.csv.asc", secret=SECRET, sizes=[size] * (len(whole) // size + 2)) == TEXT


def test_a_second_message_in_a_mail_is_not_lost_in_silence(armor: bytes) -> None:
    for between in (b"", FOOT, FOOT * 5000):
        with pytest.raises(FileRejectedError, match="more armor follows in the same text"):
            decoded(MAIL + armor + between + b"\n" + armor, "a.asc", secret=SECRET)


def test_without_text_before_the_armor_none_may_follow(armor: bytes) -> None:
    with pytest.raises(FileRejectedError, match="something else follows the armor"):
        decoded(armor + FOOT, "a.asc", secret=SECRET)


def test_text_alone_is_no_message_and_a_mail_without_the_suffix_is_a_file(armor: bytes) -> None:
    with pytest.raises(FileRejectedError, match="the name says pgp and the content is not"):
        decoded(MAIL + b"see -----BEGIN PGP MESSAGE-----\n", "a.asc", secret=SECRET)
    assert decoded(MAIL + armor, "a.txt", secret=SECRET) == MAIL + armor
    assert members("a.txt", MAIL + armor, ("pgp",), SECRET) == {"a.txt": TEXT}


def test_armor_that_begins_too_far_down_is_not_found(armor: bytes) -> None:
    with pytest.raises(FileRejectedError, match="the name says pgp and the content is not"):
        decoded(MAIL * 2000 + armor, "a.asc", secret=SECRET)


def test_armor_inside_of_binary_data_is_data(gpg: Gpg, armor: bytes) -> None:
    data = gpg("--symmetric", "--compress-algo", "none", data=armor)
    assert members("a.txt", data, ("pgp",), SECRET) == {"a.txt": armor}
    pair = Pair()
    assert decoded(pair.signed(MAIL + armor), "a.gpg", pgp_signers=(pair.block(),)) == MAIL + armor


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data.replace(b"MESSAGE-----\n", b"MESSAGE-----\nVersion: 1\nComment: a: b\nHash: SHA1\n", 1),
        lambda data: data.replace(b"MESSAGE-----\n\n", b"MESSAGE----- \t\n \t\n", 1),
        lambda data: data.replace(b"\n", b"\r\n"),
        lambda data: data.rstrip(b"\n"),
        lambda data: data.replace(b"\n", b" \n"),
    ],
    ids=["headers", "blanks", "CR LF", "no last line end", "blanks at each line's end"],
)
def test_what_gpg_reads_is_read(gpg: Gpg, armor: bytes, change: object) -> None:
    assert callable(change)
    data = change(armor)
    assert gpg("--decrypt", data=data) == TEXT
    assert decoded(data, "a.asc", secret=SECRET) == TEXT


def test_a_checksum_that_is_wrong_or_not_there_is_not_missed(armor: bytes) -> None:
    """RFC 9580 lets programs leave it out; what proves the message is inside."""
    lines = armor.splitlines(keepends=True)
    assert lines[-2].startswith(b"=")
    assert decoded(b"".join([*lines[:-2], lines[-1]]), "a.asc", secret=SECRET) == TEXT
    assert decoded(b"".join([*lines[:-2], b"=AAAA\n", lines[-1]]), "a.asc", secret=SECRET) == TEXT


def test_armor_without_line_breaks_is_named(armor: bytes) -> None:
    with pytest.raises(FileRejectedError, match="its line breaks are gone"):
        decoded(armor.replace(b"\n", b" "), "a.asc", secret=SECRET)


def test_a_key_that_was_cut_is_told_as_such(gpg: Gpg) -> None:
    if not gpg.run("--list-keys", "us").stdout:
        gpg("--quick-gen-key", "us", "rsa2048", "encrypt,sign", "0")
    secret = gpg.secret("us")
    for text in (secret["pgp_private_key"][:800], secret["pgp_private_key"].rpartition("-----END")[0]):
        with pytest.raises(SecretMissingError, match=r"pgp_private_key of .* cannot be read \(its end is missing"):
            decoded(gpg.encrypt(to="us"), "a.pgp", secret=secret | {"pgp_private_key": text})


@pytest.mark.parametrize("instead", [" ", "", "\\n"])
def test_a_key_that_lost_its_line_breaks_is_told_as_such(gpg: Gpg, instead: str) -> None:
    if not gpg.run("--list-keys", "us").stdout:
        gpg("--quick-gen-key", "us", "rsa2048", "encrypt,sign", "0")
    data = gpg.encrypt("--sign", "--local-user", "us", to="us")
    secret, public = gpg.secret("us"), gpg.public("us")
    broken = secret | {"pgp_private_key": secret["pgp_private_key"].replace("\n", instead)}
    with pytest.raises(SecretMissingError, match=r"pgp_private_key of .* cannot be read \(its line breaks are gone"):
        decoded(data, "a.pgp", secret=broken)
    with pytest.raises(FeedInvalidError, match=r"pgp_signers: a key cannot be read \(its line breaks are gone"):
        decoded(data, "a.pgp", secret=secret, pgp_signers=(public.replace("\n", instead),))
    with pytest.raises(SecretMissingError, match=r"is a PGP PUBLIC KEY BLOCK without a private key"):
        decoded(data, "a.pgp", secret=secret | {"pgp_private_key": public})
    noted = "pub   rsa2048\nuid   us\n\n" + public
    assert decoded(data, "a.pgp", secret=secret, pgp_signers=(noted,)) == TEXT
