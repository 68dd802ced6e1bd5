"""Reads the file that a partner delivers beside each file, with its checksum in it."""

import re

from lakeferry.servers.checksums import HEX_DIGITS, Checksum, read_checksum

_TAGGED = re.compile(r"(?P<algorithm>[A-Za-z0-9-]+) ?\((?P<name>.*)\) ?= ?(?P<digits>[0-9A-Fa-f]+)")
"""As BSD's `md5` and `sha256`, `openssl dgst` and `sha256sum --tag` write it: `SHA256 (name) = digits`."""
_PLAIN = re.compile(r"\\?(?P<digits>[0-9A-Fa-f]{8,128})(?: [ *]?(?P<name>.+))?")
"""As coreutils' `sha256sum` and the like write it, `digits  name`; or the digits alone."""
_BY_LENGTH = {digits: algorithm for algorithm, digits in HEX_DIGITS.items()}


def parse_checksum_file(data: bytes, name: str) -> Checksum | None:
    """The checksum of the file called `name`; None if there is none, or none that can be compared.

    Of several lines the one with the name counts, whatever folder it has there; a single line counts whatever its
    name, since files are renamed on their way.
    """
    lines = [line.strip() for line in _text(data).splitlines()]
    found = [read for line in lines if line and not line.startswith(("#", ";")) and (read := _read(line))]
    if len(found) == 1:
        return found[0][1]
    return next((checksum for told, checksum in found if re.split(r"[/\\]", told)[-1] == name), None)


def _read(line: str) -> tuple[str, Checksum] | None:
    if tagged := _TAGGED.fullmatch(line):
        algorithm = tagged["algorithm"].lower().replace("-", "")
        checksum = read_checksum(algorithm, tagged["digits"]) if algorithm in HEX_DIGITS else None
        return (tagged["name"], checksum) if checksum else None
    if (plain := _PLAIN.fullmatch(line)) and (algorithm := _BY_LENGTH.get(len(plain["digits"]))):
        return plain["name"] or "", Checksum(algorithm, plain["digits"].lower())
    return None


def _text(data: bytes) -> str:
    # what Windows PowerShell's > writes
    encoding = "utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    return data.decode(encoding, "replace")
