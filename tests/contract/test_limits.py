"""How much of Step Functions' limits a large run takes: counted from the state machine and from what deals the work.

Figures of docs/state-machine.md, "Within the limits".
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, cast

import pytest

from fetch.handler import WAIT_SECONDS
from lakeferry.batches import BUSY_WAIT, TRIES
from lakeferry.feeds import Feed, parse_feed
from lakeferry.models import FeedItem, FileItem
from list_feeds.order import SLOTS, dealt
from local.template import load
from poll.core import Surroundings, write_list
from poll.dealing import Limits
from tests.conftest import RUN, feed_document
from tests.contract.asl import ROOT, machine, next_states, scopes
from tests.contract.test_asl import evaluated

EVENTS, PAYLOAD, MAP_RUNS = 25_000, 262_144, 1_000
"""Of an execution's history; bytes of a state's input, output and each variable; open Map Runs of an account
("Step Functions service quotas")."""
PARAMETERS = load(ROOT / "template.yaml")["Parameters"]
LIMITS = Limits(int(PARAMETERS["BatchFiles"]["Default"]), int(PARAMETERS["BatchBytes"]["Default"]))
SCHEMA = json.loads((ROOT / "functions/lakeferry/feed_schema.json").read_text())
FILES = SCHEMA["properties"]["files"]["properties"]
MOST_FILES = FILES["max_files_per_run"]["maximum"]
MOST_IN_BATCH = FILES["batch"]["properties"]["max_files"]["maximum"]
LONGEST_RUN = PARAMETERS["RunMinutes"]["MaxValue"] * 60
LONGEST_WORD = "DELAYED_AGAIN"
STAGES = ("Fetch files", "Validate files", "Upload files")
NEXT = "Which stage is next?"


FOR_HOURS = 100
WAITED, EACH_SECONDS = 7, 150
"""Attempts within whose first minutes a throttled call goes through, or waits so many seconds for each one more."""
LONG_WAITS = 3 * (LONGEST_RUN // EACH_SECONDS + 1)
"""Events of the longest run if it is throttled all along: its calls, one after the other, have no more time to wait."""


def events(body: dict[str, Any], *, retried: bool) -> int:
    """What a state adds to its execution's history ("HistoryEvent", Step Functions API Reference).

    Args:
        retried: Every attempt that its Retry allows, each of which is scheduled, begun and failed; of those that are
            waited out for hours the first, since the others are `LONG_WAITS` for all calls together.
    """
    if body["Type"] == "Task":
        each = [retrier["MaxAttempts"] for retrier in body.get("Retry", [])] if retried else []
        attempts = sum(WAITED if most > FOR_HOURS else most for most in each)
        # entered, scheduled, started, succeeded, exited; of a job also submitted
        is_job = str(body["Resource"]).endswith(".sync")
        return 5 + is_job + 3 * attempts
    if body["Type"] == "Map":
        # entered, started, succeeded, exited; the Map Run's own begin and end, or those of each item
        return 6 if body["ItemProcessor"].get("ProcessorConfig", {}).get("Mode") == "DISTRIBUTED" else 4
    return 2


def walk(scope: str, names: Sequence[str], *, retried: bool = True) -> int:
    """Events of a way through a workflow; it has to be one that the state machine can take."""
    found = scopes()[scope]["States"]
    for before, after in pairwise(names):
        assert after in next_states(found[before]), f"{before} never leads to {after}"
    return sum(events(found[name], retried=retried) for name in names)


def failed_files(number: int) -> int:
    """Events of a batch's dead letters: an inline Map has its items' in the batch's own history."""
    item = ("Take failed file", "Record file failure", "Send file to dead-letter queue", "File has failed")
    assert scopes()["file"]["StartAt"] == item[0]
    return number * (2 + walk("file", item))


def test_a_runs_history_does_not_grow_with_feeds_or_files() -> None:
    crawl = ["Wait for crawler", "Read crawler", "Has crawler ended?"] * 81
    before = ["List feeds", "Any feeds due?", "For each feed", "Look for pending files", "Anything new?", "Plan crawl"]
    after = ["Run Glue job", "Did crawl fail?", "Reconcile run", "For each mail", "Was everything delivered?"]
    job, function = ["Who curates?"], ["Who curates?", "Curate small", "Is anything left?"]
    plain = 2 + walk("run", [*before, "Is crawl due?", *job, *after, "Run is done"], retried=False)
    failed = ["Read run cause", "Send run to dead-letter queue", "Describe run failure", "Mail run failure"]
    worst = 2 + walk(
        "run", [*before, "Is crawl due?", "Start crawler", *crawl, *function, *after, *failed, "Run failed"]
    )
    assert "crawlChecks >= 80" in json.dumps(machine()["States"]["Read crawler"])
    assert (plain, worst) == (54, 2_621)
    assert worst + LONG_WAITS < EVENTS


def test_a_feeds_history_does_not_grow_with_its_files() -> None:
    with_news = ["Poll server", "Any news of feed?", "Mail news", "Any news of feed?", "For each batch"]
    mailed = ["Any failures to mail?", "Read failures", "Describe failure", "Mail failure", "Feed is done"]
    plain = ["Poll server", "Any news of feed?", "For each batch", "Any failures to mail?", "Feed is done"]
    assert 2 + walk("feed", plain, retried=False) == 19
    assert 2 + walk("feed", [*with_news, *mailed]) == 188


def test_a_batchs_history_has_room_for_each_of_its_files_to_fail() -> None:
    one_pass = [name for stage in STAGES for name in (stage, NEXT)]
    assert 2 + walk("batch", [*one_pass, "Batch is done"], retried=False) == 25
    # each of the most files that a batch may have is tried again as often as may be, all together, and fails at last
    again = [*one_pass, "Wait for another try"] * TRIES
    ends = [*one_pass, "For each failed file", "Batch is done"]
    together = 2 + walk("batch", [*again, *ends]) + failed_files(MOST_IN_BATCH)
    assert together == 5_486
    # and one by one, after a call that was killed
    killed = ["Fetch files", "Read batch cause", "Was batch killed?", "Take files one by one", NEXT]
    one_by_one = 2 + walk("batch", [*killed, *one_pass * MOST_IN_BATCH, *ends[-2:]]) + failed_files(MOST_IN_BATCH)
    assert one_by_one == 22_072
    assert max(together, one_by_one) + LONG_WAITS < EVENTS


def test_a_batch_may_wait_for_a_connection_as_long_as_the_longest_run() -> None:
    """Each time Fetch asks for one for so many seconds; then the machine waits, which costs nothing but events."""
    rounds = LONGEST_RUN // (WAIT_SECONDS + BUSY_WAIT)
    waiting = 2 + rounds * walk("batch", ["Fetch files", NEXT, "Wait for another try"], retried=False)
    assert waiting == 15_554
    assert waiting < EVENTS


@pytest.mark.parametrize("bytes_each", [100_000, 200 * 1024 * 1024])
def test_ten_thousand_files_of_a_feed_fit(bytes_each: int) -> None:
    feed = parse_feed(feed_document())
    paths = [f"/outgoing/{'p' * 200}/sales_20261124_{number:05}.csv" for number in range(MOST_FILES)]
    told, batches = listed(feed, [FileItem("acme", "daily_sales", RUN, path, bytes_each, 1) for path in paths])
    small = bytes_each < LIMITS.bytes
    assert told["batches"] == len(batches) == (200 if small else 10_000)
    assert sum(len(batch["files"]) for batch in batches) == told["files"] == MOST_FILES
    assert max(size(batch) for batch in batches) < PAYLOAD // 4
    # Poll's answer, and what comes back of all batches into the feed's execution
    assert size(told) < 1_000
    assert size([" ".join([LONGEST_WORD] * len(batch["files"])) for batch in batches]) < PAYLOAD * 2 // 3
    output = scopes()["batch"]["States"]["Batch is done"]["Output"]
    ended = evaluated(output, states={"input": {"outcomes": ["A", "B"]}})
    assert ended == "A B", "a word a file, and nothing else, comes back"


def test_the_longest_paths_fit_however_many_files_a_batch_may_have() -> None:
    feed = parse_feed(feed_document(files={**feed_document()["files"], "batch": {"max_files": MOST_IN_BATCH}}))
    feed = replace(feed, server=replace(feed.server, max_connections=1))
    # three bytes a character in UTF-8, six in JSON's escapes
    paths = ["/" + "\u20ac" * 340 + str(number) for number in range(MOST_IN_BATCH)]
    _, batches = listed(feed, [FileItem("acme", "daily_sales", RUN, path, 10**12, 2 * 10**9) for path in paths])
    _, small = listed(feed, [FileItem("acme", "daily_sales", RUN, path, 1, 2 * 10**9) for path in paths])
    assert len(batches) == MOST_IN_BATCH
    assert len(small) == 2
    assert max(size(batch) for batch in [*batches, *small]) < PAYLOAD


@pytest.mark.parametrize("feeds", [1_000, 10_000])
def test_ten_thousand_feeds_of_a_run_fit(feeds: int) -> None:
    items = [FeedItem(f"tenant{n % 40:02}", f"feed_{'n' * 36}_{n:05}", RUN, deadline=2**31) for n in range(feeds)]
    ordered = dealt(items, {item.feed_id for item in items[:50]}, LONGEST_RUN)
    assert len(ordered) == feeds
    began = [replace(item, began=2.0**31, time="2026-11-24T06:00:00Z", in_batches=True) for item in ordered]
    assert max(size(item.to_json()) for item in began) < 1_000
    counts = {"files": MOST_FILES, "uploaded": 5_000, "failed": 5_000, "released": 0, "undelivered": 0}
    word = evaluated(scopes()["feed"]["States"]["Feed is done"]["Output"], counts=counts)
    assert size([word] * feeds) < PAYLOAD
    assert size(["feed_succeeded"] * feeds + ["run_succeeded"]) < PAYLOAD
    # a Map Run for the feeds, one for the batches of each that has a slot
    assert machine()["States"]["For each feed"]["MaxConcurrency"] == "{% ${MaxFeedsAtOnce} %}"
    assert PARAMETERS["MaxFeedsAtOnce"]["Default"] == SLOTS
    assert 1 + PARAMETERS["MaxFeedsAtOnce"]["MaxValue"] < MAP_RUNS


class _Work:
    """The work bucket: keeps what was put last."""

    body = b"[]"

    def put_object(self, Body: bytes, **_: Any) -> None:
        self.body = Body


def listed(feed: Feed, files: Sequence[FileItem]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What Poll answers, and the batches that it leaves for the Map."""
    work, none = _Work(), cast("Any", None)
    around = Surroundings(none, none, cast("Any", work), "work", "lake", none, none, none, LIMITS)
    item = FeedItem("acme", "daily_sales", RUN, deadline=2**31, part=300, began=2.0**31, in_batches=True)
    told = write_list(feed, item, around, files, ".json")
    return told, json.loads(work.body)


def size(value: object) -> int:
    """Bytes as a payload."""
    return len(json.dumps(value, ensure_ascii=False).encode())
