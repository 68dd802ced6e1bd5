#!/usr/bin/env python3
"""What `make run` takes on this machine: the real state machine, functions and job on the local AWS, real servers.

    PYTHONPATH=functions:glue:. python benchmarks/laptop.py [--small] [--shapes nothing,zip,big,many,thousands]

Shapes: five feeds with nothing new; one ZIP of 336,776 rows over FTP; five files of 50 MB over SFTP; 1,000 files of
100 kB over 20 feeds; and, only where it is named since it takes a quarter of an hour, `thousands`: 10,000 of 10 kB over
20 feeds. Each is a run of its own in a new process, a first run's start and Spark's included. Printed: seconds from
call to end, and without those in which the state machine was in one of the job's states; processor seconds of all
processes, and their memory at its most (PSS, so that what forked workers share counts once; proc(5)): of the local AWS
and the functions, and beside it the job's, which is its own process with Arrow or Spark's JVM in it; then seconds in
which some function was at work, and CPU seconds of the engine (state machine, moto, start), functions and job.
Targets are for all seconds, or for those without the job's. Exit code 1 where one is missed.
"""

import argparse
import contextlib
import os
import sys
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from benchmarks.measuring import told_run
from benchmarks.measuring.processes import run as run_program
from benchmarks.measuring.usage import Usage
from tests.servers import daemons

ROOT = Path(__file__).resolve().parents[1]
COLUMNS = [
    {"name": "order_id", "type": "int64"},
    {"name": "store", "type": "string"},
    {"name": "amount", "type": "decimal(12,2)"},
    {"name": "sold_at", "type": "timestamp", "format": "%Y-%m-%d %H:%M:%S"},
]
GIGABYTE = 1e9
JOB_STATES = {"Run Glue job", "Curate small"}


@dataclass(frozen=True)
class Target:
    """None where none is set.

    Attributes:
        seconds: In all.
        without_job: Seconds without those of the job's states.
        bytes: PSS of all processes but the job's.
    """

    seconds: float | None = None
    without_job: float | None = None
    bytes: float | None = None

    def is_met(self, seconds: float, without_job: float, bytes_: int) -> bool:
        """Whether a run kept to it."""
        pairs = ((seconds, self.seconds), (without_job, self.without_job), (bytes_, self.bytes))
        return all(limit is None or found <= limit for found, limit in pairs)

    def __str__(self) -> str:
        told = [f"{self.seconds:g} s"] if self.seconds is not None else []
        told += [f"{self.without_job:g} s without the job"] if self.without_job is not None else []
        told += [f"{self.bytes / GIGABYTE:g} GB"] if self.bytes is not None else []
        return " and ".join(told) or "none"


@dataclass(frozen=True)
class Shape:
    """What is delivered, and how often it is run before the run that counts."""

    target: Target
    deliver: Callable[["Partner", bool], int]
    server: Callable[[], contextlib.AbstractContextManager[daemons.Daemon]]
    runs_before: int = 0


@dataclass(frozen=True)
class Partner:
    """A server, and the folder of the feeds that read it."""

    daemon: daemons.Daemon
    feeds: Path
    secrets: dict[str, dict[str, str]]

    def feed(self, name: str, pattern: str, **settings: Any) -> Path:
        """Writes a feed that takes a folder of that name; that folder."""
        folder = self.daemon.folder / name
        folder.mkdir(exist_ok=True)
        spec = self.daemon.spec
        server: dict[str, Any] = {
            "protocol": spec.protocol, "host": spec.host, "port": spec.port, "username": spec.username,
            "secret": f"lakeferry/acme/{name}", "max_connections": 4,
        }  # fmt: skip
        server |= {"host_keys": list(spec.host_keys)} if spec.protocol == "sftp" else {"allow_plaintext": True}
        document = {
            "tenant": "acme",
            "feed": name,
            "server": server,
            "files": {"directory": f"{self.daemon.root}/{name}", "pattern": pattern, "settle_seconds": 0},
            "checks": {"columns": COLUMNS},
            "dataset": name,
            "notify": {"emails": ["data@acme.example"]},
        } | settings
        (self.feeds / f"{name}.yaml").write_text(yaml.safe_dump(document, sort_keys=False))
        self.secrets[server["secret"]] = dict(self.daemon.secret)
        return folder


def rows(path: Path, count: int, first: int = 10**8) -> None:
    """Writes a CSV file of that many rows."""
    with path.open("w") as file:
        file.write("order_id,store,amount,sold_at\n")
        for start in range(0, count, 10_000):
            file.writelines(
                f"{first + row},store {row % 97},{row % 10_000}.{row % 90 + 10},2026-11-{row % 28 + 1:02d} 12:34:56\n"
                for row in range(start, min(start + 10_000, count))
            )
    path.chmod(0o644)


def nothing_new(partner: Partner, small: bool) -> int:
    """Five feeds whose only file an earlier run took."""
    for number in range(5):
        rows(
            partner.feed(f"feed{number}", "sales_{date:%Y%m%d}.csv", format={"type": "csv"}) / "sales_20261128.csv", 100
        )
    return 0


def one_zip(partner: Partner, small: bool) -> int:
    folder = partner.feed("flights", "flights_{date:%Y%m%d}.zip", decode=["zip"], format={"type": "csv"})
    with tempfile.TemporaryDirectory() as name:
        rows(Path(name) / "flights.csv", 3_000 if small else 336_776)
        with zipfile.ZipFile(folder / "flights_20261128.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.write(Path(name) / "flights.csv", "flights.csv")
    (folder / "flights_20261128.zip").chmod(0o644)
    return 1


def big_files(partner: Partner, small: bool) -> int:
    folder = partner.feed("sales", "sales_{date:%Y%m%d}.csv", format={"type": "csv"})
    for day in range(1, 6):
        rows(folder / f"sales_2026110{day}.csv", 10_000 if small else 1_100_000, day * 10**8)
    return 5


def many_files(partner: Partner, small: bool) -> int:
    return _many(partner, *((2, 10) if small else (20, 1000)), 2_200)


def small_files(partner: Partner, small: bool) -> int:
    return _many(partner, *((2, 20) if small else (20, 10_000)), 220)


def _many(partner: Partner, feeds: int, files: int, lines: int) -> int:
    folders = [
        partner.feed(f"feed{number}", "sales_{date:%Y%m%d}_*.csv", format={"type": "csv"}) for number in range(feeds)
    ]
    for number in range(files):
        rows(folders[number % feeds] / f"sales_20261128_{number:05d}.csv", lines, number * 10**5)
    return files


SHAPES = {
    "nothing": Shape(Target(5), nothing_new, daemons.openssh, runs_before=1),
    "zip": Shape(Target(12), one_zip, daemons.vsftpd),
    "big": Shape(Target(25, 20, 1.5 * GIGABYTE), big_files, daemons.openssh),
    "many": Shape(Target(None, 100, 2 * GIGABYTE), many_files, lambda: daemons.openssh("MaxStartups 500")),
    "thousands": Shape(Target(), small_files, lambda: daemons.openssh("MaxStartups 500")),
}
USUAL = ("nothing", "zip", "big", "many")


@dataclass(frozen=True)
class Ran:
    """What a run took.

    Attributes:
        without_job: Seconds without those of the job's states.
        ours, job: Bytes at the most, of the local AWS and the functions, and of the job's process.
        parts: Seconds in which some function was at work, those of the job's states, and those of neither; CPU seconds
            of engine (state machine, moto, start), functions and job.
    """

    seconds: float
    without_job: float
    cpu_seconds: float
    ours: int
    job: int
    landed: int
    parts: dict[str, float]


def ran(partner: Partner, base: Path, runs_before: int) -> Ran:
    """Runs a partner's feeds, in a new process, after as many runs that do not count."""
    (base / "secrets.yaml").write_text(yaml.safe_dump(partner.secrets))
    states = base / "states.jsonl"
    command = [sys.executable, "-m", told_run.__name__, str(states), "run", str(partner.feeds),
               "--lake", str(base / "lake"), "--secrets", str(base / "secrets.yaml")]  # fmt: skip
    for _ in range(runs_before):
        run_program(command)
    states.unlink(missing_ok=True)
    with Usage() as used:
        cost = run_program(command)
    job, engine = told_run.seconds_in(states, JOB_STATES.__contains__), told_run.engines_cpu(states)
    # of the functions and of Spark's JVM nobody waits for all: the run's own figure leaves them out
    cpu = engine + used.functions_cpu + used.job_cpu
    parts = {
        "a function at work": told_run.seconds_of_calls(states),
        "the job": job,
        "engine CPU": engine,
        "functions CPU": used.functions_cpu,
        "job CPU": used.job_cpu,
    }
    landed = _landed(base / "lake")
    return Ran(cost.seconds, cost.seconds - job, cpu, used.ours, used.job, landed, parts)


def measure(name: str, small: bool) -> bool:
    """Runs a shape and prints what it took; whether its target was met."""
    shape = SHAPES[name]
    with tempfile.TemporaryDirectory() as folder, shape.server() as daemon:
        base = Path(folder)
        (base / "feeds").mkdir()
        partner = Partner(daemon, base / "feeds", {})
        expected = shape.deliver(partner, small)
        found = ran(partner, base, shape.runs_before)
    if shape.runs_before == 0 and found.landed < expected:
        raise SystemExit(f"{name}: {found.landed} files landed instead of {expected}")
    met = shape.target.is_met(found.seconds, found.without_job, found.ours)
    print(
        f"{name}: {found.seconds:.1f} s, {found.without_job:.1f} s without the job, CPU {found.cpu_seconds:.1f} s, "
        f"{found.ours / GIGABYTE:.2f} GB and the job's {found.job / GIGABYTE:.2f} GB "
        f"(target {shape.target}: {'met' if met else 'missed'})"
    )
    print("  " + ", ".join(f"{name} {seconds:.1f} s" for name, seconds in found.parts.items()), flush=True)
    return met or small


def _landed(lake: Path) -> int:
    return sum(1 for path in lake.rglob("*") if path.is_file() and "/raw/" in str(path))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shapes", default=",".join(USUAL))
    parser.add_argument("--small", action="store_true", help="little of everything, to see that it works")
    options = parser.parse_args()
    os.umask(0o022)
    met = [measure(name, options.small) for name in options.shapes.split(",")]
    return int(not all(met))


if __name__ == "__main__":
    sys.exit(main())
