"""Each fault of a line or server, end to end: nothing is lost, nothing comes twice, and nothing is left open.

One walk over the list of faults, on every real server; then what only some of them can do.
"""

import os
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from lakeferry.ledger import Ledger
from tests.contract.conftest import WITHOUT, Partner, on_daemon
from tests.faults.runs import Runs
from tests.servers import daemons
from tests.servers.certificates import LOOPBACK, Authority
from tests.servers.daemons import Certificates, Daemon
from tests.servers.hostile import lie_about_size, list_also, serve_long_names
from tests.servers.proxy import Fault, Proxy

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

HEADER = b"order_id,amount\n"
LARGE = HEADER + b"".join(b"%019d,%09d.50\n" % (number, number) for number in range(185_000))
"""More than one part of S3, so that a transfer can go on from the first."""
FILES = {"a.csv": HEADER + b"1,2.50\n", "b.csv": LARGE, "c.csv": HEADER + b"3,3.75\n"}
SFTP = {"handshake": (0, "control"), "key exchange": (1_000, "control"), "listing": (12_000, "control")}
FTP = {"greeting": (0, "control"), "login": (60, "control"), "listing": (10_000, "data")}
IN_FILE = 5_600_000
SERVERS = {"openssh": SFTP, "proftpd sftp": SFTP, "vsftpd": FTP, "proftpd": FTP, "pure-ftpd": FTP}
WALK = [
    pytest.param(name, kind, place, id=f"{name}, {kind} in {place}", marks=pytest.mark.servers)
    for name, places in SERVERS.items()
    for kind in ("cut", "reset", "stall", "drip")
    for place in (*places, "file")
]


def deliver(partner: Partner, files: dict[str, bytes]) -> None:
    for age, (name, data) in enumerate(files.items()):
        path = partner.folder / "outgoing" / name
        path.write_bytes(data)
        os.utime(path, (1_790_000_000 + age, 1_790_000_000 + age))


def fault_at(partner: Partner, kind: str, place: str) -> Fault:
    over_sftp = partner.spec.protocol == "sftp"
    after, channel = (IN_FILE, "control" if over_sftp else "data") if place == "file" else SERVERS[partner.name][place]
    return Fault(kind, after=after, channel=channel)


@pytest.mark.parametrize(("name", "kind", "place"), WALK)
def test_a_fault_costs_another_try_and_nothing_else(
    ledger: Ledger, s3: "S3Client", started: Callable[[str], Daemon], name: str, kind: str, place: str
) -> None:
    partner = on_daemon(name, started(name))
    files = FILES if place == "file" else FILES | {"b.csv": HEADER + b"2,1.00\n"}
    deliver(partner, files)
    for number in range(300):  # so that the listing is long enough to break in
        (partner.folder / f"outgoing/{number}.other").touch()
    fault = fault_at(partner, kind, place)
    with Proxy(partner.spec.port, ftp=partner.spec.protocol != "sftp", fault=fault) as proxy:
        # an answer of FTP has its time as a whole (tests/contract/test_servers_bounded.py): enough for one that drips
        seconds = 4.0 if kind == "drip" and place in ("greeting", "login") else 0.7
        runs = Runs(partner, s3, port=proxy.port, connect_timeout_seconds=seconds, read_timeout_seconds=seconds)
        landed = runs.run()
        assert fault.times == 0, "the fault never came"
        if kind == "drip" and place not in ("handshake", "key exchange"):  # which have to be done in time
            assert runs.errors == []
        elif place == "file":
            assert runs.errors == ["TransferInterruptedError"]
        else:
            assert runs.errors == ["ServerUnavailableError"]
        assert sorted(landed.values()) == sorted(files.values())
        assert runs.statuses() == ["UPLOADED"] * 3
        assert runs.run() == landed
        assert runs.took == []
        runs.assert_nothing_leaks(proxy)


@pytest.mark.servers
@pytest.mark.parametrize("name", ["openssh", "vsftpd"])
def test_a_fault_that_lasts_fails_that_file_alone_and_reprocess_takes_it(
    ledger: Ledger, s3: "S3Client", started: Callable[[str], Daemon], name: str
) -> None:
    partner = on_daemon(name, started(name))
    deliver(partner, FILES)
    fault = Fault("cut", after=800_000, channel="control" if name == "openssh" else "data", times=-1)
    with Proxy(partner.spec.port, ftp=name != "openssh", fault=fault) as proxy:
        runs = Runs(partner, s3, port=proxy.port)
        broken = runs.run()
        assert sorted(broken.values()) == sorted(data for data in FILES.values() if data is not LARGE)
        assert runs.errors == ["TransferInterruptedError"] * 5
        assert runs.statuses() == ["FAILED", "UPLOADED", "UPLOADED"]
        runs.assert_nothing_leaks(proxy)
        fault.after = IN_FILE
        fault.times = 1
        landed = runs.run(given=runs.failed())
        assert runs.errors == ["TransferInterruptedError"]
        assert sorted(landed.values()) == sorted(FILES.values())
        assert runs.statuses() == ["UPLOADED"] * 3
        runs.assert_nothing_leaks(proxy)


@pytest.mark.servers
@pytest.mark.parametrize("name", ["vsftpd", "proftpd", "pure-ftpd"])
def test_a_server_that_is_full_is_waited_for(
    ledger: Ledger, s3: "S3Client", started: Callable[[str], Daemon], name: str
) -> None:
    partner = on_daemon(name, started(name))
    deliver(partner, FILES)
    refused: list[str] = []

    def full(line: str) -> str:
        if line.startswith("331") and "assword" in line and len(refused) < 3:
            refused.append(line)
            return "421 Too many connections, try later."
        return line

    with Proxy(partner.spec.port, ftp=True, answer=full) as proxy:
        runs = Runs(partner, s3, port=proxy.port)
        assert sorted(runs.run().values()) == sorted(FILES.values())
        assert runs.errors == ["ServerUnavailableError"] * 3
        runs.assert_nothing_leaks(proxy)


@pytest.mark.servers
@pytest.mark.parametrize("name", ["vsftpd", "proftpd"])
def test_a_server_with_an_expired_certificate_is_left_alone_until_it_has_another(
    ledger: Ledger, s3: "S3Client", started: Callable[[str], Daemon], name: str
) -> None:
    authority = Authority()
    start = {"vsftpd": daemons.vsftpd_tls, "proftpd": daemons.proftpd_tls}[name]
    certificate, key = authority.issue(*LOOPBACK, days=(-20, -1))
    with start(certificates=Certificates(certificate, key, authority.bundle)) as daemon:
        partner = on_daemon(name, daemon)
        deliver(partner, FILES)
        runs = Runs(partner, s3)
        assert runs.run() == {}
        assert runs.errors == ["CertificateRejectedError"]
        assert runs.statuses() == []
        runs.assert_nothing_leaks()


def test_a_server_whose_host_key_has_changed_is_left_alone(ledger: Ledger, s3: "S3Client", sftp: Partner) -> None:
    deliver(sftp, FILES)
    other = daemons.public_key(daemons.ed25519_key())
    with Proxy(sftp.spec.port) as proxy:
        runs = Runs(sftp, s3, port=proxy.port, host_keys=[other])
        assert runs.run() == {}
        assert runs.errors == ["HostKeyMismatchError"]
        assert runs.statuses() == []
        runs.assert_nothing_leaks(proxy)


# -- what a server tells


ODD = [
    b"caf\xe9.csv",
    b"line\nbreak.csv",
    b"return\r\n.csv",
    b"n" * 250 + b".csv",
    b"-rf.csv",
    b"..csv",
    b" leading.csv",
    b"#1 %20 & 'quoted' \"twice\".csv",
    "Umsätze €.csv".encode(),
    b"a;b=c.csv",
    b"back\\slash.csv",
]


LEFT = {"vsftpd": {b"..csv"}, "pure-ftpd": {b"back\\slash.csv"}}
"""What a server does not list, or refuses to send (553)."""


@pytest.mark.servers
@pytest.mark.parametrize("name", SERVERS)
def test_names_of_any_bytes_land_under_clean_keys(
    ledger: Ledger, s3: "S3Client", started: Callable[[str], Daemon], name: str
) -> None:
    partner = on_daemon(name, started(name))
    over_sftp = partner.spec.protocol == "sftp"
    contents = {odd: HEADER + b"%d,1.00\n" % number for number, odd in enumerate(ODD)}
    for odd, data in contents.items():
        (partner.folder / "outgoing" / os.fsdecode(odd)).write_bytes(data)
    runs = Runs(partner, s3)
    landed = runs.run()
    assert all(re.fullmatch(r"raw/acme_daily_sales/dt=\d{4}-\d\d-\d\d/[A-Za-z0-9._-]+", key) for key in landed)
    # FTP's commands are lines: a name that has two cannot be asked for
    left = {odd for odd in ODD if not over_sftp and set(b"\r\n") & set(odd)} | LEFT.get(name, set())
    expected = [data for odd, data in contents.items() if odd not in left]
    assert sorted(landed.values()) == sorted(expected)
    assert runs.run() == landed
    runs.assert_nothing_leaks()


@pytest.fixture(params=["sftp", *list(WITHOUT)[:2]])
def embedded(request: pytest.FixtureRequest) -> Partner:
    """SFTP; FTP with MLSD; FTP with LIST."""
    found: Partner = (
        request.getfixturevalue("sftp")
        if request.param == "sftp"
        else request.getfixturevalue("start_ftp")(WITHOUT[request.param])
    )
    deliver(found, FILES)
    return found


def test_names_that_are_paths_and_lines_that_are_garbage_stop_no_other_file(
    ledger: Ledger, s3: "S3Client", embedded: Partner, monkeypatch: pytest.MonkeyPatch
) -> None:
    list_also(monkeypatch, [b"../up.csv", b"/etc/passwd.csv"], [b"garbage", b"\xff\x00"])
    runs = Runs(embedded, s3)
    assert sorted(runs.run().values()) == sorted(FILES.values())
    assert (runs.errors, runs.took) == ([], list(FILES))
    assert len(runs.left["unread_lines"]) == (2 if embedded.spec.protocol == "sftp" else 4)
    runs.assert_nothing_leaks()


def test_a_name_of_a_thousand_characters_lands_once(
    ledger: Ledger, s3: "S3Client", embedded: Partner, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "ü" * 996 + ".csv"
    elsewhere = embedded.folder / "file"
    elsewhere.write_bytes(HEADER + b"9,9.00\n")
    os.utime(elsewhere, (1_700_000_000, 1_700_000_000))
    list_also(monkeypatch, [name.encode()])
    serve_long_names(monkeypatch, elsewhere)
    size = elsewhere.stat().st_size
    monkeypatch.setattr("tests.servers.hostile.SIZE", size)
    runs = Runs(embedded, s3)
    landed = runs.run()
    assert sorted(landed.values()) == sorted([*FILES.values(), elsewhere.read_bytes()])
    assert runs.run() == landed
    assert runs.took == []
    runs.assert_nothing_leaks()


@pytest.mark.parametrize("embedded", ["sftp", "ftp"], indirect=True)
@pytest.mark.parametrize("wrong", [7, -3])
def test_a_file_whose_size_its_server_tells_wrongly_never_lands_until_it_tells_the_truth(
    ledger: Ledger, s3: "S3Client", embedded: Partner, wrong: int
) -> None:
    runs = Runs(embedded, s3)
    with pytest.MonkeyPatch.context() as lying:
        lie_about_size(lying, wrong)
        assert runs.run() == {}
        assert set(runs.errors) == {"TransferInterruptedError" if wrong > 0 else "FileChangedError"}
    assert sorted(runs.run().values()) == sorted(FILES.values())
    runs.assert_nothing_leaks()
