#!/usr/bin/env python3
"""The whole way of the same files, by Lakeferry and by what one would use in its place.

    PYTHONPATH=functions:glue:. python benchmarks/whole.py [--small] [--shapes many,large,one,nothing] [--rounds N]
        [--round-trips 0,30] [--contenders functions,machine,monolith,rclone,dlt] [--json FILE]

Contenders, in turn, each round beginning with another:
  functions  Lakeferry's own, driven by a plain loop with the state machine's concurrency: what AWS adds nothing but its
             own time to. They end with checked rows in the raw zone
  machine    `lakeferry run`: the real state machine, functions and job on the local AWS, to curated Parquet
  monolith   one program, one feed after the other: paramiko, Arrow, Parquet; what people write first
  rclone     rclone copies, DuckDB reads typed and writes Parquet
  dlt        its SFTP source and Arrow's reader, to Parquet
Shapes: 1,000 files of 100 kB over 20 feeds; 20 files of 50 MB; one of 2 GB; nothing new in 20 feeds. Seconds are
without imports, but for the machine, whose process begins and ends in them; its are told in parts, too: those in which
some function was at work, those of the job's states, and CPU of engine (state machine, moto, start), functions and job.
A contender that brings another number of files ends the script.

FILE is written after each round, and what it has of this commit is not measured again: a run that was ended goes on,
shapes and round trips measured one by one come together in it, and more `--rounds` are added to those it has.
Exit code 1 where a target is missed, all of them the functions': half of the monolith's time for many files at 30 ms;
ahead of dlt in all; one file within 1.3 times its slowest step alone (Fetch, Validate or Upload, beside which nothing
runs where there is one file).
"""

import argparse
import contextlib
import os
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.laptop import Partner, ran
from benchmarks.measuring import circumstances
from benchmarks.measuring.delay import round_trip
from benchmarks.measuring.job import Job
from benchmarks.measuring.many_files import cost
from benchmarks.measuring.rounds import spread
from benchmarks.measuring.whole_results import OURS, Found, Kept, Result, Took, ratio, verdicts
from benchmarks.small_files import deliver
from benchmarks.transfer import sftp_server
from tests.servers.daemons import Daemon
from tests.servers.processes import NotInstalledError

COLUMNS = [
    {"name": "order_id", "type": "int64"},
    {"name": "amount", "type": "decimal(12,2)"},
    {"name": "sold_on", "type": "date"},
]


@dataclass(frozen=True)
class Shape:
    """What is delivered.

    Attributes:
        size: kB of each file.
        again: All of it has been taken before.
        small: The same with little, to see that it works.
    """

    files: int
    size: float
    feeds: int
    again: bool = False
    small: tuple[int, float, int] = (6, 2, 2)

    def smaller(self) -> "Shape":
        files, size, feeds = self.small
        return replace(self, files=files, size=size, feeds=feeds)

    def __str__(self) -> str:
        again = ", taken before" if self.again else ""
        return f"{self.files:,} files of {self.size:g} kB over {self.feeds} feeds{again}"


SHAPES = {
    "many": Shape(1000, 100, 20),
    "large": Shape(20, 50_000, 1, small=(2, 300, 1)),
    "one": Shape(1, 2_000_000, 1, small=(1, 20_000, 1)),
    "nothing": Shape(200, 10, 20, again=True),
}


@dataclass(frozen=True)
class Scene:
    """A server with the files of a shape on it, some way off."""

    daemon: Daemon
    shape: Shape
    address: str

    def job(self) -> Job:
        spec = replace(self.daemon.spec, host=self.address, max_connections=4)
        return Job(spec, dict(self.daemon.secret), str(self.daemon.root), self.shape.feeds, again=self.shape.again)


def _program(name: str) -> Callable[[Scene, Path], Took]:
    def run(scene: Scene, folder: Path) -> Took:
        found = cost(name, scene.job(), folder)
        files, parts = int(found.answer["files"]), found.answer.get("stages", {})
        return Took(found.seconds, found.cpu_seconds, found.peak_bytes, files, parts)

    return run


def _machine(scene: Scene, folder: Path) -> Took:
    with tempfile.TemporaryDirectory(dir=folder) as name:
        base, shape = Path(name), scene.shape
        (base / "feeds").mkdir()
        far = replace(scene.daemon, spec=replace(scene.daemon.spec, host=scene.address))
        partner = Partner(far, base / "feeds", {})
        for number in range(shape.feeds):
            partner.feed(f"feed{number}", "sales_*.csv", format={"type": "csv"}, checks={"columns": COLUMNS})
        found = ran(partner, base, int(shape.again))
    files = found.landed - shape.files if shape.again else found.landed
    return Took(found.seconds, found.cpu_seconds, found.ours + found.job, files, found.parts)


CONTENDERS: dict[str, Callable[[Scene, Path], Took]] = {
    OURS: _program("lakeferry"),
    "machine": _machine,
    "monolith": _program("monolith"),
    "rclone": _program("rclone"),
    "dlt": _program("dlt"),
}


def contest(found: Found, shape: Shape, rounds: int, wanted: Sequence[str], keep: Callable[[Found], None]) -> None:
    """All contenders, round by round, up to so many; those that are not on this machine are named and left out."""
    known = {one.contender for one in found.results}
    found.results += [Result(one) for one in wanted if one not in known and one not in found.left_out]
    asked = [one for one in found.results if one.contender in wanted]
    done = min((len(one.seconds) for one in asked), default=rounds)
    if done >= rounds:
        return
    with _scene(shape, found.round_trip) as scene, tempfile.TemporaryDirectory() as folder:
        for number in range(done, rounds):
            lacking = [one for one in asked if len(one.seconds) == number and one in found.results]
            turn, taken = number % max(len(lacking), 1), dict[str, Took]()
            for result in (*lacking[turn:], *lacking[:turn]):
                try:
                    taken[result.contender] = _took(found, result.contender, scene, Path(folder))
                except NotInstalledError as error:
                    found.left_out[result.contender] = str(error)
                    found.results.remove(result)
            for result in lacking:  # when all have had the round, so that those side by side stay so
                if result.contender in taken:
                    result.add(taken[result.contender])
            found.circumstances = circumstances.ended(found.circumstances)
            keep(found)


def _took(found: Found, contender: str, scene: Scene, folder: Path) -> Took:
    took = CONTENDERS[contender](scene, folder)
    expected = 0 if scene.shape.again else scene.shape.files
    if took.files != expected:
        raise SystemExit(f"{found.shape}: {contender} brought {took.files} files instead of {expected}")
    return took


@contextlib.contextmanager
def _scene(shape: Shape, milliseconds: int) -> Iterator[Scene]:
    with sftp_server() as (daemon, ports):
        deliver(daemon.folder, shape.files, shape.size, shape.feeds)
        with round_trip(milliseconds, ports) if milliseconds else contextlib.nullcontext("127.0.0.1") as address:
            yield Scene(daemon, shape, address)


def told(found: Found) -> bool:
    """Prints them, beside the functions' time, and the targets; whether each is met."""
    print(f"{found.shape}, {found.round_trip} ms round trip: {found.told}; {circumstances.told(found.circumstances)}")
    for reason in found.left_out.values():
        print(f"  left out: {reason}")
    ours = found.of(OURS)
    for one in found.results:
        line = f"  {one.contender:10} {spread(one.seconds):>22} s  CPU {statistics.median(one.cpu_seconds):7.2f} s"
        line += f"  {one.peak_bytes / 1e6:7.0f} MB"
        if ours is not None and one is not ours:
            line += f"   its time over the functions' {ratio(one, ours):.2f}"
        print(line)
        names = dict.fromkeys(name for parts in one.parts for name in parts)
        if names:
            print("    " + ", ".join(f"{name} {one.part(name):.2f} s" for name in names))
    judged = verdicts(found)
    for verdict in judged:
        print(f"  {verdict}", flush=True)
    return all(verdict.is_met for verdict in judged)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="little of everything, to see that it works")
    parser.add_argument("--shapes", default=",".join(SHAPES))
    parser.add_argument("--contenders", default=",".join(CONTENDERS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--round-trips", default="0,30", help="milliseconds")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    os.umask(0o022)
    kept, wanted = Kept(options.json), options.contenders.split(",")
    is_met = True
    for name in options.shapes.split(","):
        shape = SHAPES[name].smaller() if options.small else SHAPES[name]
        for milliseconds in map(int, options.round_trips.split(",")):
            found = kept.of(name, milliseconds, str(shape))
            if found is None:
                found = Found(name, milliseconds, str(shape), circumstances.begun())
            contest(found, shape, options.rounds, wanted, kept.keep)
            is_met &= told(found)
    print("every target met" if is_met else "a target was missed")
    return int(not is_met)


if __name__ == "__main__":
    sys.exit(main())
