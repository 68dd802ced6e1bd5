#!/usr/bin/env python3
"""The job's own time in a stack that is warm, as an end-to-end test has it: runs of a small feed, one after another.

    PYTHONPATH=functions:glue:. python benchmarks/warm_job.py [--runs 8] [--rows 3] [--engines small,spark]

Stack, server and feed are those of tests/e2e: the local AWS in this process, functions as warm processes, SFTP. Each
run brings one file of a new day. Seconds are of the state *Run Glue job*, from when the state machine entered it until
it left it; CPU seconds are of the job's process and its Java meanwhile. The first run starts what the others find.
`small` is what a laptop does without a word (Arrow), `spark` has every partition built by Spark. Exit code 1 where the
median of the runs after the first is over the target.
"""

import argparse
import os
import statistics
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks.curating.tree import cpu_seconds, descendants
from local.engines import ENGINE, FORCED
from local.stack import Event
from tests.e2e.conftest import PASSWORD, World

STATE = "Run Glue job"
TARGET_SECONDS = 1.0


@dataclass(frozen=True)
class Ran:
    """The job's state in one run."""

    seconds: float
    cpu_seconds: float


class JobWatch:
    """A listener of runs that keeps what each one's job took."""

    def __init__(self) -> None:
        self.runs: list[Ran] = []
        self._entered, self._used = 0.0, 0.0

    def __call__(self, event: Event) -> None:
        if event.item or event.state != STATE:
            return
        used = sum(map(cpu_seconds, _job_processes()))
        if event.kind == "entered":
            self._entered, self._used = event.time, used
        else:
            self.runs.append(Ran(event.time - self._entered, used - self._used))


def _job_processes() -> list[int]:
    """The processes that run jobs, and their Java."""
    return [
        pid
        for child in descendants(os.getpid())
        if b"local.job_process" in Path(f"/proc/{child}/cmdline").read_bytes()
        for pid in descendants(child)
    ]


def measure(engine: str, runs: int, rows: int) -> list[Ran]:
    """What the job took in each of so many runs.

    Raises:
        SystemExit: one failed, or another engine has built a partition.
    """
    from local import glue_job
    from local.aws import LocalAws
    from local.partners import SftpPartner

    os.environ[ENGINE] = engine  # of this process, and of the job's when it starts
    watch = JobWatch()
    with tempfile.TemporaryDirectory() as name:
        root, lake = Path(name) / "partner", Path(name) / "lake"
        root.mkdir()
        with (
            SftpPartner(root, username="lake", password=PASSWORD) as partner,
            LocalAws(folder=lake, time_scale=0.01) as aws,
        ):
            aws.on_event(watch)
            tenant = World(aws, partner, root).tenant()
            tenant.configure()
            for day in range(1, runs + 1):
                tenant.deliver(f"sales_202611{day:02d}_a.csv", rows)
                if tenant.run()["status"] != "SUCCEEDED":
                    raise SystemExit(f"{engine}: run {day} failed")
            built = {entry["curated_by"] for entry in tenant.files().values()}
            glue_job.processes.close()
    if built != {"spark" if engine == "spark" else "arrow"} or len(watch.runs) != runs:
        raise SystemExit(f"{engine}: {len(watch.runs)} jobs, partitions built by {built}")
    return watch.runs


def told(engine: str, runs: list[Ran]) -> bool:
    """Prints what it took; whether the target was met."""
    first, second, *_ = runs
    seconds = statistics.median(each.seconds for each in runs[1:])
    met = seconds <= TARGET_SECONDS
    print(
        f"{engine}: {first.seconds:.2f} s in the first run, {second.seconds:.2f} s in the second; median after the "
        f"first {seconds:.2f} s and {statistics.median(each.cpu_seconds for each in runs[1:]):.2f} CPU s, "
        f"load {os.getloadavg()[0]:.1f} (target {TARGET_SECONDS:g} s: {'met' if met else 'missed'})",
        flush=True,
    )
    return met


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=8, help="of each engine, at most 28")
    parser.add_argument("--rows", type=int, default=3, help="of each file")
    parser.add_argument("--engines", default=",".join(reversed(FORCED)))
    options = parser.parse_args()
    met = [told(engine, measure(engine, options.runs, options.rows)) for engine in options.engines.split(",")]
    return int(not all(met))


if __name__ == "__main__":
    sys.exit(main())
