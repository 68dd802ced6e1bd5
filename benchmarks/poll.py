#!/usr/bin/env python3
"""A poll of a directory with many files of which few are new, beside the bare listing of that directory.

    PYTHONPATH=functions:. python benchmarks/poll.py [--files N] [--new N] [--rounds N] [--servers sftp,ftp]
        [--round-trips 0,30]

Servers are OpenSSH and vsftpd, AWS is moto in another process, its ledger holding every file. The bare listing is ours:
connect, read and understand the listing, want nothing of it. The first poll has no memory of earlier ones and asks the
ledger about everything; the others find the new files. Exit code 1 where a poll takes more than twice the listing.

    SFTP, 100,000 files, 10 new, 0 ms round trip: listing 0.58 s, poll 1.05 s, ratio 1.76 (1.43–1.92),
    CPU ratio 2.27 (1.36–2.57), 19 AWS calls (5 BatchGetItem, 1 GetObject, 2 PutObject, 11 UpdateItem), peak 121 MB;
    target 2.0: met

(2026-11-24, 7 rounds, 2 shared cores at load 1.9, Python 3.11.)
"""

import argparse
import contextlib
import os
import statistics
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from benchmarks.measuring import moto_aws
from benchmarks.measuring.delay import round_trip
from benchmarks.measuring.polling import Job, Polled, deliver, measure
from benchmarks.measuring.rounds import spread
from benchmarks.transfer import SERVERS

TARGET = 2.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--new", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--servers", default="sftp,ftp")
    parser.add_argument("--round-trips", default="0,30", help="milliseconds")
    options = parser.parse_args()
    os.umask(0o022)
    missed = []
    for protocol in options.servers.split(","):
        with (
            SERVERS[protocol]() as (daemon, ports),
            moto_aws.running() as endpoint,
            tempfile.TemporaryDirectory() as name,
        ):
            directory = f"{daemon.root}"
            deliver(daemon.folder, 0, options.files)
            moto_aws.fill(daemon.folder, directory)
            job = Job(daemon.spec, dict(daemon.secret), daemon.folder, directory, options.files, options.new, 1, 0)
            first, _ = measure(job, Path(name), endpoint)
            print(f"{protocol.upper()}, {options.files:,} files, no memory of earlier polls: {told(first)}", flush=True)
            for milliseconds in map(int, options.round_trips.split(",")):
                job = replace(job, rounds=options.rounds, first=job.first + job.rounds)
                with (
                    round_trip(milliseconds, ports) if milliseconds else contextlib.nullcontext("127.0.0.1") as address
                ):
                    there = replace(job, spec=replace(job.spec, host=address))
                    found, peak = measure(there, Path(name), endpoint)
                ratio = statistics.median(one.poll / one.bare for one in found)
                if any(one.files != options.new for one in found):
                    raise SystemExit(f"polls found {[one.files for one in found]} files instead of {options.new} each")
                print(
                    f"{protocol.upper()}, {options.files:,} files, {options.new} new, {milliseconds} ms round trip: ",
                    end="",
                )
                print(
                    f"{told(found)}, peak {peak / 1e6:.0f} MB; "
                    f"target {TARGET}: {'met' if ratio <= TARGET else 'MISSED'}",
                    flush=True,
                )
                missed += [] if ratio <= TARGET else [f"{protocol} {milliseconds} ms"]
    print("every target met" if not missed else f"missed: {', '.join(missed)}")
    return int(bool(missed))


def told(found: list[Polled]) -> str:
    """Medians."""
    bare, poll = (statistics.median(getattr(one, name) for one in found) for name in ("bare", "poll"))
    calls = found[-1].calls
    return (
        f"listing {bare:.2f} s, poll {poll:.2f} s, ratio {spread([one.poll / one.bare for one in found])}, "
        f"CPU ratio {spread([one.poll_cpu / one.bare_cpu for one in found])}, "
        f"{sum(calls.values())} AWS calls ({', '.join(f'{count} {name}' for name, count in sorted(calls.items()))})"
    )


if __name__ == "__main__":
    sys.exit(main())
