"""A listing balances; what is a feed's and stays on the server is told, and so is a pattern that fits nothing."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lakeferry.batches import Batch, BatchFile, Call
from lakeferry.errors import FileChangedError
from lakeferry.models import RemoteFile
from lakeferry.servers.walk import FILE, FOLDER, UNREAD, Entry
from poll.balance import CLASSES, Balance
from poll.watch import MOST_WATCHED
from tests.conftest import OTHER_RUN, RUN
from tests.unit.pipeline import CSV, NOW, Pipeline, files
from tests.unit.test_walk import ToyServer

HOUR, DAY = 3600, 86_400
Mail = dict[str, Any] | None


def polled(pipeline: Pipeline, hours: float = 1) -> Mail:
    """The mail of the next run's poll, if there is one."""
    pipeline.now += hours * HOUR
    pipeline.poll(f"{RUN}-{pipeline.now}")
    mail: Mail = pipeline.result.get("news")
    return mail


def mails_of(pipeline: Pipeline, polls: int, hours: float = 1) -> list[Mail]:
    return [polled(pipeline, hours) for _ in range(polls)]


# -- the balance


def test_each_entry_ends_in_one_class(pipeline: Pipeline) -> None:
    pipeline.configure(files=files(marker="{name}.done", settle_seconds=7200, max_files_per_run=1))
    pipeline.put("done.csv", CSV, age=9 * DAY)
    pipeline.put("done.csv.done", b"", age=8 * DAY)
    pipeline.all(*pipeline.poll())
    assert pipeline.result["entries"] == {"listed": 2, "taken": 1, "companions": 1}
    for name, age in [("old.csv", 5 * DAY), ("older.csv", 6 * DAY), ("fresh.csv", 60)]:
        pipeline.put(name, CSV, age=age)
        pipeline.put(f"{name}.done", b"", age=0)
    pipeline.put("unmarked.csv", CSV)
    pipeline.put("readme.txt", CSV)
    pipeline.put("old.csv.part", CSV)
    (pipeline.server.root / "outgoing/folder").mkdir()
    pipeline.server.unread = ["?"]
    pipeline.poll(OTHER_RUN)
    expected = {
        "listed": 13,
        "taken": 1,
        "done_with": 1,
        "waiting": 1,
        "settling": 1,
        "carried_over": 1,
        "companions": 4,
        "not_the_feeds": 2,
        "not_regular": 1,
        "unread": 1,
    }
    assert pipeline.result["entries"] == expected
    assert pipeline.ledger.feeds.get("acme/daily_sales")["entries"] == expected
    assert sum(expected.values()) == 2 * expected["listed"]


def test_what_another_run_has_in_hand_is_taken_and_what_goes_meanwhile_is_gone(pipeline: Pipeline) -> None:
    pipeline.configure(files=files(settle_seconds=60))
    pipeline.put("held.csv", CSV, age=5 * DAY)
    pipeline.poll()
    pipeline.put("vanishing.csv", CSV, age=60)
    pipeline.put("growing.csv", CSV, age=60)

    def meanwhile() -> None:
        (pipeline.server.root / "outgoing/vanishing.csv").unlink()
        pipeline.put("growing.csv", CSV + b"5,5\n", age=60)

    pipeline.meanwhile = meanwhile
    assert pipeline.poll(OTHER_RUN) == []
    assert pipeline.result["entries"] == {"listed": 3, "taken": 1, "settling": 1, "gone": 1}


def test_what_a_server_lists_twice_is_one_file(pipeline: Pipeline) -> None:
    pipeline.configure(files=files(max_files_per_run=2))
    listing = pipeline.server.list_files

    def twice(*arguments: Any, **named: Any) -> Iterator[RemoteFile]:
        for file in listing(*arguments, **named):
            yield from (file, file)
            pipeline.server.listed.entries += 1

    pipeline.server.list_files = twice  # type: ignore[method-assign]
    for name in ("a.csv", "b.csv", "c.csv"):
        pipeline.put(name, CSV)
    assert len(pipeline.poll()) == 2
    assert pipeline.result["entries"] == {"listed": 6, "taken": 2, "carried_over": 1, "repeated": 3}


def test_an_entry_in_no_class_is_seen() -> None:
    assert Balance(listed=3, taken=1, unread=1).to_json() == {"listed": 3, "taken": 1, "unread": 1, "unaccounted": 1}


_NAMES = ["a.csv", "b.csv", "a.csv.done", "c.csv.part", "readme", "..", ".", "../up.csv", "sales 1.csv", "b.csv.done"]
_ENTRIES = st.builds(
    Entry,
    st.sampled_from(_NAMES),
    st.sampled_from([FILE, FILE, FILE, FOLDER, "link", None, UNREAD]),
    st.sampled_from([None, 0, 7]),
    st.sampled_from([None, int(NOW) - 9 * DAY, int(NOW)]),
    st.sampled_from([None, int(NOW) - 9 * DAY]),
)


@pytest.mark.slow
@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    top=st.lists(_ENTRIES, max_size=8),
    below=st.lists(_ENTRIES, max_size=4),
    told=st.sampled_from([FILE, FOLDER, "link", ""]),
    setting=st.sampled_from([{}, {"marker": "{name}.done"}, {"size": {"zero_bytes": "ignore"}}]),
    recursive=st.booleans(),
)
def test_whatever_a_server_lists_adds_up(
    pipeline: Pipeline, top: list[Entry], below: list[Entry], told: str, setting: dict[str, Any], recursive: bool
) -> None:
    pipeline.configure(files=files(settle_seconds=7200, max_files_per_run=1, recursive=recursive, **setting))
    # so that not all lines of a folder are unread, which is an error
    folders = {"/outgoing": [Entry("in", FOLDER), *top], "/outgoing/in": [Entry("link", "link"), *below]}
    paths = [f"{folder}/{entry.name}" for folder, entries in folders.items() for entry in entries]
    answers = {path: Entry(path.rsplit("/", 1)[1], told, 7, int(NOW) - 9 * DAY) for path in paths if told}
    for _ in range(2):
        server = ToyServer(folders, answers=answers)
        pipeline.server = server  # type: ignore[assignment]
        pipeline.poll(f"{RUN}-{pipeline.now}", running=lambda run: False)
        entries = pipeline.result["entries"]
        assert "unaccounted" not in entries
        assert sum(entries.values()) == 2 * entries["listed"]
        assert set(entries) <= set(CLASSES)
        pipeline.now += HOUR


# -- what is stuck


def test_a_file_without_its_marker_is_told_though_nothing_else_comes(pipeline: Pipeline) -> None:
    pipeline.configure(files=files(marker="{name}.done"))
    pipeline.put("a.csv", CSV)
    first, second, mail, *later = mails_of(pipeline, 26)
    assert first is second is None
    assert mail is not None
    assert mail["event"] == "files_stuck"
    assert mail["subject"] == "[Lakeferry] acme/daily_sales: 1 file not taken for 3 polls"
    assert "- /outgoing/a.csv: waiting, since 2026-11-23 " in mail["message"]
    assert "files.marker" in mail["message"]
    assert mail["attributes"]["severity"]["StringValue"] == "warning"
    assert not any(later), "once a day"
    again = polled(pipeline)
    assert again is not None
    assert again["subject"] == mail["subject"]
    pipeline.put("a.csv.done", b"", age=0)
    end = polled(pipeline)
    assert end is not None
    assert end["event"] == "files_stuck"
    assert end["attributes"]["severity"]["StringValue"] == "info"
    assert "nothing is stuck any more" in end["subject"]
    assert polled(pipeline) is None


def test_another_reason_is_told_at_once(pipeline: Pipeline) -> None:
    pipeline.configure(files=files(marker="{name}.done"))
    pipeline.put("a.csv", CSV)
    assert [mail is not None for mail in mails_of(pipeline, 4)] == [False, False, True, False]
    pipeline.server.unread = ["? 1"]
    found = mails_of(pipeline, 3)
    assert found[:2] == [None, None]
    assert found[2] is not None
    assert "- ? 1: unread" in found[2]["message"]
    assert "Ask the partner about the lines" in found[2]["message"]


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ({"settle_seconds": 86_400}, "settling, since"),
        ({"max_files_per_run": 1}, "carried over, since"),
        ({"marker": "{name}.done", "stuck_after_polls": 5}, "waiting, since"),
    ],
)
def test_whatever_the_reason(pipeline: Pipeline, setting: dict[str, Any], says: str) -> None:
    pipeline.configure(files=files(**setting))
    for number in range(9):
        pipeline.put(f"{number}.csv", CSV, age=-number)
    polls = setting.get("stuck_after_polls", 3)
    found = mails_of(pipeline, polls)
    assert found[:-1] == [None] * (polls - 1)
    assert found[-1] is not None
    assert says in found[-1]["message"]
    assert f"for {polls} polls" in found[-1]["subject"]


def test_a_file_that_changes_whenever_it_is_fetched_is_told(pipeline: Pipeline) -> None:
    # each version is a new one for the ledger; the path is what stays
    def released(number: int) -> Mail:
        pipeline.put("a.csv", CSV + b"9,9\n" * number)
        pipeline.now += HOUR
        run = f"{RUN}-{number}"
        (item,) = pipeline.poll(run)
        mail: Mail = pipeline.result.get("news")
        batch = Batch("acme", "daily_sales", run, [BatchFile(item.path, item.size, item.mtime)])
        Call(batch, "fetch", pipeline.ledger).erred(item, FileChangedError("changed"))
        return mail

    pipeline.configure(files=files())
    *before, mail = [released(number) for number in range(4)]
    assert before == [None] * 3
    assert mail is not None
    assert "- /outgoing/a.csv: changed, since" in mail["message"]
    (item,) = pipeline.poll(OTHER_RUN)
    pipeline.all(item)
    end = polled(pipeline)
    assert end is not None
    assert "nothing is stuck any more" in end["subject"]


def test_a_version_that_comes_back_is_told_once_and_not_followed(pipeline: Pipeline) -> None:
    """A, B, and A again, with the time that it had."""
    pipeline.configure(files=files(pattern="sales_{date:%Y%m%d}.csv"))
    for data, age in ((CSV, 9 * DAY), (CSV + b"5,5\n", 8 * DAY)):
        pipeline.put("sales_20261101.csv", data, age=age)
        pipeline.now += HOUR
        pipeline.all(*pipeline.poll(f"{RUN}-{pipeline.now}"))
    pipeline.put("sales_20261101.csv", CSV, age=9 * DAY)
    first, second, mail, *later = mails_of(pipeline, 30)
    assert first is second is None
    assert mail is not None
    assert "- /outgoing/sales_20261101.csv: " in mail["message"]
    assert "shows a version again that a later one has replaced" in mail["message"]
    assert not any(later), "it lasts for ever, and is the partner's choice"
    assert pipeline.result["entries"] == {"listed": 1, "done_with": 1}
    assert list(pipeline.raw().values()) == [CSV + b"5,5\n"]
    pipeline.put("sales_20261101.csv", CSV + b"5,5\n", age=8 * DAY)
    end = polled(pipeline)
    assert end is not None
    assert end["event"] == "files_stuck"


def test_a_line_with_a_counter_in_it_is_the_same_line(pipeline: Pipeline) -> None:
    found = []
    for number in range(3):
        pipeline.server.unread = [f"strange {number}", f"other {number}"]
        found.append(polled(pipeline))
    assert found[2] is not None
    assert "2 names not taken for 3 polls" in found[2]["subject"]


def test_a_call_that_is_repeated_counts_once(pipeline: Pipeline) -> None:
    pipeline.configure(files=files(marker="{name}.done"))
    pipeline.put("a.csv", CSV)
    for _ in range(5):
        pipeline.poll(RUN)
        assert "news" not in pipeline.result


def test_a_feed_that_works_again_is_told_first(pipeline: Pipeline) -> None:
    pipeline.configure(files=files(marker="{name}.done"))
    pipeline.put("a.csv", CSV)
    mails_of(pipeline, 2)
    pipeline.ledger.table.update_item(
        Key={"feed_id": "acme/daily_sales", "file_id": "!feed"},
        UpdateExpression="SET failed_polls = :one, failing_since = :when, #error = :error",
        ExpressionAttributeNames={"#error": "error"},
        ExpressionAttributeValues={":one": 1, ":when": "2026-11-23T01:00:00Z", ":error": "ServerUnavailableError"},
    )
    found = mails_of(pipeline, 2)
    assert [mail and mail["event"] for mail in found] == ["feed_recovered", "files_stuck"]


def test_many_names_are_counted_and_few_are_kept(pipeline: Pipeline) -> None:
    pipeline.configure(files=files(marker="{name}.done"))
    for number in range(MOST_WATCHED + 20):
        pipeline.put(f"{number:03}.csv", CSV)
    mail = mails_of(pipeline, 3)[-1]
    assert mail is not None
    assert f"at least {MOST_WATCHED} files not taken" in mail["subject"]
    assert "- and 190 more at least" in mail["message"]
    body = pipeline.s3.get_object(Bucket="work", Key="polls/acme/daily_sales")["Body"].read()
    assert len(body) < 10_000


def test_what_stays_the_same_is_not_written_again(pipeline: Pipeline) -> None:
    pipeline.configure(files=files(marker="{name}.done"))
    pipeline.put("a.csv", CSV)
    mails_of(pipeline, 3)
    written: list[str] = []
    pipeline.s3.meta.events.register("before-call.s3.PutObject", lambda **_: written.append("memory"))
    mails_of(pipeline, 3)
    assert written == []


# -- a feed that has nothing


def test_a_pattern_that_fits_nothing_says_what_is_nearest(pipeline: Pipeline) -> None:
    pipeline.configure(files=files(pattern="sales_{date:%Y%m%d}.csv"))
    pipeline.put("SALES_20261128.csv", CSV)
    pipeline.put("readme.txt", CSV)
    found = mails_of(pipeline, 30)
    told = "2 names, 0 fit; nearest: SALES_20261128.csv, differs in upper and lower case"
    assert pipeline.result["fits_nothing"] == told
    assert pipeline.ledger.feeds.get("acme/daily_sales")["entries"]["fits_nothing"] == told
    assert [at for at, mail in enumerate(found) if mail] == [2], "once"
    mail = found[2]
    assert mail is not None
    assert mail["subject"] == "[Lakeferry] acme/daily_sales: no name fits its pattern"
    assert told in mail["message"]
    assert "files.pattern" in mail["message"]


def test_an_empty_folder_is_told_once_and_names_that_do_not_fit_after_that(pipeline: Pipeline) -> None:
    found = mails_of(pipeline, 30)
    assert [at for at, mail in enumerate(found) if mail] == [2]
    assert found[2] is not None
    assert "its folder is empty" in found[2]["subject"]
    pipeline.put("readme.txt", CSV)
    assert [mail is not None for mail in mails_of(pipeline, 3)] == [False, False, True]


def test_of_a_feed_with_an_sla_its_own_mails_tell_that_nothing_comes(pipeline: Pipeline) -> None:
    pipeline.configure(files=files(), sla={"expected_by": "06:30", "timezone": "UTC"})
    assert mails_of(pipeline, 5) == [None] * 5


def test_a_feed_that_has_taken_a_file_may_have_nothing(pipeline: Pipeline) -> None:
    pipeline.configure(files=files())
    path = pipeline.put("a.csv", CSV)
    pipeline.all(*pipeline.poll())
    path.unlink()
    assert mails_of(pipeline, 5) == [None] * 5
    pipeline.put("readme.txt", CSV)
    assert mails_of(pipeline, 5) == [None] * 5
    assert "fits_nothing" in pipeline.result
