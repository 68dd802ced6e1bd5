"""What only SFTP has: host keys, private keys, and how its errors are mapped."""

import io
import random
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import paramiko
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from paramiko.sftp import SFTP_FAILURE

from lakeferry.errors import (
    HostKeyMismatchError,
    LoginRejectedError,
    RemoteAccessError,
    SecretMissingError,
    ServerUnavailableError,
    TransferInterruptedError,
)
from lakeferry.servers import ServerSpec, open_server, sftp_client
from lakeferry.servers.sftp_transfer import ahead_over
from lakeferry.servers.ssh_credentials import read_credentials
from local import partners
from local.partners import SftpPartner

from .conftest import PASSWORD, USERNAME, Partner

SPEC = ServerSpec("sftp", "files.acme.example", 22, "lake", secret="s")
OTHER_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB0jzL2cHqD1L3oHT2P6xNc8iK0x5f0mSg2j8uVvJ3aR"


def new_private_key(passphrase: str | None = None) -> str:
    """An Ed25519 key in OpenSSH form, encrypted where there is a passphrase."""
    encryption = (
        serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else serialization.NoEncryption()
    )
    return (
        Ed25519PrivateKey.generate()
        .private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, encryption)
        .decode()
    )


def test_another_host_key_is_refused_before_anything_secret_is_sent(sftp: Partner, sftp_server: SftpPartner) -> None:
    with pytest.raises(HostKeyMismatchError) as caught:
        sftp.open(host_keys=(OTHER_KEY,))
    assert sftp_server.host_key in str(caught.value)
    assert sftp_server.logins == 0


def test_no_pinned_key_matches_no_server(sftp: Partner, sftp_server: SftpPartner) -> None:
    with pytest.raises(HostKeyMismatchError):
        sftp.open(host_keys=())
    assert sftp_server.logins == 0


@pytest.mark.parametrize("cut", [1, 10])
def test_a_shortened_host_key_does_not_match(sftp: Partner, sftp_server: SftpPartner, cut: int) -> None:
    with pytest.raises(HostKeyMismatchError):
        sftp.open(host_keys=(sftp_server.host_key[:-cut],))


def test_one_of_several_pinned_keys_is_enough(sftp: Partner, sftp_server: SftpPartner) -> None:
    with sftp.open(host_keys=(OTHER_KEY, f"{sftp_server.host_key} root@partner")) as server:
        assert list(server.list_files("/outgoing")) == []


@pytest.mark.parametrize("passphrase", [None, "open sesame"])
def test_a_private_key_logs_in(sftp: Partner, passphrase: str | None) -> None:
    text = new_private_key(passphrase)
    known = paramiko.Ed25519Key.from_private_key(io.StringIO(text), passphrase)
    secret = {"private_key": text} | ({"passphrase": passphrase} if passphrase else {})
    with SftpPartner(sftp.folder, username=USERNAME, password=PASSWORD, client_keys=[known]) as partner:
        spec = replace(sftp.spec, port=partner.port, host_keys=(partner.host_key,))
        with open_server(spec, secret) as server:
            assert list(server.list_files("/outgoing")) == []


def test_a_private_key_the_server_does_not_know_is_rejected(sftp: Partner) -> None:
    with pytest.raises(LoginRejectedError):
        sftp.open({"private_key": new_private_key()})


def test_a_missing_passphrase_is_named(sftp: Partner) -> None:
    with pytest.raises(SecretMissingError, match="passphrase"):
        sftp.open({"private_key": new_private_key("open sesame")})


@pytest.mark.parametrize("text", ["", "not a key", "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n"])
def test_a_private_key_that_is_none_is_rejected_without_being_told(sftp: Partner, text: str) -> None:
    with pytest.raises(LoginRejectedError, match="private_key") as caught:
        sftp.open({"private_key": text})
    assert not text or text not in str(caught.value)


def test_a_wrong_passphrase_is_rejected(sftp: Partner) -> None:
    with pytest.raises(LoginRejectedError, match="private_key"):
        sftp.open({"private_key": new_private_key("open sesame"), "passphrase": "open barley"})


def test_a_connection_lost_while_bytes_move_is_an_interrupted_transfer(sftp: Partner, sftp_server: SftpPartner) -> None:
    data = random.Random(2).randbytes(40_000_000)  # more than can be under way at once
    (sftp.folder / "outgoing/large.bin").write_bytes(data)
    arrived = bytearray()

    def sink(view: memoryview) -> bool:
        if not arrived:
            sftp_server.disconnect()
        arrived.extend(view)
        return True

    with sftp.open() as server, pytest.raises(TransferInterruptedError, match=r"large\.bin"):
        server.read("/outgoing/large.bin", 0, sink)
    assert arrived
    assert arrived == data[: len(arrived)]


def test_a_file_cut_short_while_it_is_read_is_an_interrupted_transfer(sftp: Partner) -> None:
    path: Path = sftp.folder / "outgoing/large.bin"
    path.write_bytes(bytes(40_000_000))

    def sink(view: memoryview) -> bool:
        with path.open("r+b") as file:
            file.truncate(1_000_000)
        return True

    with sftp.open() as server, pytest.raises(TransferInterruptedError, match="of 40000000 bytes"):
        server.read("/outgoing/large.bin", 0, sink)


def test_bytes_written_after_the_reading_began_are_handed_on_too(sftp: Partner) -> None:
    path: Path = sftp.folder / "outgoing/growing.bin"
    path.write_bytes(bytes(1_000_000))
    grown = False

    def sink(view: memoryview) -> bool:
        nonlocal grown
        if not grown:
            with path.open("ab") as file:
                file.write(b"more")
            grown = True
        return True

    with sftp.open() as server:
        assert server.read("/outgoing/growing.bin", 0, sink) == 1_000_004


def test_a_directory_cannot_be_deleted_as_a_file(sftp: Partner) -> None:
    with sftp.open() as server, pytest.raises(RemoteAccessError, match="/outgoing"):
        server.delete("/outgoing")


@pytest.mark.parametrize("most", [1_000, 32 * 1024, 40_000])
def test_a_server_that_answers_less_than_asked_still_gives_every_byte(
    sftp: Partner, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    read = paramiko.SFTPHandle.read
    monkeypatch.setattr(
        paramiko.SFTPHandle, "read", lambda handle, offset, length: read(handle, offset, min(length, most))
    )
    data = random.Random(3).randbytes(700_001)
    (sftp.folder / "outgoing/a.bin").write_bytes(data)
    arrived = bytearray()

    def sink(view: memoryview) -> bool:
        arrived.extend(view)
        return True

    with sftp.open() as server:
        assert server.read("/outgoing/a.bin", 0, sink) == len(data)
    assert arrived == data


def test_how_much_is_asked_for_ahead_follows_how_long_an_answer_takes(
    sftp: Partner, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[float] = []
    answer = sftp_client.SftpClient._answer

    def late(client: sftp_client.SftpClient, number: int) -> tuple[int, bytes]:
        time.sleep(0.02)
        return answer(client, number)

    def ahead(seconds: float) -> int:
        heard.append(seconds)
        return ahead_over(seconds)

    monkeypatch.setattr(sftp_client.SftpClient, "_answer", late)
    monkeypatch.setattr(sftp_client, "ahead_over", ahead)
    data = random.Random(4).randbytes(6_000_000)
    (sftp.folder / "outgoing/a.bin").write_bytes(data)
    arrived = bytearray()
    with sftp.open() as server:
        server.read("/outgoing/a.bin", 0, lambda view: not arrived.extend(view))  # type: ignore[func-returns-value]
    assert arrived == data
    (seconds,) = heard
    assert 0.02 <= seconds < 20


def test_a_server_that_only_keeps_the_line_alive_is_not_waited_for_for_ever(
    sftp: Partner, sftp_server: SftpPartner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sftp_client, "PATIENCE", 3)
    ended = threading.Event()
    sent: list[str] = []

    def lstat(folder: object, path: str) -> int:
        while not ended.wait(0.05):
            sftp_server._transports[-1].send_ignore(8)
            sent.append(path)
        return SFTP_FAILURE

    monkeypatch.setattr(partners._Folder, "lstat", lstat)
    with sftp.open(read_timeout_seconds=0.3) as server:
        started = time.monotonic()
        with pytest.raises(ServerUnavailableError, match="look at /outgoing"):
            server.stat("/outgoing/a.csv")
        # longer than one time-out, since bytes came
        assert time.monotonic() - started > 2 * 0.3
        assert sent
        ended.set()


SPOILT: dict[str, Callable[[str], str]] = {
    "as it is": lambda text: text,
    "byte order mark": lambda text: "\ufeff" + text,
    "breaks written out": lambda text: text.replace("\n", "\\n"),
    "breaks of Windows written out": lambda text: text.replace("\n", "\\r\\n"),
    "breaks of Windows": lambda text: text.replace("\n", "\r\n"),
    "blanks for breaks": lambda text: text.replace("\n", " "),
    "no breaks at all": lambda text: text.replace("\n", ""),
    "indented": lambda text: "\n" + text.replace("\n", "\n    "),
}


@pytest.mark.parametrize("spoilt", SPOILT.values(), ids=SPOILT)
@pytest.mark.parametrize("make", [paramiko.ECDSAKey.generate, lambda: paramiko.RSAKey.generate(1024)])
def test_a_key_as_paramiko_writes_it_or_spoilt_by_a_console_is_read(
    make: Callable[[], paramiko.PKey], spoilt: Callable[[str], str]
) -> None:
    key, text = make(), io.StringIO()
    key.write_private_key(text)
    found = read_credentials(SPEC, {"private_key": spoilt(text.getvalue())}).key
    assert found == key


@pytest.mark.parametrize("passphrase", [None, "horse"])
@pytest.mark.parametrize("spoilt", SPOILT.values(), ids=SPOILT)
def test_a_key_as_pkcs8_or_spoilt_by_an_editor_is_read(spoilt: Callable[[str], str], passphrase: str | None) -> None:
    encryption = (
        serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else serialization.NoEncryption()
    )
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption).decode()
    secret = {"private_key": spoilt(pem)} | ({"passphrase": passphrase} if passphrase else {})
    found = read_credentials(SPEC, secret).key
    assert found is not None
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    assert public.decode() == f"{found.get_name()} {found.get_base64()}"
    if passphrase:
        with pytest.raises(SecretMissingError, match="passphrase"):
            read_credentials(SPEC, {"private_key": spoilt(pem)})
        with pytest.raises(LoginRejectedError):
            read_credentials(SPEC, {"private_key": spoilt(pem), "passphrase": "cow"})


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\n", "puttygen key.ppk -O private-openssh"),
        ("PuTTY-User-Key-File-2: ssh-rsa\r\nEncryption: aes256-cbc\r\n", "puttygen key.ppk -O private-openssh"),
        ("\ufeffPuTTY-User-Key-File-3: ssh-rsa\\nEncryption: none\\n", "puttygen key.ppk -O private-openssh"),
        ("---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\nP2/56\n", "ssh.com.*ssh-keygen -i -f key > id_key"),
        (OTHER_KEY, "is a public key"),
        ("---- BEGIN SSH2 PUBLIC KEY ----\nAAAA\n", "is a public key"),
        ("-----BEGIN PUBLIC KEY-----\nMCow\n-----END PUBLIC KEY-----\n", "is a public key"),
        ("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n", "is a certificate.*openssl pkcs12"),
        ("-----BEGIN DSA PRIVATE KEY-----\nMIIB\n-----END DSA PRIVATE KEY-----\n", "DSA.*ssh-keygen -t ed25519"),
        ("-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nlQ\n", "OpenPGP"),
        ("LS0tLS1CRUdJTiBPUEVOU1NIIFBSSVZBVEUgS0VZLS0tLS0K", "base64 of a key.*base64 -d"),
        ("~/.ssh/id_ed25519", "path of a file"),
    ],
)
def test_a_key_in_another_form_is_named_with_what_to_do(text: str, named: str) -> None:
    with pytest.raises(LoginRejectedError, match=named):
        read_credentials(SPEC, {"private_key": text})
