"""A version that differs only by what the listing stopped showing is the one we have."""

from datetime import UTC, datetime

import pytest

from lakeferry.models import RemoteFile
from tests.conftest import OTHER_RUN
from tests.unit.pipeline import CSV, Pipeline, files

FTP = {
    "protocol": "ftp", "host": "files.acme.example", "username": "lake", "secret": "lakeferry/acme/daily_sales",
    "allow_plaintext": True,
}  # fmt: skip
MINUTE = int(datetime(2026, 3, 23, 16, 33, tzinfo=UTC).timestamp())
DAY = int(datetime(2026, 3, 23, tzinfo=UTC).timestamp())


def listed(pipeline: Pipeline, size: int, mtime: int, listed_mtime: int | None = None) -> None:
    """What the server shows of the only file from now on."""
    found = RemoteFile("/outgoing/a.csv", size, mtime, listed_mtime)
    pipeline.server.list_files = lambda *_, **__: iter([found])  # type: ignore[method-assign]
    pipeline.server.stat = lambda path: found  # type: ignore[method-assign]


@pytest.fixture
def taken(pipeline: Pipeline) -> Pipeline:
    """A file of that minute is in the lake."""
    pipeline.configure(files=files(), server=FTP)
    pipeline.put("a.csv", CSV)
    listed(pipeline, len(CSV), MINUTE)
    (item,) = pipeline.poll()
    pipeline.all(item)
    pipeline.ledger.advance(item, status="CURATED", rows_curated=2, rows_dropped={}, remove=("pending",))
    return pipeline


def test_half_a_year_later_the_same_file_is_no_new_version(taken: Pipeline) -> None:
    listed(taken, len(CSV), DAY)
    assert taken.poll(OTHER_RUN) == []


def test_a_file_of_another_size_or_day_is_one(taken: Pipeline) -> None:
    listed(taken, len(CSV) + 1, DAY)
    assert len(taken.poll(OTHER_RUN)) == 1
    listed(taken, len(CSV), DAY - 86_400)
    assert len(taken.poll(OTHER_RUN)) == 1


def test_a_time_that_the_server_refuses_today_makes_no_new_version(taken: Pipeline) -> None:
    listed(taken, len(CSV), MINUTE + 7)
    (item,) = taken.poll(OTHER_RUN)
    taken.all(item)
    taken.ledger.advance(item, status="CURATED", rows_curated=2, rows_dropped={}, remove=("pending",))
    listed(taken, len(CSV), MINUTE + 1, MINUTE + 1)
    assert taken.poll(OTHER_RUN) == []
