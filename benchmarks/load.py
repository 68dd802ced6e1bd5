#!/usr/bin/env python3
"""Forty ingests at once for some minutes: what grows, how long stages take, whether anything is lost or doubled.

    PYTHONPATH=functions:glue:. python benchmarks/load.py [--minutes N] [--feeds N] [--connections N] [--files N]
        [--size KB] [--json FILE]

The server is OpenSSH's, AWS costs nothing (`benchmarks/measuring/free_aws.py`), the functions are driven in one process
as the state machine does, feeds × connections at once, run after run. After each run every file that was delivered has
to be in the raw zone once, with all its rows; then the server is emptied, AWS forgets, and new files come: what grows
is the functions' own. Sampled meanwhile: resident memory, open files and sockets, threads. Exit code 1 where one of
them grows: more than a tenth and 32 MB, or more than 8 handles, from the second quarter of the time to the last.
"""

import argparse
import json
import os
import statistics
import sys
import threading
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3

from benchmarks.measuring.free_aws import FreeAws
from benchmarks.measuring.job import Job
from benchmarks.measuring.processes import Sampler
from benchmarks.small_files import deliver
from benchmarks.transfer import sftp_server

EVERY_SECONDS = 0.2
GROWS = {"resident MB": (0.1, 32), "open files": (0, 8), "sockets": (0, 8), "threads": (0, 8)}
"""What may be more at the end: a part of what it was, or so much; the larger of the two."""


class Watch(Sampler):
    """Samples of this process, from /proc (proc(5))."""

    def __init__(self) -> None:
        super().__init__(EVERY_SECONDS)
        self.samples: dict[str, list[float]] = {name: [] for name in GROWS}

    def sample(self) -> None:
        page = os.sysconf("SC_PAGE_SIZE")
        links = []
        for link in Path("/proc/self/fd").iterdir():
            try:
                links.append(str(link.readlink()))
            except OSError:
                continue  # closed meanwhile
        resident = int(Path("/proc/self/statm").read_text().split()[1]) * page / 1e6
        counted = (
            resident,
            len(links),
            sum(link.startswith("socket:") for link in links),
            threading.active_count(),
        )
        for name, value in zip(GROWS, counted, strict=True):
            self.samples[name].append(value)

    def flat(self) -> dict[str, tuple[float, float]]:
        """The most of each in the second quarter, and in the last."""
        found = {}
        for name, values in self.samples.items():
            quarter = max(1, len(values) // 4)
            found[name] = (max(values[quarter : 2 * quarter] or values), max(values[-quarter:] or [0.0]))
        return found


def grown(flat: dict[str, tuple[float, float]]) -> list[str]:
    """What is more at the end than it may be."""
    found = []
    for name, (before, after) in flat.items():
        part, least = GROWS[name]
        if after - before > max(before * part, least):
            found.append(f"{name} grew from {before:.0f} to {after:.0f}")
    return found


def wrong(aws: FreeAws, first: int, files: int, rows: int) -> list[str]:
    """Files that are not in the raw zone exactly once, whole.

    Args:
        first: Number of the first one that was delivered, which stands in each of its rows.
    """
    times: Counter[int] = Counter()
    found = []
    for path in [path for path in aws.s3.objects if path.startswith("/lake/raw/")]:
        lines = aws.s3.read(path).decode().splitlines()[1:]
        numbers = {int(float(line.split(",")[1])) for line in lines}
        if len(numbers) != 1 or len(lines) != rows:
            found.append(f"{path} has {len(lines)} rows of {len(numbers)} files, not {rows} of one")
        times.update(numbers)
    wanted = set(range(first, first + files))
    found += [f"file {number} is lost" for number in sorted(wanted - set(times))]
    return found + [f"file {number} is there {count} times" for number, count in times.items() if count > 1]


def run(minutes: float, job: Job, folder: Path, files: int, size: float) -> dict[str, Any]:
    """Run after run until the time is over; at least two."""
    from benchmarks.measuring.driving import Driver

    aws = FreeAws()
    session = boto3.Session(region_name="eu-west-1", aws_access_key_id="local", aws_secret_access_key="local")
    aws.install(session)
    driver = Driver(job, session)
    rows = int(size * 1000 / 26) or 1
    landed = turn = 0
    problems: list[str] = []
    with Watch() as watch:
        ends = time.monotonic() + minutes * 60
        while turn < 2 or time.monotonic() < ends:
            for old in folder.glob("feed*/*"):
                old.unlink()
            deliver(folder, files, size, job.feeds, first=landed)
            turn += 1
            came = driver.take(turn)["files"]
            problems += wrong(aws, landed, files, rows)
            if came != files:
                problems.append(f"{came} files came in run {turn}, not {files}")
            landed += files
            aws.forget()
    stages = {
        name: {"calls": len(times), "p50": statistics.median(times), "p99": sorted(times)[int(len(times) * 0.99)]}
        for name, times in driver.seconds.items()
    }
    return {"files": landed, "runs": turn, "stages": stages, "flat": watch.flat(), "problems": problems}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--feeds", type=int, default=10)
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--files", type=int, default=400, help="a run")
    parser.add_argument("--size", type=float, default=100, help="kB")
    parser.add_argument("--small", action="store_true", help="two runs of little, to see that it works")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if options.small:
        options.minutes, options.feeds, options.files, options.size = 0, 2, 24, 2
    os.umask(0o022)
    with sftp_server() as (daemon, _):
        spec = replace(daemon.spec, max_connections=options.connections)
        job = Job(spec, dict(daemon.secret), str(daemon.root), options.feeds, together=options.feeds)
        found = run(options.minutes, job, daemon.folder, options.files, options.size)
    at_once = options.feeds * options.connections
    print(f"{found['files']:,} files in {found['runs']} runs, {at_once} at once; load {os.getloadavg()[0]:.1f}")
    for name, one in found["stages"].items():
        print(f"  {name:15} {one['calls']:6,} calls  p50 {one['p50']:6.2f} s  p99 {one['p99']:6.2f} s")
    for name, (before, after) in found["flat"].items():
        print(f"  {name:15} {before:8,.0f} in the second quarter, {after:8,.0f} in the last")
    more = [] if options.small else grown(found["flat"])  # two runs are no time to be flat in
    for problem in [*found["problems"][:20], *more]:
        print(f"  NOT: {problem}")
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")
    print("nothing lost, nothing twice" if not found["problems"] else f"{len(found['problems'])} problems")
    return int(bool(found["problems"] or more))


if __name__ == "__main__":
    sys.exit(main())
