"""Whatever is listed in it, and however long that is: a mail fits into SNS, an error into Step Functions' payload."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakeferry.errors import CAUSES, LONGEST_MESSAGE, FeedInvalidError, LakeferryError
from lakeferry.ledger import LEFT_RUNS
from lakeferry.ledger.asides import CURATE, Aside
from lakeferry.mails.delays import files_out_of_time
from lakeferry.mails.failures import FailedFiles, Failure, feed_failed, feed_recovered, files_failed, run_failed
from lakeferry.mails.feed_success import FeedSuccess
from lakeferry.mails.mail import Mail
from lakeferry.mails.run_summary import RunSummary
from lakeferry.mails.set_aside import feed_not_served, feed_set_aside
from lakeferry.mails.stuck import Stuck, feed_has_nothing, files_stuck
from tests.conftest import RUN

LIMIT = 262_144
"""Bytes of a message with its attributes ("Publish", Amazon SNS API Reference), and of a state's payload."""

FILES, LENGTHS = st.sampled_from([0, 1, 40, 1_000]), st.sampled_from([0, 1, 40, 1_000, 5_000])
LETTERS = st.sampled_from(["x", "\u00e4", "\U0001f4a5", "\n", '"', "\u202e", "\ud800", "\0"])


def entry(number: int, text: str, **changes: Any) -> dict[str, Any]:
    return {
        **{"feed_id": f"acme/f{number}", "file_id": f"/out/{number}{text}#1#1", "path": f"/out/{number}{text}"},
        **{"status": "CURATED", "dt": "2026-11-24"},
        **{"rows_curated": 1, "rows_rejected": 1, "report_key": f"fallout/{number}.txt", "after_error": text},
        **{"drift": {"added": [text] * 50}, "notes": [text], "rows_dropped": {text: 1}, "size": 1},
    } | changes  # fmt: skip


def mails(files: int, text: str) -> list[Mail]:
    entries = [entry(number, text) for number in range(files)]
    polls = [{**one, "left": {"carried_over": 5, "unread": [text] * 20}} for one in entries]
    failure = Failure.from_event({"stage": "Fetch file", "error": text or "E", "cause": text, "path": f"/out/{text}"})
    aside = Aside("acme/sales", CURATE, "f", text or "E", text, "2026-11-29T00:00:00Z", files)
    of_sales = ("acme", "sales", RUN)
    summary, of_feed = RunSummary(RUN, "lake"), FeedSuccess("acme/sales", "lake", RUN)
    for one in entries:
        summary.add(one)
        of_feed.add(one)
    return [
        summary.mail(polls),
        of_feed.mail(files),
        run_failed(failure, RUN, "lake"),
        feed_failed(failure, "acme", "sales", RUN, 3, "lake"),
        feed_recovered("acme", "sales", RUN, "lake", "2026-11-29", 3, text),
        files_failed(FailedFiles(files + 5, files, 5, [failure] * min(files, 5)), "acme", "sales", RUN, "lake"),
        feed_set_aside(aside, RUN, "lake"),
        feed_not_served(aside),
        files_stuck(*of_sales, [Stuck(text, "unread", number) for number in range(files + 1)], 3, False, "lake"),
        files_out_of_time(
            *of_sales, [{**one, LEFT_RUNS: 3} for one in entries] or [entry(0, text, **{LEFT_RUNS: 3})], "lake"
        ),
        feed_has_nothing("acme", "sales", RUN, 3, text, text, "lake"),
    ]


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(FILES, LENGTHS, LETTERS)
def test_a_mail_fits_whatever_is_in_it(files: int, length: int, letter: str) -> None:
    for mail in mails(files, letter * length):
        assert len(mail.text.encode()) + len(json.dumps(mail.attributes).encode()) < LIMIT, mail.event
        assert len(json.dumps(mail.to_json(), ensure_ascii=False).encode()) < LIMIT, mail.event
        assert len(mail.subject) <= 100


def test_what_a_mail_does_not_list_it_counts() -> None:
    (mail, *_) = mails(1_000, "refused")
    assert "... and 960 more after-actions failed; the ledger has all" in mail.text
    assert "... and 960 more feeds" in mail.text


def test_one_feeds_long_words_leave_the_others_theirs() -> None:
    summary = RunSummary(RUN, "lake")
    summary.add(entry(0, "x" * 300_000))
    for number in range(1, 40):
        summary.add(entry(number, "refused"))
    text = summary.mail([]).text
    assert "the mail was too long" not in text
    assert text.count("After-action failed: /out/") == 40


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 1_000_000), LETTERS)
def test_an_error_fits_into_the_payload(length: int, letter: str) -> None:
    message = str(FeedInvalidError(letter * length))
    assert len(json.dumps({"errorMessage": message, "errorType": "FeedInvalidError"}).encode()) < LIMIT
    assert (message == letter * length) is (length <= LONGEST_MESSAGE)


@pytest.mark.parametrize("error", LakeferryError.__subclasses__())
def test_a_cut_error_keeps_its_beginning_and_what_to_do(error: type[LakeferryError]) -> None:
    assert error.__name__ in CAUSES or error.__module__ != "lakeferry.errors"
    message = str(error("it broke" + "x" * 500_000 + "Ask the partner."))
    assert message.startswith("it broke")
    assert message.endswith("Ask the partner.")
    assert "more characters ...]" in message
