"""Contenders in turn, round by round, and how the first of them compares."""

import os
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.measuring.processes import Cost


@dataclass(frozen=True)
class Contender:
    """Somebody who does the work.

    Attributes:
        run: Does it once.
        digest: Does it once more, untimed; SHA-256 of the bytes it brought.
        target: The least that our rate is to be of its rate; None where it is shown only.
    """

    name: str
    run: Callable[[], Cost]
    digest: Callable[[], str | None]
    target: float | None = None


class WrongBytesError(Exception):
    """What a contender brought is not what the server has."""


@dataclass(frozen=True)
class Result:
    """
    Attributes:
        ours: What each of our runs cost.
        missed: Contenders whose target was not met.
    """

    ours: Sequence[Cost]
    missed: Sequence[str]


def contest(title: str, contenders: Sequence[Contender], size: int, rounds: int, expected: str) -> Result:
    """Lets each prove its bytes, then run in turn; prints a table. The first contender is ours.

    Each round begins with another contender, so that nobody always follows the same one.

    Args:
        size: Bytes a run brings.
        expected: Their SHA-256.

    Raises:
        WrongBytesError: somebody brings others.
    """
    for contender in contenders:
        found = contender.digest()
        if found != expected:
            raise WrongBytesError(f"{title}: {contender.name} brought {found}, the server has {expected}")
    costs: dict[str, list[Cost]] = {contender.name: [] for contender in contenders}
    for number in range(rounds):
        turn = number % len(contenders)
        for contender in (*contenders[turn:], *contenders[:turn]):
            costs[contender.name].append(contender.run())
    print(f"{title}: {size / 1e9:.2f} GB, {rounds} rounds, load {os.getloadavg()[0]:.1f}")
    print(f"  {'':24} {'MB/s':>7} {'CPU s/GB':>9} {'peak MB':>8}   our rate / its rate   its CPU / ours")
    ours = costs[contenders[0].name]
    missed: list[str] = []
    for contender in contenders:
        its = costs[contender.name]
        rate = size / 1e6 / statistics.median(cost.seconds for cost in its)
        processor = statistics.median(cost.cpu_seconds for cost in its) / size * 1e9
        peak = max(cost.peak_bytes for cost in its) / 1e6
        line = f"  {contender.name:24} {rate:7.0f} {processor:9.2f} {peak:8.0f}"
        if contender is not contenders[0]:
            paired = [other.seconds / own.seconds for own, other in zip(ours, its, strict=True)]
            processors = [other.cpu_seconds / own.cpu_seconds for own, other in zip(ours, its, strict=True)]
            line += f"   {spread(paired):21} {spread(processors)}"
            if contender.target is not None:
                met = statistics.median(paired) >= contender.target
                line += f"   target {contender.target}: {'met' if met else 'MISSED'}"
                missed += [] if met else [f"{title}: {contender.name}"]
        print(line.rstrip(), flush=True)
    return Result(ours, missed)


def spread(values: Sequence[float]) -> str:
    """Median, least and most; of one value, that."""
    if len(values) == 1:
        return f"{values[0]:.2f}"
    return f"{statistics.median(values):.2f} ({min(values):.2f}–{max(values):.2f})"
