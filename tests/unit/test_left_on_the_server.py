"""What a poll does not take reaches a person."""

from typing import Any

from lakeferry.models import FileItem
from tests.conftest import OTHER_RUN, RUN
from tests.unit.pipeline import CSV, Pipeline, files


def curate(pipeline: Pipeline, items: list[FileItem]) -> str:
    """Takes the files all the way; the success mail's text."""
    for item in items:
        pipeline.all(item)
        pipeline.ledger.advance(item, status="CURATED", rows_curated=2, rows_dropped={}, remove=("pending",))
    return str(pipeline.summary(items[0].run)["message"])


def test_a_run_that_took_everything_says_that_nothing_is_to_be_done(pipeline: Pipeline) -> None:
    pipeline.put("sales_20261101.csv", CSV)
    message = curate(pipeline, pipeline.poll())
    assert "Not taken" not in message
    assert "\nYou need not do anything.\n" in message


def test_what_a_poll_left_is_in_the_runs_mail(pipeline: Pipeline) -> None:
    pipeline.configure(files=files(max_files_per_run=1, settle_seconds=7200))
    for number in range(3):
        pipeline.put(f"{number}.csv", CSV, age=5 * 86_400)
    pipeline.put("fresh.csv", CSV, age=0)
    pipeline.server.unread = ["garbage \x00 1", "drwx", "folder skipped: cannot list /outgoing/in"]
    message = curate(pipeline, pipeline.poll())
    assert "- acme/daily_sales: 2 files over files.max_files_per_run; the next run takes them" in message
    assert "- acme/daily_sales: 1 file may still be uploading (files.settle_seconds)" in message
    assert "a line of the listing could not be parsed; that file was skipped: 'garbage \\x00 1'" in message
    assert "a folder could not be listed; its files were skipped: 'cannot list /outgoing/in'" in message
    assert "Ask the partners about the lines that could not be parsed." in message


def test_files_without_their_marker_are_counted(pipeline: Pipeline) -> None:
    more: dict[str, Any] = {"marker": "{name}.done", "checksum_file": "{name}.sha256"}
    pipeline.configure(files=files(**more))
    for name in ("a.csv", "a.csv.done", "a.csv.sha256", "b.csv", "b.csv.done", "c.csv"):
        pipeline.put(name, CSV if name.endswith("csv") else b"", age=50)
    assert [item.path for item in pipeline.poll()] == ["/outgoing/a.csv"]
    assert pipeline.result["waiting"] == 2
    (told,) = pipeline.ledger.feeds.of_run(RUN)
    assert told["left"]["waiting"] == 2


def test_a_later_poll_that_leaves_nothing_takes_the_word_back(pipeline: Pipeline) -> None:
    pipeline.configure(files=files(max_files_per_run=1))
    pipeline.put("a.csv", CSV)
    pipeline.put("b.csv", CSV)
    pipeline.poll()
    assert [told["left"]["carried_over"] for told in pipeline.ledger.feeds.of_run(RUN)] == [1]
    assert len(list(pipeline.ledger.of_run(RUN))) == 1, "a feed's own item is no file"
    pipeline.poll(OTHER_RUN)
    assert pipeline.ledger.feeds.of_run(RUN) == pipeline.ledger.feeds.of_run(OTHER_RUN) == []


def test_a_duplicate_owes_the_run_nothing(pipeline: Pipeline) -> None:
    pipeline.configure(files=files(same_content="skip"))
    pipeline.put("a.csv", CSV, age=100)
    curate(pipeline, pipeline.poll())
    pipeline.put("a.csv", CSV, age=50)
    pipeline.put("b.csv", CSV, age=50)
    duplicate, other = sorted(pipeline.poll(OTHER_RUN), key=lambda item: item.path)
    pipeline.fetch(duplicate)
    pipeline.validate(duplicate)
    assert pipeline.upload(duplicate) == {"raw_keys": []}
    assert "1 of 2 files" in curate(pipeline, [other])
