"""What functions say when they begin to wait, as their log has it: without it a wait looks like a hang."""

import json
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

LOOK_SECONDS = 0.3


def waits_in(lines: Iterable[str]) -> Iterator[str]:
    """Of lines of the functions' log those that begin a wait, in words."""
    for feed_id, what, seconds in _waits_in(lines):
        yield f"{feed_id}: {what} (up to {seconds:g} s)" if feed_id else f"{what} (up to {seconds:g} s)"


def _waits_in(lines: Iterable[str]) -> Iterator[tuple[str, str, float]]:
    for line in lines:
        try:
            found = json.loads(line) if "waits_seconds" in line else {}
        except ValueError:  # of a process that was killed in the middle of it
            continue
        if isinstance(found, dict) and "waits_seconds" in found:
            of = f"{found['tenant']}/{found['feed']}" if "tenant" in found and "feed" in found else ""
            yield of, found["message"], found["waits_seconds"]


def follow(log: Path, tell: Callable[[str], object]) -> threading.Event:
    """Tells of each wait that is logged from now on, in words, in a thread, until the event is set."""
    return _follow(log, lambda lines: [tell(text) for text in waits_in(lines)])


def waits_of(log: Path, tell: Callable[[str, str, float], object]) -> threading.Event:
    """The same with the feed (empty where it is none's), what it waits for, and for how many seconds at most."""
    return _follow(log, lambda lines: [tell(*wait) for wait in _waits_in(lines)])


def _follow(log: Path, tell: Callable[[Iterable[str]], object]) -> threading.Event:
    ended = threading.Event()
    start = log.stat().st_size if log.exists() else 0

    def look() -> None:
        at, rest = start, ""
        while True:
            is_over = ended.wait(LOOK_SECONDS)
            if log.exists():
                with log.open("rb") as file:
                    file.seek(at)
                    data = file.read()
                at += len(data)
                *lines, rest = (rest + data.decode("utf-8", "replace")).split("\n")
                tell(lines)
            if is_over:
                return

    threading.Thread(target=look, daemon=True).start()
    return ended
