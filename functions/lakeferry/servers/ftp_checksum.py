"""Checksums by FTP's extensions: HASH (draft-bryan-ftpext-hash-02), and the older commands that servers have beside it.

An answer that cannot be read is none: the bytes are there, and only what is told in a known form can be compared.
"""

import ftplib

from lakeferry.servers.checksums import HEX_DIGITS, Checksum, read_checksum
from lakeferry.servers.ftp_control import Control

_NAMES = {
    "sha256": "SHA-256",
    "sha512": "SHA-512",
    "sha384": "SHA-384",
    "sha1": "SHA-1",
    "md5": "MD5",
    "crc32": "CRC32",
}
"""As HASH has them (IANA's names of hash functions)."""
_COMMANDS = {
    "sha256": ("XSHA256",), "sha512": ("XSHA512",), "sha384": (), "sha1": ("XSHA1", "XSHA"), "md5": ("XMD5",),
    "crc32": ("XCRC",),
}  # fmt: skip


def hashes_of(features: str) -> frozenset[str]:
    """Names of the algorithms that an answer to FEAT says HASH has; the one it would take has a star."""
    for line in features.splitlines():
        words = line.split()
        if len(words) == 2 and words[0].upper() == "HASH":
            return frozenset(name.strip("*").upper() for name in words[1].split(";"))
    return frozenset()


def ask_checksum(control: Control, features: set[str], hashes: frozenset[str], path: str) -> Checksum | None:
    """The best checksum the server tells of the file.

    Args:
        path: Its bytes as ISO 8859-1.

    Raises:
        ftplib.Error, OSError, EOFError: the connection is gone, or time is up; not that the server refuses.
    """
    for algorithm in HEX_DIGITS:
        try:
            if _NAMES[algorithm] in hashes:
                control.sendcmd(f"OPTS HASH {_NAMES[algorithm]}")
                return _of_hash(algorithm, control.sendcmd(f"HASH {path}"))
            for command in _COMMANDS[algorithm]:
                if command in features:
                    # two numbers may follow the name, so that one with spaces has to be quoted
                    return _of_command(
                        algorithm, control.sendcmd(f'{command} "{path}"' if " " in path else f"{command} {path}")
                    )
        except ftplib.error_perm:
            continue
    return None


def _of_hash(algorithm: str, answer: str) -> Checksum | None:
    """`213 SHA-256 0-49 <digits> <name>`, perhaps after lines that say that it is being computed."""
    words = answer.splitlines()[-1].split(" ", 4)
    told = len(words) >= 4 and words[1].upper() == _NAMES[algorithm]
    return read_checksum(algorithm, words[3]) if told else None


def _of_command(algorithm: str, answer: str) -> Checksum | None:
    """`250 <digits>`, some servers with the name behind."""
    words = answer.splitlines()[-1].split()
    return read_checksum(algorithm, words[1]) if len(words) >= 2 else None
