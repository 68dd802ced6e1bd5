"""Files with checksums, as partners' tools write them."""

import hashlib

import pytest

from fetch.checksum_file import parse_checksum_file
from lakeferry.servers.checksums import Checksum

SHA256, MD5 = hashlib.sha256(b"x").hexdigest(), hashlib.md5(b"x").hexdigest()
OF = {"sha256": SHA256, "md5": MD5, "sha1": hashlib.sha1(b"x").hexdigest(), "sha512": hashlib.sha512(b"x").hexdigest()}


@pytest.mark.parametrize(("algorithm", "digits"), OF.items())
@pytest.mark.parametrize(
    "form",
    [
        "{digits}",
        "{digits}\n",
        "{digits}  a.csv\n",
        "{digits} *a.csv\r\n",
        "{digits}  ./out going/a.csv\n",
        "{digits}  renamed later.csv\n",
        "\\{digits}  a\\\\b.csv\n",
        "# made by us\n\n{digits}  a.csv\n",
        "\ufeff{digits}  a.csv\n",
    ],
)
def test_coreutils_form_is_read(algorithm: str, digits: str, form: str) -> None:
    for text in (form.format(digits=digits), form.format(digits=digits.upper())):
        assert parse_checksum_file(text.encode(), "a.csv") == Checksum(algorithm, digits)


@pytest.mark.parametrize(
    "line", ["SHA256 (a.csv) = {}", "SHA256(a.csv)= {}", "sha256 (dir/a.csv) = {}", "SHA-256 (a (1).csv) = {}"]
)
def test_bsd_and_openssl_forms_are_read(line: str) -> None:
    assert parse_checksum_file(line.format(SHA256).encode(), "a.csv") == Checksum("sha256", SHA256)


def test_of_several_lines_the_one_with_the_name_counts() -> None:
    lines = [f"{MD5}  a.csv", f"{SHA256}  sub/b.csv", f"SHA256 (c.csv) = {SHA256}", f"{'0' * 64}  d\\b2.csv"]
    data = "\n".join(lines).encode()
    assert parse_checksum_file(data, "a.csv") == Checksum("md5", MD5)
    assert parse_checksum_file(data, "b.csv") == parse_checksum_file(data, "c.csv") == Checksum("sha256", SHA256)
    assert parse_checksum_file(data, "b2.csv") == Checksum("sha256", "0" * 64)
    assert parse_checksum_file(data, "e.csv") is None


def test_what_powershell_writes_is_read() -> None:
    assert parse_checksum_file(f"{SHA256}\r\n".encode("utf-16"), "a.csv") == Checksum("sha256", SHA256)


@pytest.mark.parametrize(
    "data", [b"", b"\n", b"no", b"1234567", b"SHA256 (a) = 12", b"TIGER (a) = " + b"0" * 48, b"\xff\xfe\x00"]
)
def test_what_is_no_checksum_is_none(data: bytes) -> None:
    assert parse_checksum_file(data, "a.csv") is None
