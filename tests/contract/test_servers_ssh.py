"""SSH against OpenSSH itself: every kind of key, old algorithms, new keys in the middle of a transfer, lost lines."""

import base64
import random
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import paramiko
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import SSHCertificateBuilder, SSHCertificateType
from paramiko.packet import Packetizer

from lakeferry.errors import (
    FeedInvalidError,
    FileChangedError,
    HostKeyMismatchError,
    LoginRejectedError,
    RemoteAccessError,
    ServerUnavailableError,
    TransferInterruptedError,
)
from lakeferry.feeds import AlgorithmsSpec
from lakeferry.models import RemoteFile
from lakeferry.servers import open_server
from lakeferry.servers.ssh_certificates import why_not
from lakeferry.servers.ssh_groups import GroupExchange
from local.partners import SftpPartner
from tests.servers.daemons import ecdsa_key, ed25519_key, openssh, public_key, rsa_key
from tests.servers.processes import open_folder
from tests.servers.proxy import Fault, Proxy

from .conftest import PASSWORD, USERNAME, Partner, has_ipv6, on_daemon, start_or_skip

pytestmark = pytest.mark.servers
DATA = random.Random(4).randbytes(9_000_001)
StartOpenssh = Callable[..., Partner]


@pytest.fixture
def start() -> Iterator[StartOpenssh]:
    """An sshd with settings of the test's own, and a file of `DATA`."""
    with ExitStack() as running:

        def begin(*settings: str, **keys: Any) -> Partner:
            partner = on_daemon("openssh", start_or_skip(running, lambda: openssh(*settings, **keys)))
            (partner.folder / "outgoing/a.bin").write_bytes(DATA)
            return partner

        yield begin


def read_all(partner: Partner, offset: int = 0, **changes: Any) -> bytes:
    arrived = bytearray()

    def sink(view: memoryview) -> bool:
        arrived.extend(view)
        return True

    with partner.open(**changes) as server:
        server.read(partner.at("/outgoing/a.bin"), offset, sink)
    return bytes(arrived)


@pytest.mark.parametrize("make", [ed25519_key, ecdsa_key, rsa_key])
def test_every_kind_of_host_key_and_user_key_works(start: StartOpenssh, make: Callable[[], str]) -> None:
    assert read_all(start(host_keys=(make(),), user_key=make())) == DATA


def test_a_server_over_ipv6_is_read(start: StartOpenssh) -> None:
    if not has_ipv6():
        pytest.skip("this machine has no IPv6 on loopback")
    assert read_all(start("ListenAddress ::1"), host="::1") == DATA


def test_a_host_with_several_addresses_is_read_at_the_one_that_answers(
    start: StartOpenssh, monkeypatch: pytest.MonkeyPatch
) -> None:
    partner, real = start(), socket.getaddrinfo

    def both(host: str, *more: Any, **named: Any) -> Any:
        if host != "dual.example":
            return real(host, *more, **named)
        return [entry for address in ("::1", "127.0.0.1") for entry in real(address, *more, **named)]

    monkeypatch.setattr(socket, "getaddrinfo", both)
    assert read_all(partner, host="dual.example") == DATA


def test_a_server_with_a_single_session_goes_on_after_a_stopped_read(start: StartOpenssh) -> None:
    partner = start("MaxSessions 1")
    with partner.open() as server:
        for _ in range(3):
            assert server.read(partner.at("/outgoing/a.bin"), 0, lambda view: False) > 0
            listing = server.list_files(partner.at("/outgoing"))
            next(listing)
            del listing
            assert server.stat(partner.at("/outgoing/a.bin")).size == len(DATA)
            arrived = bytearray()

            def sink(view: memoryview, into: bytearray = arrived) -> bool:
                into.extend(view)
                return True

            server.read(partner.at("/outgoing/a.bin"), 0, sink, len(DATA))
            assert arrived == DATA


def certified(
    start: StartOpenssh,
    base: Path,
    authority: str,
    *,
    host_key: str,
    names: tuple[bytes, ...] = (b"127.0.0.1",),
    days: tuple[int, int] = (-1, 1),
    kind: SSHCertificateType = SSHCertificateType.HOST,
) -> Partner:
    """An sshd whose host key that authority has signed."""
    now, key = int(time.time()), serialization.load_ssh_private_key(host_key.encode(), None)
    builder = SSHCertificateBuilder().public_key(cast("Any", key.public_key())).serial(1).type(kind).key_id(b"sshd")
    builder = builder.valid_after(now + days[0] * 86400).valid_before(now + days[1] * 86400)
    builder = builder.valid_principals(list(names)) if names else cast("Any", builder).valid_for_all_principals()
    signed = builder.sign(cast("Any", serialization.load_ssh_private_key(authority.encode(), None)))
    path = base / "host-cert.pub"
    path.write_bytes(signed.public_bytes())
    return start(f"HostCertificate {path}", host_keys=(host_key,))


AUTHORITY_KEY = ed25519_key()
PINNED = (f"@cert-authority {public_key(AUTHORITY_KEY)} of ACME",)


@pytest.fixture
def base() -> Iterator[Path]:
    with open_folder() as folder:
        yield folder


@pytest.mark.parametrize("make", [ed25519_key, ecdsa_key, rsa_key])
def test_a_host_key_that_a_pinned_authority_has_signed_is_taken(
    start: StartOpenssh, base: Path, make: Callable[[], str]
) -> None:
    partner = certified(start, base, AUTHORITY_KEY, host_key=make())
    assert read_all(partner, host_keys=PINNED) == DATA
    assert read_all(partner, host_keys=(*partner.spec.host_keys, *PINNED)) == DATA
    assert read_all(partner) == DATA, "the plain key alone is as good"


def test_an_authority_of_rsa_signs_with_sha2(start: StartOpenssh, base: Path) -> None:
    authority = rsa_key()
    partner = certified(start, base, authority, host_key=ed25519_key(), names=(b"127.0.0.*",))
    assert read_all(partner, host_keys=(f"@cert-authority {public_key(authority)}",)) == DATA


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"names": (b"files.acme.example",)}, "is for files.acme.example"),
        ({"names": ()}, "is for no host"),
        ({"days": (-2, -1)}, "not valid now"),
        ({"days": (1, 2)}, "not valid now"),
        ({"authority": ed25519_key()}, "of another authority"),
    ],
)
def test_a_certificate_that_does_not_vouch_for_the_host_is_named(
    start: StartOpenssh, base: Path, wrong: dict[str, Any], why: str
) -> None:
    partner = certified(start, base, wrong.pop("authority", AUTHORITY_KEY), host_key=ed25519_key(), **wrong)
    with pytest.raises(HostKeyMismatchError, match=f"its certificate (is )?{why}"):
        partner.open(host_keys=PINNED)


def test_a_server_without_a_certificate_is_not_vouched_for(start: StartOpenssh) -> None:
    with pytest.raises(HostKeyMismatchError, match="without a certificate"):
        start().open(host_keys=PINNED)


def test_a_certificate_of_sha1_or_a_forged_one_is_not_taken() -> None:
    """OpenSSH makes neither."""
    authority = rsa.generate_private_key(65537, 2048)
    key = Ed25519PrivateKey.generate()
    builder = SSHCertificateBuilder().public_key(key.public_key()).serial(1).type(SSHCertificateType.HOST)
    builder = builder.key_id(b"sshd").valid_after(0).valid_before(2**40).valid_principals([b"files.acme.example"])
    signed = builder.sign(authority).public_bytes().split(b" ")[1]
    pinned = {
        authority.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()
    }
    blob = base64.b64decode(signed)

    def shown(data: bytes) -> paramiko.PKey:
        return paramiko.Ed25519Key(msg=paramiko.Message(data))

    assert why_not(shown(blob), "files.acme.example", pinned) is None
    assert "forged" in str(why_not(shown(blob[:-1] + bytes([blob[-1] ^ 1])), "files.acme.example", pinned))
    name, at = b"\x00\x00\x00\x0crsa-sha2-512", blob.rfind(b"\x00\x00\x00\x0crsa-sha2-512")
    sha1 = blob[: at - 4] + struct.pack(">I", 11 + 4 + 256) + b"\x00\x00\x00\x07ssh-rsa" + blob[at + len(name) :]
    assert "SHA-1" in str(why_not(shown(sha1), "files.acme.example", pinned))


def test_of_several_host_keys_the_pinned_one_is_asked_for(start: StartOpenssh) -> None:
    partner = start(host_keys=(rsa_key(), ed25519_key(), ecdsa_key()))
    for key in partner.spec.host_keys:
        assert read_all(partner, host_keys=(key,)) == DATA


OLD = {
    "diffie-hellman-group14-sha1": ("KexAlgorithms", AlgorithmsSpec(key_exchange=("diffie-hellman-group14-sha1",))),
    "diffie-hellman-group1-sha1": ("KexAlgorithms", AlgorithmsSpec(key_exchange=("diffie-hellman-group1-sha1",))),
    "diffie-hellman-group-exchange-sha1": (
        "KexAlgorithms",
        AlgorithmsSpec(key_exchange=("diffie-hellman-group-exchange-sha1",)),
    ),
    "ssh-rsa": ("HostKeyAlgorithms", AlgorithmsSpec(host_keys=("ssh-rsa",))),
    "aes256-cbc": ("Ciphers", AlgorithmsSpec(ciphers=("aes256-cbc",))),
    "hmac-sha1": ("MACs", AlgorithmsSpec(macs=("hmac-sha1",), ciphers=("aes128-ctr",))),
}
ALL_OLD = AlgorithmsSpec(("diffie-hellman-group14-sha1",), ("aes128-cbc",), ("hmac-sha1",), ("ssh-rsa",), ("ssh-rsa",))


@pytest.mark.parametrize("name", OLD)
def test_an_old_algorithm_is_spoken_where_the_feed_names_it(start: StartOpenssh, name: str) -> None:
    setting, algorithms = OLD[name]
    partner = start(f"{setting} {name}", host_keys=(rsa_key(),))
    assert read_all(partner, algorithms=algorithms) == DATA


@pytest.mark.parametrize("name", [name for name in OLD if "sha1" in name and "hmac" not in name] + ["ssh-rsa"])
def test_sha1_is_not_spoken_where_the_feed_does_not_name_it(start: StartOpenssh, name: str) -> None:
    with pytest.raises(RemoteAccessError, match=r"server\.algorithms"):
        start(f"{OLD[name][0]} {name}", host_keys=(rsa_key(),)).open()


def test_a_server_that_knows_old_algorithms_only_is_read(start: StartOpenssh) -> None:
    partner = start(
        "KexAlgorithms diffie-hellman-group14-sha1",
        "Ciphers aes128-cbc",
        "MACs hmac-sha1",
        "HostKeyAlgorithms ssh-rsa",
        "PubkeyAcceptedAlgorithms ssh-rsa",
        host_keys=(rsa_key(),),
        user_key=rsa_key(),
    )
    assert read_all(partner, algorithms=ALL_OLD) == DATA


@pytest.mark.parametrize("hash_", ["sha256", "sha1"])
def test_in_a_large_group_of_the_servers_the_exponent_stays_short(
    start: StartOpenssh, monkeypatch: pytest.MonkeyPatch, hash_: str
) -> None:
    name, drawn = f"diffie-hellman-group-exchange-{hash_}", list[tuple[int, int]]()
    draw = GroupExchange._generate_x

    def noted(exchange: GroupExchange) -> None:
        draw(exchange)
        drawn.append((exchange.p.bit_length(), exchange.x.bit_length()))

    monkeypatch.setattr(GroupExchange, "_generate_x", noted)
    # sshd without a list of primes takes the largest that it is let
    partner = start(f"KexAlgorithms {name}", "ModuliFile /nowhere", host_keys=(rsa_key(),))
    assert read_all(partner, algorithms=AlgorithmsSpec(key_exchange=(name,))) == DATA
    assert drawn
    assert all(prime == 8192 and 900 < exponent <= 1024 for prime, exponent in drawn)


def test_an_algorithm_that_is_none_is_the_feeds_fault(sftp: Partner) -> None:
    with pytest.raises(FeedInvalidError, match=r"server\.algorithms.*rot13.*aes128-ctr"):
        sftp.open(algorithms=AlgorithmsSpec(ciphers=("rot13",)))


def test_keyboard_interactive_gets_the_name_and_the_password(sftp: Partner) -> None:
    with SftpPartner(sftp.folder, username=USERNAME, password=PASSWORD, methods="keyboard-interactive") as asking:
        spec = replace(sftp.spec, port=asking.port, host_keys=(asking.host_key,))
        with open_server(spec, {"password": PASSWORD}) as server:
            assert list(server.list_files("/outgoing")) == []
        with pytest.raises(LoginRejectedError, match=USERNAME):
            open_server(spec, {"password": "wrong horse"})


def test_what_else_a_server_wants_is_named(start: StartOpenssh) -> None:
    partner = start("KbdInteractiveAuthentication yes", "AuthenticationMethods publickey,keyboard-interactive")
    with pytest.raises(LoginRejectedError, match=r"wants keyboard-interactive"):
        partner.open()


def test_a_refused_key_is_not_followed_by_the_password(sftp: Partner, sftp_server: SftpPartner) -> None:
    with pytest.raises(LoginRejectedError):
        sftp.open({"private_key": ed25519_key(), "password": PASSWORD})
    assert sftp_server.logins == 1


def test_new_keys_that_the_server_wants_change_no_byte(start: StartOpenssh) -> None:
    partner = start("RekeyLimit 1M")
    exchanges = count_key_exchanges(partner, read_all)
    assert exchanges >= 8


def test_new_keys_that_this_side_wants_change_no_byte(start: StartOpenssh, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Packetizer, "REKEY_BYTES", 1_000_000)
    exchanges = count_key_exchanges(start(), read_all)
    assert exchanges >= 3  # the first and two more; what is on its way comes before the answer


def count_key_exchanges(partner: Partner, read: Callable[[Partner], bytes]) -> int:
    exchanges = 0
    activate = paramiko.Transport._activate_inbound  # type: ignore[attr-defined]

    def counted(transport: paramiko.Transport) -> None:
        nonlocal exchanges
        exchanges += 1
        activate(transport)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paramiko.Transport, "_activate_inbound", counted)
        assert read(partner) == DATA
    return exchanges


@pytest.mark.parametrize("kind", ["cut", "reset", "stall"])
def test_a_line_that_breaks_while_bytes_move_interrupts_the_transfer_and_what_came_is_right(
    start: StartOpenssh, kind: str
) -> None:
    partner, arrived = start(), bytearray()

    def sink(view: memoryview) -> bool:
        arrived.extend(view)
        return True

    with Proxy(partner.spec.port, fault=Fault(kind, after=4_000_000)) as proxy:
        with (
            partner.open(port=proxy.port, read_timeout_seconds=0.5) as server,
            pytest.raises(TransferInterruptedError, match=r"a\.bin"),
        ):
            server.read(partner.at("/outgoing/a.bin"), 0, sink)
        # a reset throws away what this side has not read yet
        assert (0 if kind == "reset" else 2_000_000) < len(arrived) < 4_000_000
        assert DATA.startswith(arrived)
        arrived += read_all(partner, len(arrived), port=proxy.port)
    assert arrived == DATA


@pytest.mark.parametrize("kind", ["cut", "reset", "stall"])
def test_a_line_that_breaks_in_a_listing_makes_the_server_unavailable(start: StartOpenssh, kind: str) -> None:
    partner = start()
    for number in range(2_000):
        (partner.folder / f"outgoing/{number}").touch()
    with Proxy(partner.spec.port, fault=Fault(kind, after=40_000)) as proxy:
        found: list[RemoteFile] = []
        with (
            partner.open(port=proxy.port, read_timeout_seconds=0.5) as server,
            pytest.raises(ServerUnavailableError, match="/outgoing"),
        ):
            found.extend(server.list_files(partner.at("/outgoing")))
        assert 0 < len(found) < 2_000


@pytest.mark.parametrize("after", [0, 2, 10, 1_000, 1_500])
@pytest.mark.parametrize("kind", ["cut", "reset", "stall"])
def test_a_line_that_breaks_in_the_handshake_makes_the_server_unavailable(
    start: StartOpenssh, kind: str, after: int
) -> None:
    partner = start()
    with Proxy(partner.spec.port, fault=Fault(kind, after=after)) as proxy:
        with pytest.raises(ServerUnavailableError, match=str(proxy.port)):
            partner.open(port=proxy.port, connect_timeout_seconds=0.5)
        assert read_all(partner, port=proxy.port) == DATA


def test_a_sink_that_takes_longer_than_the_read_time_out_stops_nothing(start: StartOpenssh) -> None:
    partner, arrived = start(), bytearray()

    def slow(view: memoryview) -> bool:
        if not arrived:
            time.sleep(0.5)
        arrived.extend(view)
        return True

    with partner.open(read_timeout_seconds=0.2) as server:
        assert server.read(partner.at("/outgoing/a.bin"), 0, slow) == len(DATA)
    assert arrived == DATA


def test_a_listing_that_is_open_may_be_mixed_with_other_questions(start: StartOpenssh) -> None:
    partner = start()
    for number in range(500):
        (partner.folder / f"outgoing/{number}").touch()
    with partner.open() as server:
        paths = [server.stat(file.path).path for file in server.list_files(partner.at("/outgoing"))]
    assert len(paths) == len(set(paths)) == 501


def test_names_that_are_not_of_the_encoding_are_listed_and_read(start: StartOpenssh) -> None:
    partner = start()
    names = [b"caf\xe9.csv", b"\xff\xfe", b"line\nbreak", b"n" * 255, "\uef80 private".encode()]
    for name in names:
        (partner.folder / "outgoing").joinpath(name.decode("utf-8", "surrogateescape")).write_bytes(name)
    with partner.open() as server:
        found = {file.path: file.size for file in server.list_files(partner.at("/outgoing"))}
        assert len(found) == len(names) + 1
        for path in found:
            path.encode("utf-8")  # fit for JSON, DynamoDB and S3
            assert server.stat(path).size == found[path]
            server.move(path, path + ".x" if len(path.encode()) < 250 else path)


def test_a_legacy_encoding_is_read_as_what_it_means(start: StartOpenssh) -> None:
    partner = start()
    (partner.folder / "outgoing").joinpath(b"caf\xe9.csv".decode("utf-8", "surrogateescape")).touch()
    with partner.open(encoding="iso-8859-1") as server:
        assert partner.at("/outgoing/café.csv") in {file.path for file in server.list_files(partner.at("/outgoing"))}
        with pytest.raises(RemoteAccessError, match=r"iso-8859-1"):
            server.stat("/outgoing/€.csv")


def test_a_server_without_sftp_is_named(start: StartOpenssh) -> None:
    with pytest.raises(RemoteAccessError, match="no SFTP"):
        start("ForceCommand /bin/false").open()


def test_a_file_that_may_not_be_read_is_refused_access(start: StartOpenssh) -> None:
    partner = start()
    (partner.folder / "outgoing/a.bin").chmod(0)
    with partner.open() as server, pytest.raises(RemoteAccessError, match=r"a\.bin.*permission"):
        server.read(partner.at("/outgoing/a.bin"), 0, lambda view: True)


def test_a_server_that_takes_no_more_connections_is_unavailable(start: StartOpenssh) -> None:
    partner = start("MaxStartups 1:100:1", "LoginGraceTime 30")
    with greeted(partner.spec.port), pytest.raises(ServerUnavailableError, match="busy"):
        partner.open()


def greeted(port: int) -> socket.socket:
    """A connection the server has taken: what looked whether it listens may still have the one place there is."""
    while True:
        connection = socket.create_connection(("127.0.0.1", port), timeout=30)
        if connection.recv(4) == b"SSH-":
            return connection
        connection.close()
        time.sleep(0.05)


def test_proftpd_gives_less_for_a_request_and_every_byte_all_the_same(started: Any) -> None:
    partner = on_daemon("proftpd sftp", started("proftpd sftp"))
    (partner.folder / "outgoing/a.bin").write_bytes(DATA)
    assert read_all(partner) == DATA


def test_a_missing_file_in_a_session_that_goes_on(start: StartOpenssh) -> None:
    partner = start()
    with partner.open() as server:
        for _ in range(3):
            with pytest.raises(FileChangedError):
                server.read(partner.at("/outgoing/gone"), 0, lambda view: True)
        assert server.stat(partner.at("/outgoing/a.bin")).size == len(DATA)
