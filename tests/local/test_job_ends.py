"""Whoever waits for a Glue job of the local AWS is told when one ends."""

import threading

from local.glue import Ends


class _Patient(Ends):
    LONGEST_SECONDS = 600


def test_a_wait_ends_when_a_job_does() -> None:
    ends, waits = _Patient(), threading.Event()

    def wait() -> None:
        waits.set()
        ends.wait()

    waiter = threading.Thread(target=wait)
    waiter.start()
    waits.wait()
    while waiter.is_alive():
        ends.tell()
        waiter.join(0.01)


def test_one_that_ended_before_the_wait_began_is_asked_for_at_once() -> None:
    ends = _Patient()
    ends.tell()
    ends.wait()


def test_a_wait_that_nothing_ends_is_short() -> None:
    Ends().wait()
