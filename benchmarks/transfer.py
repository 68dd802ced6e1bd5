#!/usr/bin/env python3
"""One file over one connection to a null sink: ours, as Fetch reads it, beside the programs people use.

    PYTHONPATH=functions:. python benchmarks/transfer.py [--size MB] [--rounds N] [--protocols sftp,ftp,ftps]
        [--round-trips 0,30]

SFTP from OpenSSH's server, FTP and FTPS from vsftpd (which demands the control connection's TLS session), on
loopback and with a round trip of some milliseconds. Contenders take turns; each ratio is of two neighbours in time, so
that a busy machine slows both. Every contender first proves its bytes. Exit code 1 where a target was missed.

    SFTP, 0 ms round trip: 1.00 GB, 3 rounds, load 1.7
                                  MB/s  CPU s/GB  peak MB   our rate / its rate   its CPU / ours
      lakeferry                    770      0.97       49
      OpenSSH sftp                 536      1.12       19   1.32 (1.20–1.53)      1.20 (1.08–1.38)   target 1.0: met
      rclone                       396      2.43      109   2.00 (1.70–2.08)      2.50 (2.41–2.60)   target 1.0: met
      rclone, 64 × 255 kB          548      1.64      138   1.38 (1.28–1.50)      1.77 (1.55–1.83)   target 1.0: met
      paramiko getfo               229      4.31       66   3.60 (2.73–3.61)      4.20 (4.17–4.65)

(2026-11-24, 2 shared cores, Python 3.11.)
"""

import argparse
import contextlib
import hashlib
import os
import random
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from benchmarks.measuring import clients, peers
from benchmarks.measuring.clients import Job
from benchmarks.measuring.delay import FAR, round_trip
from benchmarks.measuring.rounds import Contender, contest
from tests.servers import daemons
from tests.servers.certificates import LOOPBACK, Authority
from tests.servers.daemons import Certificates, Daemon

PASSIVE_PORTS = 40
Served = tuple[Daemon, list[int]]
"""A server and all the ports that lead to it."""


@contextlib.contextmanager
def sftp_server() -> Iterator[Served]:
    # functions of 20 feeds log in at once; a refused login the state machine would repeat, and that is not here
    with daemons.openssh("MaxStartups 500") as daemon:
        yield daemon, [daemon.spec.port]


@contextlib.contextmanager
def ftp_server() -> Iterator[Served]:
    settings, ports = passive_ports()
    with daemons.vsftpd(*settings) as daemon:
        yield daemon, [daemon.spec.port, *ports]


@contextlib.contextmanager
def ftps_server() -> Iterator[Served]:
    settings, ports = passive_ports()
    authority = Authority()
    certificates = Certificates(*authority.issue(*LOOPBACK, FAR), authority.bundle)
    with daemons.vsftpd_tls(*settings, certificates=certificates) as daemon:
        yield daemon, [daemon.spec.port, *ports]


SERVERS: dict[str, Callable[[], contextlib.AbstractContextManager[Served]]] = {
    "sftp": sftp_server,
    "ftp": ftp_server,
    "ftps": ftps_server,
}


def passive_ports() -> tuple[list[str], list[int]]:
    """Settings of vsftpd, and the ports that it then uses: below those that the system gives to anybody."""
    first = random.randrange(20_000, 30_000)
    return [f"pasv_min_port={first}", f"pasv_max_port={first + PASSIVE_PORTS - 1}"], list(
        range(first, first + PASSIVE_PORTS)
    )


def deliver(path: Path, size: int) -> str:
    """Random bytes, which nothing can compress; their SHA-256."""
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for start in range(0, size, 1 << 20):
            block = random.randbytes(min(1 << 20, size - start))
            digest.update(block)
            file.write(block)
    path.chmod(0o644)
    return digest.hexdigest()


def contenders(protocol: str, job: Job, folder: Path, milliseconds: int) -> list[Contender]:
    """Ours first."""

    def python(name: str, client: str, target: float | None = None) -> Contender:
        return Contender(
            name,
            lambda: clients.cost(client, job, folder),
            lambda: clients.cost(client, job, folder, digest=True).sha256,
            target,
        )

    ours = python("lakeferry", "lakeferry")
    if protocol == "sftp":
        tuning = ("--sftp-chunk-size", "255k", "--sftp-concurrency", "64")
        return [
            ours,
            *peers.available(
                lambda: peers.openssh(job, folder, 1.8 if milliseconds else 1.0),
                lambda: peers.rclone_sftp(job, folder, target=1.0),
                lambda: peers.rclone_sftp(job, folder, *tuning, name="rclone, 64 × 255 kB", target=1.0),
            ),
            python("paramiko getfo", "paramiko"),
        ]
    if protocol == "ftp":
        return [ours, *peers.available(lambda: peers.curl(job, folder, 1.0), lambda: peers.rclone_ftp(job))]
    return [ours, *peers.available(lambda: peers.curl(job, folder, 1.3))]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=float, default=1000, help="megabytes (10^6) of the file")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--protocols", default=",".join(SERVERS))
    parser.add_argument("--round-trips", default="0,30", help="milliseconds")
    options = parser.parse_args()
    size = int(options.size * 1e6)
    missed: list[str] = []
    os.umask(0o022)
    for protocol in options.protocols.split(","):
        with SERVERS[protocol]() as (daemon, ports), tempfile.TemporaryDirectory() as name:
            expected = deliver(daemon.folder / "file", size)
            for milliseconds in map(int, options.round_trips.split(",")):
                with (
                    round_trip(milliseconds, ports) if milliseconds else contextlib.nullcontext("127.0.0.1") as address
                ):
                    job = Job(replace(daemon.spec, host=address), dict(daemon.secret), f"{daemon.root}/file")
                    title = f"{protocol.upper()}, {milliseconds} ms round trip"
                    entered = contenders(protocol, job, Path(name), milliseconds)
                    missed += contest(title, entered, size, options.rounds, expected).missed
    print("every target met" if not missed else f"missed: {', '.join(missed)}")
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
