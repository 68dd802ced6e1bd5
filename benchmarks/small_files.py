#!/usr/bin/env python3
"""Many small files over many feeds: the functions, driven with the state machine's concurrency, beside one program.

    PYTHONPATH=functions:. python benchmarks/small_files.py [--files N] [--size KB] [--feeds N] [--rounds N]
        [--round-trips 0,30]

The server is OpenSSH's, AWS costs nothing (`benchmarks/measuring/free_aws.py`), so what is seen is the functions' own:
processor time, calls of AWS, and what the way to the server costs. The other program is what people write first: a
login a feed, each file read with paramiko, parsed, written as Parquet and put. Once a round trip, beside them: rclone
with DuckDB, and dlt, where they are installed (`make bench` does it). Exit code 1 where a target is missed:
10 calls and 25 ms of processor time a file, half of the program's time at 30 ms, 2.5 times it at 0 ms. What 1,000 files
cost comes of the counted calls and transitions by the list prices of `cli/cost/prices.yaml`, with processor time in
place of the time a function waits; docs/cost.md has the whole.
"""

import argparse
import contextlib
import os
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from benchmarks.measuring.delay import round_trip
from benchmarks.measuring.job import Job
from benchmarks.measuring.many_files import cost
from benchmarks.measuring.processes import Cost
from benchmarks.transfer import sftp_server
from cli.cost.bill import total
from cli.cost.prices import prices
from tests.servers.processes import NotInstalledError

CALLS, CPU_MS, DOLLARS = 10.0, 25.0, 0.06
WALL = {0: 2.5, 30: 0.5}
"""Of the program's time, by round trip."""
INDEXES = 2
"""Of the ledger's that a write of a file changes, on average: each is a unit more."""
MEMORY_GB = 1.77


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--size", type=float, default=100, help="kB")
    parser.add_argument("--feeds", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--round-trips", default="0,30", help="milliseconds")
    options = parser.parse_args()
    os.umask(0o022)
    missed: list[str] = []
    with sftp_server() as (daemon, ports), tempfile.TemporaryDirectory() as name:
        deliver(daemon.folder, options.files, options.size, options.feeds)
        for milliseconds in map(int, options.round_trips.split(",")):
            with round_trip(milliseconds, ports) if milliseconds else contextlib.nullcontext("127.0.0.1") as address:
                spec = replace(daemon.spec, host=address, max_connections=4)
                job = Job(spec, dict(daemon.secret), str(daemon.root), options.feeds)
                pairs = [
                    (cost("lakeferry", job, Path(name)), cost("monolith", job, Path(name)))
                    for _ in range(options.rounds)
                ]
                missed += told(pairs, options.files, options.feeds, milliseconds)
                compare(pairs, job, Path(name), options.files)
    print("every target met" if not missed else f"missed: {', '.join(missed)}")
    return int(bool(missed))


def deliver(folder: Path, files: int, size: float, feeds: int, first: int = 0) -> None:
    """Files of that many kB, dealt to a folder a feed, some hours old; numbered from `first`."""
    then = time.time() - 40 * 3600
    for number in range(first, first + files):
        path = folder / f"feed{number % feeds}" / f"sales_{number:06d}.csv"
        path.parent.mkdir(exist_ok=True)
        rows = int(size * 1000 / 26) or 1
        lines = "".join(f"{row},{number}.50,2026-11-{row % 28 + 1:02d}\n" for row in range(10**8, 10**8 + rows))
        path.write_text(f"order_id,amount,sold_on\n{lines}")
        os.utime(path, (then, then))


def compare(pairs: list[tuple[Cost, Cost]], job: Job, folder: Path, files: int) -> None:
    """Prints what the others take, and ours as a part of it."""
    ours = statistics.median(one.seconds for one, _ in pairs)
    for name, shown in (("rclone", "rclone + DuckDB"), ("dlt", "dlt")):
        try:
            found = cost(name, job, folder)
        except NotInstalledError as error:
            print(f"  left out: {error}")
            continue
        if found.answer["files"] != files:
            raise SystemExit(f"{shown} brought {found.answer['files']} files instead of {files}")
        cpu = found.cpu_seconds * 1000 / files
        print(f"  {shown}: {found.seconds:.1f} s, CPU {cpu:.1f} ms a file; ours takes {ours / found.seconds:.2f} of it")


def dollars(ours: Cost, files: int) -> float:
    """What 1,000 files of that run cost at list prices, without traffic and storage."""
    calls, found = ours.answer["calls"], ours.answer
    usage = {
        "s3_writes": calls.get("PutObject", 0) + calls.get("CopyObject", 0),
        "s3_reads": calls.get("GetObject", 0),
        # claims are written by transaction: two units each
        "dynamodb_writes": calls.get("UpdateItem", 0) + (2 + INDEXES) * files,
        "dynamodb_reads": calls.get("Query", 0) + 4 * files,
        "transitions": found["transitions"],
        "lambda_calls": sum(found["called"].values()),
        "lambda_gb_seconds": MEMORY_GB * ours.cpu_seconds,
    }
    return total(usage, prices()) * 1000 / files


def counted_otherwise(ours: Cost, files: int) -> list[str]:
    """Of what a file takes, what is counted here otherwise than in `prices.yaml`, which the bill is made of."""
    calls, counts = ours.answer["calls"], prices().counts
    batches, polls = ours.answer["batches"], ours.answer["called"]["Poll server"]
    pairs = {
        "s3_writes": (
            calls.get("PutObject", 0) + calls.get("CopyObject", 0),
            files * counts["file"]["s3_writes"] + polls * counts["taking_poll"]["s3_writes"],
        ),
        "s3_reads": (
            calls.get("GetObject", 0),
            files * counts["file"]["s3_reads"] + polls * counts["taking_poll"]["s3_reads"],
        ),
        "transitions": (
            ours.answer["transitions"],
            batches * counts["batch"]["transitions"] + polls * counts["taking_poll"]["transitions"],
        ),
    }
    return [
        f"{name}: {found:,} and not {said:,} as in prices.yaml"
        for name, (found, said) in pairs.items()
        if abs(found - said) > 0.1 * said
    ]


def told(pairs: list[tuple[Cost, Cost]], files: int, feeds: int, milliseconds: int) -> list[str]:
    """Prints the medians; the targets that were missed."""
    ours, theirs = pairs[-1]
    if {ours.answer["files"], theirs.answer["files"]} != {files}:
        raise SystemExit(f"{ours.answer['files']} and {theirs.answer['files']} files came instead of {files}")
    calls = sum(ours.answer["calls"].values()) / files
    cpu = statistics.median(one.cpu_seconds for one, _ in pairs) * 1000 / files
    their_cpu = statistics.median(one.cpu_seconds for _, one in pairs) * 1000 / files
    wall = statistics.median(one.seconds / other.seconds for one, other in pairs)
    price = dollars(ours, files)
    counted = ", ".join(f"{count} {name}" for name, count in sorted(ours.answer["calls"].items()))
    print(
        f"{files:,} files, {feeds} feeds, {milliseconds} ms round trip: {calls:.1f} AWS calls a file ({counted}), "
        f"{ours.answer['batches']} batches, {ours.answer['transitions']} transitions, ${price:.3f} per 1,000 files; "
        f"CPU {cpu:.1f} ms a file (one program: {their_cpu:.1f}); "
        f"{statistics.median(one.seconds for one, _ in pairs):.1f} s, {wall:.2f} of the program's",
        flush=True,
    )
    for otherwise in (odd := counted_otherwise(ours, files)):
        print(f"  {otherwise}")
    limits = [("calls", calls, CALLS), ("CPU", cpu, CPU_MS), ("price", price, DOLLARS)]
    if milliseconds in WALL:
        limits.append(("time", wall, WALL[milliseconds]))
    missed = [f"{name} at {milliseconds} ms" for name, found, limit in limits if found > limit]
    return missed + [f"counts at {milliseconds} ms"] * bool(odd)


if __name__ == "__main__":
    sys.exit(main())
