"""What servers tell of a file's checksum, where they do."""

import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from lakeferry.errors import TransferInterruptedError
from lakeferry.servers.checksums import HEX_DIGITS, Checksum, new_hash
from lakeferry.servers.ftp_checksum import hashes_of
from tests.servers import daemons
from tests.servers.proxy import Fault, Proxy

from .conftest import Partner, on_daemon, start_or_skip

pytestmark = pytest.mark.servers
DATA = random.Random(3).randbytes(700_001)
NAME = "two words 1 2 é.bin"
NONE = ["openssh", "vsftpd", "proftpd", "pure-ftpd", "pure-ftpd tls"]
Start = Callable[..., Partner]


def expected(algorithm: str) -> Checksum:
    computed = new_hash(algorithm)
    computed.update(DATA)
    return Checksum(algorithm, computed.hexdigest())


@pytest.fixture
def start() -> Iterator[Start]:
    """A daemon with a file of `DATA`."""
    with ExitStack() as running:

        def begin(daemon: Callable[..., Any], *settings: str) -> Partner:
            partner = on_daemon("daemon", start_or_skip(running, lambda: daemon(*settings)))
            (partner.folder / "outgoing" / NAME).write_bytes(DATA)
            return partner

        yield begin


def told(partner: Partner, name: str = NAME, **changes: Any) -> Checksum | None:
    with partner.open(**changes) as server:
        return server.checksum(partner.at(f"/outgoing/{name}"), 30)


@pytest.mark.parametrize("name", NONE)
def test_a_server_that_has_none_says_so_and_the_session_goes_on(started: Any, name: str) -> None:
    partner = on_daemon(name, started(name))
    (partner.folder / "outgoing/a.bin").write_bytes(DATA)
    with partner.open() as server:
        assert server.checksum(partner.at("/outgoing/a.bin"), 30) is None
        assert server.stat(partner.at("/outgoing/a.bin")).size == len(DATA)


def test_an_sftp_server_that_does_not_know_the_question_says_none(sftp: Partner) -> None:
    (sftp.folder / "outgoing" / NAME).write_bytes(DATA)
    assert told(sftp) is None


def test_proftpds_mod_sftp_tells_it(start: Start) -> None:
    partner = start(daemons.proftpd_sftp)
    assert told(partner) == expected("sha256")
    with partner.open() as server:
        # after a transfer, as fetch asks
        assert server.read(partner.at(f"/outgoing/{NAME}"), 0, lambda view: True) == len(DATA)
        assert server.checksum(partner.at(f"/outgoing/{NAME}"), 30) == expected("sha256")
        assert server.checksum(partner.at("/outgoing/gone.bin"), 30) is None
        assert server.stat(partner.at(f"/outgoing/{NAME}")).size == len(DATA)


@pytest.mark.parametrize(
    ("settings", "algorithm"),
    [
        ((), "sha256"),
        (("DigestAlgorithms sha512 sha1 md5",), "sha512"),
        (("DigestAlgorithms sha1 md5 crc32",), "sha1"),
        (("DigestAlgorithms md5 crc32",), "md5"),
        (("DigestAlgorithms crc32",), "crc32"),
    ],
)
@pytest.mark.parametrize("knows_hash", [True, False])
def test_proftpds_mod_digest_tells_the_best_it_has(
    start: Start, settings: tuple[str, ...], algorithm: str, knows_hash: bool
) -> None:
    partner = start(daemons.proftpd, "LoadModule mod_digest.c", *settings)
    hides = (lambda line: line) if knows_hash else (lambda line: line.replace(" HASH ", " NOHASH "))
    with Proxy(partner.spec.port, ftp=True, answer=hides) as proxy:
        assert told(partner, port=proxy.port) == expected(algorithm)
        assert told(partner, "gone.bin", port=proxy.port) is None


def test_under_tls_too(start: Start) -> None:
    assert told(start(daemons.proftpd_tls, "LoadModule mod_digest.c")) == expected("sha256")


@pytest.mark.parametrize(
    ("begins", "ends", "seconds"),
    [
        ("213-", "213 ok", 30),
        ("213-", "213 SHA-1 0-5 aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d a", 30),
        ("213-", "213 SHA-256 0-5 xyz a", 30),
        ("500-", "500 what?", 30),
        ("213-", "500 what?", 1),  # begun with 213-, it never ends
    ],
)
def test_an_answer_that_tells_none_is_none(start: Start, begins: str, ends: str, seconds: float) -> None:
    partner = start(daemons.proftpd, "LoadModule mod_digest.c", "DigestAlgorithms sha256")
    asked = []

    def other(line: str) -> str:
        if line.startswith("213 SHA"):
            asked.append(line)
            return ends
        if line.startswith("213-"):
            return line.replace("213-", begins)
        return line.replace("XSHA", "XNOT")

    with Proxy(partner.spec.port, ftp=True, answer=other) as proxy, partner.open(port=proxy.port) as server:
        assert server.checksum(partner.at(f"/outgoing/{NAME}"), seconds) is None
        assert asked
        assert server.stat(partner.at(f"/outgoing/{NAME}")).size == len(DATA)


@pytest.mark.parametrize("daemon", ["ftp", "sftp"])
def test_a_server_that_computes_for_too_long_is_done_without(start: Start, daemon: str) -> None:
    partner = start(daemons.proftpd, "LoadModule mod_digest.c") if daemon == "ftp" else start(daemons.proftpd_sftp)
    path = partner.at(f"/outgoing/{NAME}")
    with Proxy(partner.spec.port) as proxy, partner.open(port=proxy.port) as server:
        if daemon == "ftp":
            proxy.fault = Fault("stall")
            assert server.checksum(path, 0.5) is None
            assert server.stat(path).size == len(DATA)  # in a new session
        else:
            server.stat(path)
            proxy.fault = Fault("stall")
            assert server.checksum(path, 0.5) is None


@pytest.mark.parametrize("kind", ["cut", "reset"])
@pytest.mark.parametrize("daemon", ["ftp", "sftp"])
def test_a_line_that_breaks_amid_the_question_is_told(start: Start, daemon: str, kind: str) -> None:
    partner = start(daemons.proftpd, "LoadModule mod_digest.c") if daemon == "ftp" else start(daemons.proftpd_sftp)
    path = partner.at(f"/outgoing/{NAME}")
    with Proxy(partner.spec.port) as proxy, partner.open(port=proxy.port) as server:
        server.stat(path)
        proxy.fault = Fault(kind)
        with pytest.raises(TransferInterruptedError, match="checksum"):
            server.checksum(path, 30)


def test_the_algorithms_of_hash_are_read_from_feat() -> None:
    assert hashes_of("211-Features\r\n HASH CRC32;MD5;SHA-1*;SHA-256\r\n MDTM\r\n211 End") == {
        "CRC32", "MD5", "SHA-1", "SHA-256"
    }  # fmt: skip
    assert hashes_of("211-Features\r\n MDTM\r\n HASHES SHA-256\r\n211 End") == frozenset()


@pytest.mark.parametrize("algorithm", HEX_DIGITS)
def test_each_algorithm_can_be_computed(algorithm: str) -> None:
    assert len(expected(algorithm).value) == HEX_DIGITS[algorithm]
