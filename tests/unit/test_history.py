"""Histories that are drawn: whatever partners, people and machines do, each version is there once, or told.

In `make test` a few, always the same; LAKEFERRY_DRAWN=500 draws so many others.
"""

import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import boto3
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test
from moto import mock_aws

from cli.feeds.pending import Rest
from lakeferry.ledger import Ledger
from local import moto_shims
from tests import known_calls, known_clients
from tests.kept_clients import kept_clients
from tests.unit.conftest import new_buckets, new_feeds_table, new_ledger
from tests.unit.history import FAULTS, FILES, SECOND, History, counting

DRAWN = int(os.environ.get("LAKEFERRY_DRAWN", "0"))
FEED = st.sampled_from(list(FILES))
NUMBER = st.sampled_from([1, 2])
"""No `integers`: which of them Hypothesis tries depends on the modules a process has loaded, and a test is to draw the
same everywhere."""
FAULTY = st.lists(st.none() | st.sampled_from(FAULTS), max_size=6)


class Histories(RuleBasedStateMachine):
    """One history."""

    around: Callable[[], History]

    def __init__(self) -> None:
        super().__init__()
        self.history: History = self.around()
        self.hour = 0

    @rule(feed=FEED, number=NUMBER, ago=st.sampled_from([0, 0, 90_000]), marked=st.booleans())
    def deliver(self, feed: str, number: int, ago: int, marked: bool) -> None:
        self.history.deliver(feed, number, seconds_ago=ago, is_marked=marked)

    @rule(feed=FEED, number=NUMBER)
    def restore(self, feed: str, number: int) -> None:
        self.history.restore(feed, number)

    @rule(feed=FEED, number=NUMBER)
    def vanish(self, feed: str, number: int) -> None:
        self.history.vanish(feed, number)

    @rule(faults=FAULTY, minutes=st.sampled_from([60, 60, 20]))
    def run(self, faults: list[str | None], minutes: int) -> None:
        self.hour += 1
        self.history.faults_due = iter(faults)
        self.history.start({"trigger": "schedule", "time": self.history.now.isoformat()}, f"hourly-{self.hour}")
        self.history.run_all()
        self.history.now += SECOND * 60 * minutes

    @rule()
    def curate(self) -> None:
        self.history.curate()

    @rule(faults=FAULTY)
    def reprocess(self, faults: list[str | None]) -> None:
        self.history.faults_due = iter(faults)
        answer = self.history.reprocess(by="schedule")
        assert len(answer["executions"]) >= (answer["start"] > 0), "what is to be started is started"
        self.history.run_all()

    @precondition(lambda self: self.history.hanging)
    @rule()
    def ends(self) -> None:
        self.history.ends()

    @rule(feed=FEED, source=st.sampled_from(["inbox", "server", "raw"]), faults=FAULTY, twice=st.booleans())
    def backfill(self, feed: str, source: str, faults: list[str | None], twice: bool) -> None:
        self.history.faults_due = iter(faults)
        for _ in range(1 + twice):
            answer = self.history.backfill(feed, source)
            assert bool(answer["executions"]) is bool(answer["files"]), "who asked knows what was started"
        self.history.run_all()

    @rule(feed=FEED, what=st.sampled_from([Rest.DROP, Rest.KEEP, None]))
    def delete(self, feed: str, what: Rest | None) -> None:
        self.history.delete_feed(feed, what)

    @rule(feed=FEED)
    def put(self, feed: str) -> None:
        self.history.put_feed(feed)

    def teardown(self) -> None:
        self.history.settle()
        assert self.history.wrong() == []


@pytest.fixture
def around(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], History]]:
    """Begins a history in an AWS of its own."""
    original, number, mock = Ledger.land, itertools.count(), mock_aws()
    moto_shims.apply()
    known_clients.apply_to_moto()
    known_calls.apply_to_moto()
    with ExitStack() as stack:

        def begin() -> History:
            stack.close()
            mock.start()
            stack.callback(mock.stop)
            stack.enter_context(kept_clients())
            sqs = boto3.client("sqs")
            queue = sqs.create_queue(QueueName="dead.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
            root = tmp_path / str(next(number))
            history = History(root, new_feeds_table(), new_ledger(), new_buckets(), sqs, queue)
            for module in ("lakeferry.ledger.files", "fetch.core", "validate.core", "worklist"):
                monkeypatch.setattr(f"{module}.utc_now", history.time)
            monkeypatch.setattr(Ledger, "land", counting(history, original))
            return history

        yield begin


@pytest.mark.slow(seconds=15)
@pytest.mark.timeout(DRAWN * 60 + 600)
def test_each_version_is_there_once_or_told(around: Callable[[], History]) -> None:
    class Drawn(Histories):
        pass

    Drawn.around = staticmethod(around)
    run_state_machine_as_test(
        Drawn,
        settings=settings(
            max_examples=DRAWN or 8,
            stateful_step_count=14,
            derandomize=not DRAWN,
            deadline=None,
            database=None,
            phases=[Phase.generate],  # what fails is found again step by step; to shrink it takes an hour
            suppress_health_check=list(HealthCheck),
        ),
    )
