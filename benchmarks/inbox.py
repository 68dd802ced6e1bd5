#!/usr/bin/env python3
"""One file from a partner's server into S3: our whole fetch with its ledger, beside `rclone copyto`.

    PYTHONPATH=functions:. python benchmarks/inbox.py [--size MB] [--rounds N] [--protocols sftp,ftp]

S3 is rclone's own server on this disk, the ledger moto in another process. rclone copies as it does by itself (four
streams for a large file), and once more with one stream, since one connection is what ours takes. Then ours writes to
an S3 under TLS that keeps nothing, which shows its own limit. Every contender's object is read back and compared first.

    SFTP to rclone's S3: 0.50 GB, 5 rounds, load 22.2
                                  MB/s  CPU s/GB  peak MB   our rate / its rate   its CPU / ours
      lakeferry fetch               27      2.54      135
      rclone copyto                 20      6.37      192   1.21 (1.16–1.76)      2.54 (2.47–2.72)   target 1.0: met
      rclone, one stream            20      5.34      196   1.57 (0.87–1.82)      2.14 (1.98–2.33)
      to an S3 under TLS that keeps nothing: 32 MB/s, 3.18 CPU s/GB; memory at most 176 MB, target 300: met

(2026-11-24, 2 cores shared with much other work, Python 3.11.)
"""

import argparse
import contextlib
import hashlib
import itertools
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from benchmarks.measuring import fetching, moto_aws, peers
from benchmarks.measuring.clients import Job
from benchmarks.measuring.processes import Cost, run
from benchmarks.measuring.rounds import Contender, contest
from benchmarks.measuring.s3_servers import ACCESS_KEY, SECRET_KEY, null_s3, rclone_s3
from benchmarks.transfer import SERVERS, deliver

PEAK_MB = 300
KEY = "copied"


class Inbox:
    """The bucket, where each contender leaves the file, and whence it is taken away again."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self._s3: Any = boto3.client(
            "s3",
            endpoint_url=endpoint,
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
            region_name="eu-west-1",
            config=Config(s3={"addressing_style": "path"}),
        )
        self._s3.create_bucket(Bucket=fetching.BUCKET)

    def digest(self, key: str) -> str:
        body = self._s3.get_object(Bucket=fetching.BUCKET, Key=key)["Body"]
        digest = hashlib.sha256()
        for block in body.iter_chunks(1 << 20):
            digest.update(block)
        return digest.hexdigest()

    def remove(self, key: str) -> None:
        self._s3.delete_object(Bucket=fetching.BUCKET, Key=key)


class Ours:
    """Fetches, and takes away what it fetched."""

    def __init__(self, job: Job, folder: Path, inbox: Inbox, dynamodb: str, numbers: Iterator[int]) -> None:
        self._job, self._folder, self._inbox, self._dynamodb, self._numbers = job, folder, inbox, dynamodb, numbers

    def run(self) -> Cost:
        cost = self._fetch()
        self._inbox.remove(cost.answer["key"])
        return cost

    def digest(self) -> str:
        key = self._fetch().answer["key"]
        try:
            return self._inbox.digest(key)
        finally:
            self._inbox.remove(key)

    def _fetch(self) -> Cost:
        return fetching.cost(self._job, self._folder, self._inbox.endpoint, self._dynamodb, next(self._numbers))


def rclone_copy(name: str, job: Job, folder: Path, inbox: Inbox, *tuning: str, target: float | None) -> Contender:
    """rclone, from the same server to the same bucket."""
    is_sftp = job.spec.protocol == "sftp"
    source = peers.rclone_sftp_flags(job, folder) if is_sftp else peers.rclone_ftp_flags(job)
    into = [
        *("--s3-provider", "Rclone", "--s3-endpoint", inbox.endpoint, "--s3-region", "eu-west-1"),
        *("--s3-access-key-id", ACCESS_KEY, "--s3-secret-access-key", SECRET_KEY, "--s3-no-check-bucket"),
    ]
    where = [f":{'sftp' if is_sftp else 'ftp'}:{job.path}", f":s3:{fetching.BUCKET}/{KEY}"]
    command = [peers.rclone(), "copyto", "--config", "", *where, *source, *into, *tuning]

    def once() -> Cost:
        try:
            return run(command)
        finally:
            inbox.remove(KEY)

    def digest() -> str:
        run(command)
        try:
            return inbox.digest(KEY)
        finally:
            inbox.remove(KEY)

    return Contender(name, once, digest, target)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=float, default=1000, help="megabytes (10^6) of the file")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--protocols", default="sftp,ftp")
    options = parser.parse_args()
    size = int(options.size * 1e6)
    missed: list[str] = []
    os.umask(0o022)
    for protocol in options.protocols.split(","):
        with contextlib.ExitStack() as stack:
            daemon, _ = stack.enter_context(SERVERS[protocol]())
            dynamodb = stack.enter_context(moto_aws.running())
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            (folder / "s3").mkdir()
            expected = deliver(daemon.folder / "file", size)
            job = Job(daemon.spec, dict(daemon.secret), f"{daemon.root}/file")
            inbox, numbers = Inbox(stack.enter_context(rclone_s3(folder / "s3"))), itertools.count()
            ours = Ours(job, folder, inbox, dynamodb, numbers)
            entered = [
                Contender("lakeferry fetch", ours.run, ours.digest),
                rclone_copy("rclone copyto", job, folder, inbox, target=1.0),
                rclone_copy("rclone, one stream", job, folder, inbox, "--multi-thread-streams", "0", target=None),
            ]
            found = contest(f"{protocol.upper()} to rclone's S3", entered, size, options.rounds, expected)
            missed += found.missed
            nowhere, ca = stack.enter_context(null_s3(folder))
            costs = [fetching.cost(job, folder, nowhere, dynamodb, next(numbers), ca) for _ in range(options.rounds)]
            best = sorted(costs, key=lambda cost: cost.seconds)[len(costs) // 2]
            peak = max(cost.peak_bytes for cost in (*costs, *found.ours))
            print(
                f"  to an S3 under TLS that keeps nothing: {size / 1e6 / best.seconds:.0f} MB/s, "
                f"{best.cpu_seconds / size * 1e9:.2f} CPU s/GB; memory at most {peak / 1e6:.0f} MB, target {PEAK_MB}: "
                f"{'met' if peak < PEAK_MB * 1e6 else 'MISSED'}",
                flush=True,
            )
            missed += [] if peak < PEAK_MB * 1e6 else [f"{protocol} memory"]
    print("every target met" if not missed else f"missed: {', '.join(missed)}")
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
