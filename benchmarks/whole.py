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
without imports, but for the machine, whose process begins and ends in them. A contender that brings another number of
files ends the script. Exit code 1 where a target is missed: half of the monolith's time for many files at 30 ms, and
ahead of dlt in all, by the functions.
"""

import argparse
import contextlib
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from benchmarks.laptop import Partner, ran
from benchmarks.measuring.delay import round_trip
from benchmarks.measuring.job import Job
from benchmarks.measuring.many_files import cost
from benchmarks.measuring.rounds import spread
from benchmarks.small_files import deliver
from benchmarks.transfer import sftp_server
from tests.servers.daemons import Daemon
from tests.servers.processes import NotInstalledError

COLUMNS = [
    {"name": "order_id", "type": "int64"},
    {"name": "amount", "type": "decimal(12,2)"},
    {"name": "sold_on", "type": "date"},
]
OURS = ("functions", "machine")


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


SHAPES = {
    "many": Shape(1000, 100, 20),
    "large": Shape(20, 50_000, 1, small=(2, 300, 1)),
    "one": Shape(1, 2_000_000, 1, small=(1, 20_000, 1)),
    "nothing": Shape(200, 10, 20, again=True),
}


@dataclass
class Result:
    """What a contender took in a shape, round by round."""

    shape: str
    round_trip: int
    contender: str
    seconds: list[float] = field(default_factory=list)
    cpu_seconds: list[float] = field(default_factory=list)
    peak_bytes: int = 0


@dataclass(frozen=True)
class Scene:
    """A server with the files of a shape on it, some way off."""

    daemon: Daemon
    shape: Shape
    address: str

    def job(self) -> Job:
        spec = replace(self.daemon.spec, host=self.address, max_connections=4)
        return Job(spec, dict(self.daemon.secret), str(self.daemon.root), self.shape.feeds, again=self.shape.again)


def _program(name: str) -> Callable[[Scene, Path], tuple[float, float, int, int]]:
    def run(scene: Scene, folder: Path) -> tuple[float, float, int, int]:
        found = cost(name, scene.job(), folder)
        return found.seconds, found.cpu_seconds, found.peak_bytes, int(found.answer["files"])

    return run


def _machine(scene: Scene, folder: Path) -> tuple[float, float, int, int]:
    with tempfile.TemporaryDirectory(dir=folder) as name:
        base, shape = Path(name), scene.shape
        (base / "feeds").mkdir()
        far = replace(scene.daemon, spec=replace(scene.daemon.spec, host=scene.address))
        partner = Partner(far, base / "feeds", {})
        for number in range(shape.feeds):
            partner.feed(f"feed{number}", "sales_*.csv", format={"type": "csv"}, checks={"columns": COLUMNS})
        found = ran(partner, base, int(shape.again))
    files = found.landed - shape.files if shape.again else found.landed
    return found.seconds, found.cpu_seconds, found.ours + found.job, files


CONTENDERS: dict[str, Callable[[Scene, Path], tuple[float, float, int, int]]] = {
    "functions": _program("lakeferry"),
    "machine": _machine,
    "monolith": _program("monolith"),
    "rclone": _program("rclone"),
    "dlt": _program("dlt"),
}


def contest(name: str, shape: Shape, milliseconds: int, rounds: int, wanted: Sequence[str]) -> list[Result]:
    """All contenders, round by round; those that are not on this machine are named and left out."""
    results = {one: Result(name, milliseconds, one) for one in wanted}
    with _scene(shape, milliseconds) as scene, tempfile.TemporaryDirectory() as folder:
        for number in range(rounds):
            turn = number % len(results)
            order = list(results)
            for contender in (*order[turn:], *order[:turn]):
                try:
                    seconds, cpu, peak, files = CONTENDERS[contender](scene, Path(folder))
                except NotInstalledError as error:
                    print(f"  left out: {error}")
                    del results[contender]
                    continue
                expected = 0 if shape.again else shape.files
                if files != expected:
                    raise SystemExit(f"{name}: {contender} brought {files} files instead of {expected}")
                found = results[contender]
                found.seconds.append(seconds)
                found.cpu_seconds.append(cpu)
                found.peak_bytes = max(found.peak_bytes, peak)
    return list(results.values())


@contextlib.contextmanager
def _scene(shape: Shape, milliseconds: int) -> Iterator[Scene]:
    with sftp_server() as (daemon, ports):
        deliver(daemon.folder, shape.files, shape.size, shape.feeds)
        with round_trip(milliseconds, ports) if milliseconds else contextlib.nullcontext("127.0.0.1") as address:
            yield Scene(daemon, shape, address)


def told(results: Sequence[Result], shape: Shape) -> None:
    """Prints them, beside the functions' time."""
    first = results[0]
    print(
        f"{first.shape}, {first.round_trip} ms round trip: {shape.files:,} files of {shape.size:g} kB over "
        f"{shape.feeds} feeds{', taken before' if shape.again else ''}; load {os.getloadavg()[0]:.1f}"
    )
    ours = next((one for one in results if one.contender == "functions"), None)
    for one in results:
        line = f"  {one.contender:10} {spread(one.seconds):>22} s  CPU {statistics.median(one.cpu_seconds):7.2f} s"
        line += f"  {one.peak_bytes / 1e6:7.0f} MB"
        if ours is not None and one is not ours:
            line += f"   its time over the functions' {_ratio(one, ours):.2f}"
        print(line, flush=True)


def _ratio(one: Result, other: Result) -> float:
    """Of rounds side by side, the median."""
    return statistics.median(a / b for a, b in zip(one.seconds, other.seconds, strict=True))


def missed(results: Sequence[Result]) -> list[str]:
    """Targets that the functions did not meet."""
    by_name = {one.contender: one for one in results}
    if "functions" not in by_name:
        return []
    ours, where = by_name["functions"], f"{results[0].shape} at {results[0].round_trip} ms"
    found = []
    if (
        (ours.shape, ours.round_trip) == ("many", 30)
        and "monolith" in by_name
        and _ratio(by_name["monolith"], ours) < 2
    ):
        found.append(f"{where}: half of the monolith's time")
    if "dlt" in by_name and _ratio(by_name["dlt"], ours) < 1:
        found.append(f"{where}: ahead of dlt")
    return found


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
    every: list[Result] = []
    late: list[str] = []
    for name in options.shapes.split(","):
        shape = SHAPES[name].smaller() if options.small else SHAPES[name]
        for milliseconds in map(int, options.round_trips.split(",")):
            results = contest(name, shape, milliseconds, options.rounds, options.contenders.split(","))
            told(results, shape)
            late += missed(results)
            every += results
    if options.json:
        options.json.write_text(json.dumps([asdict(one) for one in every], indent=1) + "\n")
    print("every target met" if not late else f"missed: {', '.join(late)}")
    return int(bool(late))


if __name__ == "__main__":
    sys.exit(main())
