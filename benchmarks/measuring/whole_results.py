"""What `whole.py` found, kept in a file round by round, so that a run of hours goes on where it ended; its targets."""

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.measuring.circumstances import is_of_this_commit

OURS, MONOLITH, DLT = "functions", "monolith", "dlt"
HALF, SLOWEST_STEP = 0.5, 1.3
STAGES = ("Fetch files", "Validate files", "Upload files")


@dataclass(frozen=True)
class Took:
    """What a contender took in one round.

    Attributes:
        parts: What its seconds and CPU seconds were made of, where that is known.
    """

    seconds: float
    cpu_seconds: float
    peak_bytes: int
    files: int
    parts: dict[str, float]


@dataclass
class Result:
    """What a contender took in a shape, round by round; `parts` is empty where they are not known."""

    contender: str
    seconds: list[float] = field(default_factory=list)
    cpu_seconds: list[float] = field(default_factory=list)
    peak_bytes: int = 0
    parts: list[dict[str, float]] = field(default_factory=list)

    def add(self, took: Took) -> None:
        """One more round."""
        self.seconds.append(took.seconds)
        self.cpu_seconds.append(took.cpu_seconds)
        self.peak_bytes = max(self.peak_bytes, took.peak_bytes)
        self.parts += [took.parts] if took.parts else []

    def part(self, name: str) -> float | None:
        """The median of one of its parts."""
        found = [one[name] for one in self.parts if name in one]
        return statistics.median(found) if found else None


@dataclass
class Found:
    """A shape at a round trip.

    Attributes:
        shape, told: Its name, and what it is.
        circumstances: `circumstances.begun`, of the first round's begin and the last one's end.
        left_out: Contenders that are not on the machine, and why.
    """

    shape: str
    round_trip: int
    told: str
    circumstances: dict[str, Any]
    results: list[Result] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)

    def of(self, contender: str) -> Result | None:
        """What it took; None where it has no round."""
        return next((one for one in self.results if one.contender == contender and one.seconds), None)


@dataclass(frozen=True)
class Verdict:
    """A target, and what was found.

    Attributes:
        ratio: What must not be over `limit`.
    """

    what: str
    ratio: float
    limit: float

    @property
    def is_met(self) -> bool:
        return self.ratio <= self.limit

    def __str__(self) -> str:
        return f"{self.what}: {self.ratio:.2f} of at most {self.limit:g}, {'met' if self.is_met else 'MISSED'}"


def ratios(one: Result, other: Result) -> list[float]:
    """Of rounds side by side; a contender that was asked for alone has more of them."""
    return [a / b for a, b in zip(one.seconds, other.seconds, strict=False)]


def ratio(one: Result, other: Result) -> float:
    """Their median."""
    return statistics.median(ratios(one, other))


def verdicts(found: Found) -> list[Verdict]:
    """The targets of a shape, which are the functions'."""
    ours = found.of(OURS)
    if ours is None:
        return []
    told = []
    monolith, dlt = found.of(MONOLITH), found.of(DLT)
    if monolith is not None and (found.shape, found.round_trip) == ("many", 30):
        told.append(Verdict("the functions' time over the monolith's", ratio(ours, monolith), HALF))
    if dlt is not None:
        told.append(Verdict("the functions' time over dlt's", ratio(ours, dlt), 1))
    if found.shape == "one" and ours.parts:
        # of one file nothing runs beside, so each step is alone in the run itself
        over = [
            seconds / max(parts[name] for name in STAGES)
            for seconds, parts in zip(ours.seconds, ours.parts, strict=True)
        ]
        slowest = max(STAGES, key=lambda name: ours.part(name) or 0)
        told.append(Verdict(f'the functions\' time over "{slowest}" alone', statistics.median(over), SLOWEST_STEP))
    return told


class Kept:
    """The file of all shapes; None keeps nothing."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self.found = read(path) if path is not None and path.exists() else []

    def of(self, shape: str, round_trip: int, told: str) -> Found | None:
        """What was found on this commit in the same shape, for more rounds, other contenders, or to be told again."""
        for one in self.found:
            if (one.shape, one.round_trip, one.told) == (shape, round_trip, told):
                return one if is_of_this_commit(one.circumstances) else None
        return None

    def keep(self, found: Found) -> None:
        """Writes it, in place of what was kept of that shape and round trip."""
        here = (found.shape, found.round_trip)
        if here in (places := [(one.shape, one.round_trip) for one in self.found]):
            self.found[places.index(here)] = found
        else:
            self.found.append(found)
        if self._path is not None:
            new = self._path.with_name(self._path.name + ".new")  # one that is ended in the middle leaves the old one
            new.write_text(json.dumps([asdict(one) for one in self.found], indent=1) + "\n", "utf-8")
            new.replace(self._path)


def read(path: Path) -> list[Found]:
    """What a file keeps."""
    return parsed(json.loads(path.read_text("utf-8")))


def parsed(entries: Sequence[Mapping[str, Any]]) -> list[Found]:
    """The same, of its JSON."""
    return [Found(**{**entry, "results": [Result(**one) for one in entry["results"]]}) for entry in entries]
