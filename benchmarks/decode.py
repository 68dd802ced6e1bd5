#!/usr/bin/env python3
"""Rate and peak memory of each layer that comes off a file, side by side with the command-line tool for it.

    PYTHONPATH=functions:. python benchmarks/decode.py [--size 1e9] [--members 10000] [--only pgp]

Bytes are decoded bytes; each line is a process of its own, and its peak memory is that process's, Python included.
The ratio is that of rates by processor time, which a busy machine does not spoil: above 1 we need less than the tool.
Slow codecs get a tenth of the size, the legacy ZIP cipher a hundredth. `pass` is decoding, all checks of `inspect` and
the output; the other lines are decoding alone. The tools write to /dev/null.

                           decoded MB    MB/s  MB/CPUs peak MB   tool:    MB/s  MB/CPUs peak MB  ratio
    gzip                       1000.9   125.8   1055.0    39.0            38.5    285.2    11.4   3.70
    zstd                       1000.9   113.0    660.1    42.1          1514.6   1637.3    11.4   0.40
    lz4                        1000.9   176.8   1134.0    44.9           275.8   1751.5    11.3   0.65
    xz                          100.6    39.4    282.9    40.9            37.8    324.7    11.4   0.87
    bzip2                       100.6     8.3     77.4    39.5             8.3     80.8    11.3   0.96
    tar                        1000.9   156.3   1372.4    39.0           426.7   4085.6    11.4   0.34
    zip                        1000.9   152.3    820.0    39.1            46.6    260.6    11.4   3.15
    zip, AES-256               1000.9    96.4    478.9    47.0            53.2    436.6    11.4   1.10
    zip, legacy password         10.5     1.5     13.2    47.0            35.4    171.2    11.3   0.08
    zip of 1000                   9.5    15.5    174.8    38.9            23.8    243.7    11.3   0.72
    zip of 10000                 95.3    19.5    206.3    43.0            22.5    262.0    11.3   0.79
    pgp, gpg's default         1000.9    59.0    430.4    39.1            76.2    356.5    11.4   1.21
    pgp, plain                 1000.9    90.1    475.8    39.1           287.8    981.2    11.3   0.48
    pgp, armored               1000.9    13.1    121.5    39.1            14.4    134.1    11.4   0.91
    pgp, passphrase            1000.9    64.6    491.0    39.1            55.0    839.7    11.4   0.58
    pgp+gzip                   1000.9    68.2    526.5    47.0            41.5    263.1    11.3   2.00
    pgp+gzip, pass             1000.9    15.4    183.8   115.0            27.1    258.1    11.4   0.71

(2026-11-24, two cores at load 15 to 30, hence the low MB/s; Python 3.11, GnuPG 2.2.40.)
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lakeferry.decode import DecodeKeys, Delivered, open_members
from lakeferry.feeds import parse_feed
from lakeferry.feeds.decode import DecodeSpec

PASSWORD = "benchmark"
_TIMED = """
import resource, subprocess, sys, time
start = time.perf_counter()
subprocess.run(sys.argv[1], shell=True, check=True)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(time.perf_counter() - start, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024)
"""
LIMIT_MB = 400
"""What the whole pass of a PGP+gzip file may take (issue 4)."""


@dataclass(frozen=True)
class Case:
    """One file and who decodes it.

    Attributes:
        make: Writes it into a folder, from the text of `share` of the size; its name.
        tool: The command that does the same, `{}` for the file; None where there is none.
    """

    label: str
    share: float
    make: Callable[[Path, Path], str]
    tool: str | None
    secret: dict[str, str] = field(default_factory=dict)
    whole_pass: bool = False


def text(path: Path, size: int) -> None:
    """A CSV file of about `size` bytes."""
    line = b"%012d,Zurich Airport,%d.%02d,2026-11-01 10:%02d:%02d,%08x,some words that fill the row up\n"
    rows = written = 0
    with path.open("wb") as file:
        written = file.write(b"order_id,store,amount,sold_at,key,note\n")
        while written < size:
            numbers = range(rows, rows + 10_000)
            block = b"".join(
                line % (n, n % 500, n * 7 % 100, n % 60, n * 13 % 60, n * 2654435761 % 2**32) for n in numbers
            )
            rows, written = rows + 10_000, written + file.write(block)


def shell(command: str) -> None:
    """Runs a command that must succeed."""
    subprocess.run(command, shell=True, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def by(command: str, name: str) -> Callable[[Path, Path], str]:
    """A maker by a command: `{source}` and `{target}` are in it."""

    def make(folder: Path, source: Path) -> str:
        shell(command.format(source=source, target=folder / name, folder=folder))
        return name

    return make


def locked(folder: Path, source: Path) -> str:
    """A ZIP archive of one member, locked with AES-256."""
    import pyzipper

    with pyzipper.AESZipFile(
        folder / "aes.zip", "w", compression=zipfile.ZIP_DEFLATED, compresslevel=1, encryption=pyzipper.WZ_AES
    ) as archive:
        archive.setpassword(PASSWORD.encode())
        archive.write(source, "sales.csv")
    return "aes.zip"


def small_members(count: int) -> Callable[[Path, Path], str]:
    """A ZIP archive of many small members."""

    def make(folder: Path, source: Path) -> str:
        with source.open("rb") as file:
            header, rows = file.readline(), [file.readline() for _ in range(100)]
        name = f"members{count}.zip"
        with zipfile.ZipFile(folder / name, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            for number in range(count):
                archive.writestr(f"{number:05}.csv", header + b"".join(rows))
        return name

    return make


def key_pair(home: Path) -> str:
    """A key without passphrase in a key ring of its own; its private part, armored."""
    home.mkdir(mode=0o700)
    gpg = f"gpg --homedir {home} --batch --quiet --pinentry-mode loopback --passphrase ''"
    shell(f"{gpg} --quick-gen-key us rsa3072 encrypt,sign 0")
    found = subprocess.run(f"{gpg} --export-secret-keys --armor us", shell=True, check=True, capture_output=True)
    return found.stdout.decode()


def cases(home: Path, private_key: str, members: int) -> list[Case]:
    """Everything that is measured, in the order of the report."""
    gpg = f"gpg --homedir {home} --batch --quiet --trust-model always --yes"
    seal = f"{gpg} -r us --output {{target}}"
    zipped = "cd {folder} && ln -f {source} sales.csv &&"
    secret = {"pgp_private_key": private_key, "pgp_passphrase": PASSWORD, "zip_password": PASSWORD}
    lock = f"--pinentry-mode loopback --passphrase {PASSWORD}"
    return [
        Case("gzip", 1, by("gzip -1 -c {source} > {target}", "a.csv.gz"), "gunzip -c {}"),
        Case("zstd", 1, by("zstd -q -f {source} -o {target}", "a.csv.zst"), "zstd -q -dc {}"),
        Case("lz4", 1, by("lz4 -q -f {source} {target}", "a.csv.lz4"), "lz4 -q -dc {}"),
        Case("xz", 0.1, by("xz -1 -c {source} > {target}", "a.csv.xz"), "xz -dc {}"),
        Case("bzip2", 0.1, by("bzip2 -1 -c {source} > {target}", "a.csv.bz2"), "bzip2 -dc {}"),
        Case("tar", 1, by("tar -cf {target} {source}", "a.tar"), "tar -xOf {}"),
        Case("zip", 1, by(f"{zipped} zip -q -1 {{target}} sales.csv", "a.zip"), "unzip -p {}"),
        Case("zip, AES-256", 1, locked, f"7z x -so -p{PASSWORD} {{}}", secret),
        Case(
            "zip, legacy password", 0.01, by(f"{zipped} zip -q -1 -e -P {PASSWORD} {{target}} sales.csv", "old.zip"),
            f"unzip -P {PASSWORD} -p {{}}", secret,
        ),
        Case(f"zip of {members // 10}", 0.001, small_members(members // 10), "unzip -p {}"),
        Case(f"zip of {members}", 0.001, small_members(members), "unzip -p {}"),
        Case("pgp, gpg's default", 1, by(f"{seal} --sign --encrypt {{source}}", "a.csv.pgp"), f"{gpg} -d {{}}", secret),
        Case("pgp, plain", 1, by(f"{seal} -z 0 --encrypt {{source}}", "p.csv.pgp"), f"{gpg} -d {{}}", secret),
        Case("pgp, armored", 1, by(f"{seal} -z 0 --armor --encrypt {{source}}", "r.csv.pgp"), f"{gpg} -d {{}}", secret),
        Case(
            "pgp, passphrase", 1, by(f"{gpg} {lock} -z 0 --output {{target}} --symmetric {{source}}", "s.csv.pgp"),
            f"{gpg} {lock} -d {{}}", secret,
        ),
        Case(
            "pgp+gzip", 1, by(f"gzip -1 -c {{source}} | {seal} -z 0 --encrypt", "a.csv.gz.pgp"),
            f"{gpg} -d {{}} | gunzip -c", secret,
        ),
        Case(
            "pgp+gzip, pass", 1, by(f"gzip -1 -c {{source}} | {seal} -z 0 --encrypt", "b.csv.gz.pgp"),
            f"{gpg} -d {{}} | gunzip -c", secret, whole_pass=True,
        ),
    ]  # fmt: skip


def decode(path: Path, secret: dict[str, str]) -> int:
    """Decodes a file; bytes that came out."""
    count = 0
    with path.open("rb") as file:
        for member in open_members(path.name, Delivered(file), None, DecodeKeys(lambda: secret), DecodeSpec()):
            while data := member.stream.read(1 << 20):
                count += len(data)
    return count


def check(path: Path, secret: dict[str, str]) -> int:
    """Decodes and checks a file as state "Validate files" does; bytes that came out."""
    server = {"protocol": "ftps", "host": "example.com", "username": "us"}
    columns = [{"name": "order_id", "type": "int64"}, {"name": "amount", "type": "decimal(12,2)"}]
    document: dict[str, Any] = {
        "tenant": "acme", "feed": "big", "server": server, "files": {"directory": "/", "pattern": "*"},
        "format": {"type": "csv"}, "checks": {"columns": columns}, "dataset": "big",
    }  # fmt: skip
    feed = parse_feed(document)
    from lakeferry.checks import BadRows
    from lakeferry.inspect import inspect

    with path.open("rb") as file, open(os.devnull, "wb") as out:
        bad_rows = BadRows(path.name, feed.checks.bad_rows, out.write)
        report = inspect(feed, path.name, file, lambda _: out, bad_rows=bad_rows, keys=DecodeKeys(lambda: secret))
    return sum(output.bytes for output in report.outputs)


@dataclass(frozen=True)
class Used:
    """What a process needed."""

    seconds: float
    cpu_seconds: float
    peak_bytes: int


def child(path: Path, secret: dict[str, str], *, whole_pass: bool) -> None:
    """One measurement, in a process of its own."""
    work = decode
    if whole_pass:
        from lakeferry.inspect import inspect  # noqa: F401  (imports pyarrow, which is not to be timed)

        work = check
    start, cpu = time.perf_counter(), time.process_time()
    count = work(path, secret)
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    print(count, seconds, cpu, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)


def measure(case: Case, path: Path) -> tuple[int, Used]:
    """Runs `child` on a file; decoded bytes, and what it took."""
    command = [sys.executable, __file__, "--child", str(path), *(["--whole-pass"] if case.whole_pass else [])]
    done = subprocess.run(command, input=json.dumps(case.secret), capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{case.label}: {done.stderr}")
    count, seconds, cpu, peak = done.stdout.split()
    return int(count), Used(float(seconds), float(cpu), int(peak))


def measure_tool(case: Case, path: Path) -> Used | None:
    """What the command-line tool took; None where it is not there."""
    if case.tool is None or shutil.which(case.tool.split()[0]) is None:
        return None
    command = f"{{ {case.tool.format(path)} ; }} > {os.devnull}"
    done = subprocess.run([sys.executable, "-c", _TIMED, command], capture_output=True, text=True, check=True)
    seconds, cpu, peak = done.stdout.split()
    return Used(float(seconds), float(cpu), int(peak))


def main() -> int:
    """Measures everything; 1 if the whole pass went over its limit of memory."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=float, default=1e9, help="decoded bytes")
    parser.add_argument("--members", type=int, default=10_000)
    parser.add_argument("--only", default="", help="part of a label")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--whole-pass", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(options.child, json.load(sys.stdin), whole_pass=options.whole_pass)
        return 0
    failed = False
    with tempfile.TemporaryDirectory(prefix="bench", dir=os.environ.get("BENCH_DIR", "/tmp")) as root:
        folder, home = Path(root), Path(root, "gpg")
        try:
            private_key = key_pair(home)
            columns = f"{'MB/s':>7} {'MB/CPUs':>8} {'peak MB':>7}"
            print(f"{'':22} {'decoded MB':>10} {columns}   tool: {columns} {'ratio':>6}", flush=True)
            for case in cases(home, private_key, options.members):
                if options.only in case.label:
                    failed |= report(case, folder, int(options.size * case.share))
        finally:
            subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=False)
    return int(failed)


def report(case: Case, folder: Path, size: int) -> bool:
    """Makes one file, prints its line, and takes it away; whether it failed its limit."""
    source = folder / f"text{size}.csv"
    if not source.exists():
        text(source, size)
    path = folder / case.make(folder, source)
    (count, ours), tool = measure(case, path), measure_tool(case, path)
    path.unlink()
    line = f"{case.label:22} {count / 1e6:10.1f} {shown(count, ours)}"
    if tool is not None:
        line += f"         {shown(count, tool)} {tool.cpu_seconds / ours.cpu_seconds:6.2f}"
    print(line, flush=True)
    return case.whole_pass and ours.peak_bytes > LIMIT_MB * 1e6


def shown(count: int, used: Used) -> str:
    """Decoded megabytes a second, a second of processor time, and the peak of memory."""
    return f"{count / 1e6 / used.seconds:7.1f} {count / 1e6 / used.cpu_seconds:8.1f} {used.peak_bytes / 1e6:7.1f}"


if __name__ == "__main__":
    sys.exit(main())
