"""A transfer that is too slow is left; a pause, a slow sink or the last byte of a file is not."""

import pytest

from lakeferry.errors import TransferInterruptedError
from lakeferry.servers.file_server import GuardedSink
from lakeferry.servers.pace import MEASURED_SECONDS, Pace


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def transfer(clock: Clock, least: float, *, wanted: float = 10**9, sink_seconds: float = 0) -> GuardedSink:
    def sink(view: memoryview) -> bool:
        clock.now += sink_seconds
        return True

    return GuardedSink(sink, Pace(least, "/out/a.csv", "files.acme.example:21", clock), wanted)


def test_a_byte_a_minute_is_given_up() -> None:
    clock = Clock()
    sink = transfer(clock, 1000)
    clock.now += 60
    sink(memoryview(b"x"))
    clock.now += 60
    with pytest.raises(TransferInterruptedError, match="comes too slowly: 2 bytes in 120 s"):
        sink(memoryview(b"x"))
    assert sink.raised is not None


@pytest.mark.parametrize(("least", "count"), [(1000, 60_000), (0, 1)])
def test_what_is_fast_enough_goes_on_for_ever(least: float, count: int) -> None:
    clock = Clock()
    sink = transfer(clock, least)
    for _ in range(100):
        clock.now += 59
        sink(memoryview(bytes(count)))
    assert sink.handed == 100 * count


def test_a_pause_within_the_time_that_is_measured_is_no_slow_line() -> None:
    clock = Clock()
    sink = transfer(clock, 1000)
    for _ in range(10):
        clock.now += MEASURED_SECONDS - 1
        sink(memoryview(b"x"))
        clock.now += 1
        sink(memoryview(bytes(1000 * MEASURED_SECONDS)))


def test_the_time_that_a_sink_takes_is_not_the_servers() -> None:
    clock = Clock()
    sink = transfer(clock, 1000, sink_seconds=600)
    for _ in range(10):
        clock.now += 1
        sink(memoryview(bytes(2000)))


def test_a_file_that_is_whole_is_taken_however_slowly_it_came() -> None:
    clock = Clock()
    sink = transfer(clock, 1000, wanted=1)
    clock.now += 600
    assert sink(memoryview(b"x"))
