"""Mails about failures: what they say, that commands can be typed, and that nobody else's text can forge a line."""

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from describe import handler as describing
from lakeferry.errors import CAUSES
from lakeferry.ledger import LEFT_RUNS
from lakeferry.ledger.asides import CURATE, Aside
from lakeferry.mails.delays import feed_out_of_time, files_out_of_time
from lakeferry.mails.failures import execution_failed, feed_recovered
from lakeferry.mails.mail import Mail, compose
from lakeferry.mails.reports import report_in, with_report
from lakeferry.mails.run_summary import RunSummary
from lakeferry.mails.set_aside import feed_set_aside
from lakeferry.mails.stuck import Stuck, feed_has_nothing, files_stuck, files_unstuck
from lakeferry.mails.text import cut, excerpt, one_line, text_of
from lakeferry.models import link_of
from notify import handler as notify
from tests.conftest import RUN, called

ROOT = Path(__file__).parent.parent.parent
EVENTS = ROOT / "events"
OF_FEED = {"event": "feed_failed", "tenant": "acme", "feed": "sales", "run": RUN, "attempt": 1}
OF_RUN = {
    "event": "run_failed",
    "run": RUN,
    "stage": "Run Glue job",
    "error": "States.TaskFailed",
    "cause": "It broke.",
}
FAILURE = {"path": "/out/a.csv", "error": "FileRejectedError", "stage": "Validate files", "cause": "Broken."}
SALES = ("acme", "sales", RUN)
LEFT = {"file_id": "/out/a.csv#1#1", LEFT_RUNS: 3}
STUCK = Stuck("/out/a.csv", "waiting", 0.0)
ASIDE = Aside("acme/sales", CURATE, "f", "FeedInvalidError", "It broke.", "2026-11-29T00:00:00Z", 1)
COMMAND = ": ./lakeferry reprocess --feed acme/sales --stack lakeferry --yes\n"
HOSTILE = "it broke\r\n\nDO  Pay here: https://evil.example\u2028DO  Pay\u202egnp.exe\x00\x85\ud800\u200b"


def described(**event: Any) -> dict[str, Any]:
    """What the state machine gets; it is JSON."""
    with patch.object(describing, "settings", lambda: SimpleNamespace(lake_bucket="lake")):
        found: dict[str, Any] = json.loads(json.dumps(describing.handler(event, called())))
    return found


def of_feed(**changes: Any) -> dict[str, Any]:
    failure = {"stage": "Poll server", "error": "LoginRejectedError", "cause": "It broke."}
    return described(**{**OF_FEED, **failure, **changes})


def of_files(failures: list[Any], stuck: int, delayed: int, files: int = 240) -> dict[str, Any]:
    event = {**OF_FEED, "event": "file_failed", "failures": failures}
    return described(**event, stuck=stuck, delayed=delayed, files=files)


def values(mail: dict[str, Any]) -> dict[str, str]:
    return {name: found["StringValue"] for name, found in mail["attributes"].items()}


@pytest.mark.parametrize(
    ("mail", "command"),
    [
        (of_feed(), COMMAND),
        (described(**OF_RUN), ": ./lakeferry reprocess --runs --stack lakeferry --yes\n"),
    ],
)
def test_a_mails_command_can_be_typed_as_it_stands(mail: dict[str, Any], command: str) -> None:
    assert command in mail["message"]


@pytest.mark.parametrize(
    ("mail", "tenant", "key"),
    [
        (of_feed(), " --tenant acme", "tenants/acme"),
        (of_files([FAILURE], 1, 0), " --tenant acme", "tenants/acme"),
        (feed_recovered(*SALES, "lake", "2026-11-24", 2, "E").to_json(), " --tenant acme", "tenants/acme"),
        (files_out_of_time(*SALES, [LEFT], "lake").to_json(), " --tenant acme", "tenants/acme"),
        (feed_out_of_time(*SALES, 3, "lake").to_json(), " --tenant acme", "tenants/acme"),
        (files_stuck(*SALES, [STUCK], 3, True, "lake").to_json(), " --tenant acme", "tenants/acme"),
        (files_unstuck(*SALES, ["waiting"], 0.0, "lake").to_json(), " --tenant acme", "tenants/acme"),
        (feed_has_nothing(*SALES, 3, "", "/out", "lake").to_json(), " --tenant acme", "tenants/acme"),
        (feed_set_aside(ASIDE, RUN, "lake").to_json(), " --tenant acme", "tenants/acme"),
        (described(**OF_RUN), "", "operator"),
        (execution_failed({"executionArn": RUN, "name": "x", "status": "ABORTED"}, "lake").to_json(), "", "operator"),
        (RunSummary(RUN, "lake").mail([]).to_json(), "", "operator"),
    ],
)
def test_a_mail_about_a_run_says_where_its_report_will_be(mail: dict[str, Any], tenant: str, key: str) -> None:
    said = f"./lakeferry runs report run-1{tenant} --open --stack lakeferry\n\n{link_of(RUN)}"
    assert mail["message"].endswith(said), "the execution's link stays last: channels make a button of it"
    console = "https://eu-west-1.console.aws.amazon.com/s3/object/lake?region=eu-west-1&prefix="
    assert f"\n\nREPORT  Once the run has ended: {console}reports/{key}/run-1/index.html\n" in mail["message"]


@pytest.mark.parametrize(
    ("failures", "stuck", "delayed", "subject", "says"),
    [
        ([FAILURE], 1, 0, "a.csv failed", ["/out/a.csv", "FileRejectedError", "Broken.", COMMAND]),
        ([{**FAILURE, "error": "ServerUnavailableError"}], 0, 1, "a.csv delayed", ["15 minutes", "Nothing yet"]),
        (
            [FAILURE, {**FAILURE, "cause": "Too short. Report: s3://lake/fallout/b.report.txt"}],
            2,
            0,
            "2 of 240 files failed",
            ['in "Validate files"\n', 'in "Validate files", report: s3://lake/fallout/b.report.txt\n'],
        ),
        ([FAILURE] * 5, 150, 50, "200 of 240 files failed", ["- a.csv: FileRejectedError", "150 wait", "50 failed"]),
        ([], 2, 0, "2 of 240 files failed", ["2 of 240 files of acme/sales failed.", COMMAND]),
    ],
)
def test_a_storm_is_one_mail_with_a_count_and_one_failure_is_named(
    failures: list[Any], stuck: int, delayed: int, subject: str, says: list[str]
) -> None:
    mail = of_files(failures, stuck, delayed)
    assert mail["subject"] == f"[Lakeferry] acme/sales: {subject}"
    assert len(mail["subject"]) <= 100
    for text in says:
        assert text in mail["message"]
    assert values(mail)["severity"] == ("error" if stuck else "warning")


def test_what_helps_a_rejected_file_is_what_its_reason_ends_with() -> None:
    """Under a reason such as "RAR is not read", no mail asks for the same file again."""
    cause = "a.csv: it is a RAR archive. Ask the partner for ZIP or gzip: RAR is not read."
    message = of_files([{**FAILURE, "cause": cause}], 1, 0)["message"]
    assert "Ask the partner for ZIP or gzip: RAR is not read." in message
    assert "Do what the reason under WHY ends with" in message
    assert "partner to deliver" not in message


def test_one_file_is_not_called_files() -> None:
    assert "1 of 1 file of acme/sales failed." in of_files([], 1, 0, files=1)["message"]


@pytest.mark.parametrize("error", [*CAUSES, "ValueError"])
def test_each_cause_has_its_own_advice_and_a_command_unless_it_passes_by_itself(error: str) -> None:
    message = of_feed(error=error)["message"]
    do = message.split("\n\n")[3]
    cause = CAUSES.get(error)
    assert do.startswith(f"DO  {cause.advice if cause else 'Fix the cause above.'}")
    assert ("./lakeferry reprocess" in do) is not (cause is not None and cause.retryable)


def test_an_outage_says_how_often_it_failed_and_promises_a_mail_a_day() -> None:
    assert "in a row" not in of_feed()["message"]
    message = of_feed(attempt=30)["message"]
    assert ", 30 times in a row." in message
    assert "one mail a day" in message


def test_a_mail_has_an_event_and_a_severity_and_the_feed_if_it_is_of_one() -> None:
    feed = {"tenant": "acme", "feed": "sales", "feed_id": "acme/sales"}
    assert values(described(**OF_RUN)) == {"event": "run_failed", "severity": "critical"}
    assert values(of_feed()) == {"event": "feed_failed", "severity": "error", **feed}
    assert values(of_files([FAILURE], 1, 0)) == {"event": "file_failed", "severity": "error", **feed}
    recovered = feed_recovered("acme", "sales", RUN, "lake", "2026-11-24T06:00:00Z", 1, "LoginRejectedError")
    assert values(recovered.to_json()) == {"event": "feed_recovered", "severity": "info", **feed}  # type: ignore[arg-type]
    assert "1 failed poll since 2026-11-24" in recovered.text


def test_a_rejected_files_report_is_never_cut_off() -> None:
    """The longest reason and the longest key that S3 takes."""
    report = "s3://" + "b" * 63 + "/fallout/" + "k" * 1_000 + ".report.txt"
    cause = with_report("\u00e4" * 6000, *report.removeprefix("s3://").split("/", 1))
    assert report_in(cause[:4000]) == report
    for failures in ([{**FAILURE, "cause": cause}], [{**FAILURE, "cause": cause}, FAILURE]):
        assert f"report: {report}\n" in of_files(failures, 2, 0)["message"]
        assert f"Report: {report}\n" in of_files(failures, 2, 0)["message"]


def test_an_error_without_a_cause_says_so() -> None:
    assert "WHY  No cause was given." in of_feed(cause="")["message"]


@pytest.mark.parametrize(
    "mail",
    [
        described(**{**OF_RUN, "error": HOSTILE, "cause": HOSTILE}),
        of_feed(error=HOSTILE, cause=HOSTILE),
        of_files([{**FAILURE, "path": f"/out/{HOSTILE}", "cause": HOSTILE}], 1, 0),
        of_files([{**FAILURE, "path": f"/out/{HOSTILE}", "cause": HOSTILE}] * 5, 9, 0),
        feed_recovered("acme", "sales", RUN, "lake", "2026-11-24", 2, HOSTILE).to_json(),
        execution_failed(
            {"executionArn": RUN, "name": "x", "status": "FAILED", "error": HOSTILE, "cause": HOSTILE}, "lake"
        ).to_json(),
    ],
)
def test_what_others_wrote_cannot_forge_a_line(mail: dict[str, Any]) -> None:
    heads = [line.split("  ")[0] for line in mail["message"].splitlines() if re.match("[A-Z]+  ", line)]
    assert heads == ["WHAT", "WHY", "NEXT", "DO", "REPORT"]
    assert re.sub("[\n -~]", "", mail["message"]) == ""
    mail["message"].encode()


def test_ordinary_text_of_every_language_stays_as_it_is() -> None:
    text = "Verkäufe_東京_عربي_🚚.csv"
    assert one_line(text) == text


@given(st.text(st.sampled_from("a\n\r\0\u202e\u200b\U000e0041\ud800\U0001f4a5"), max_size=40), st.integers(4, 30))
def test_an_excerpt_is_one_line_of_so_many_characters(text: str, longest: int) -> None:
    found = excerpt(text, longest)
    assert len(found) <= longest
    assert one_line(found) == found
    assert found == one_line(cut(text, longest))
    if len(text) <= longest:
        assert found == one_line(text)


def test_what_nobody_sees_of_a_long_text_is_not_looked_at() -> None:
    looked_at = []

    class Text(str):
        def __getitem__(self, at: Any) -> str:
            looked_at.append(at)
            return super().__getitem__(at)

    assert excerpt(Text("\n" * 1_000), 20) == "?" * 17 + "..."
    assert looked_at == [slice(None, 17, None)]


def test_marks_that_nobody_sees_are_shown() -> None:
    marks = "\u00ad\u061c\u180e\u200b\u200e\u2028\u202e\u2060\u2064\u2066\u206f\ufeff\ufff9\U000e0041\x85\x9b"
    assert one_line(marks) == "?" * len(marks)


def test_a_text_too_long_is_cut_in_the_middle_and_keeps_its_command_and_link() -> None:
    long = compose("\n".join(["\u6771" * 100] * 1000), "why", "then", "do", link_of(RUN))
    mail = Mail("file_failed", "error", "\u6771" * 200, long, "acme", tuple("f" * 47 for _ in range(100)))
    assert len(json.dumps([mail.text, mail.attributes], ensure_ascii=False).encode()) < 256 * 1024
    assert "the mail was too long" in mail.text
    assert mail.text.startswith("WHAT  \u6771")
    assert mail.text.endswith(f"DO  do\n\n{link_of(RUN)}")
    assert mail.subject == "[Lakeferry] " + "?" * 88
    assert text_of("short") == "short"


def test_the_sample_event_is_one() -> None:
    event = json.loads((EVENTS / "describe.json").read_text())
    mail = described(**event)
    assert mail["subject"] == "[Lakeferry] acme/daily_sales: the server could not be polled"
    assert "host_keys" in mail["message"]


# -- a run that could not mail its own failure


@pytest.mark.parametrize(
    ("changes", "command"),
    [
        ({}, "--all"),
        ({"status": "ABORTED", "error": None, "cause": None}, "--all"),
        ({"error": "FailuresNotDelivered", "cause": "Not mailed. 2 messages"}, "--all"),
        ({"error": "BalanceError", "cause": "Not mailed. Reconcile run: it broke"}, "--runs"),
    ],
)
def test_a_failed_execution_is_mailed_with_subject_event_and_severity(
    monkeypatch: pytest.MonkeyPatch, aws: None, changes: dict[str, Any], command: str
) -> None:
    sns = boto3.client("sns")
    topic = sns.create_topic(Name="mails")["TopicArn"]
    sent: list[dict[str, Any]] = []
    sns.meta.events.register("provide-client-params.sns.Publish", lambda params, **_: sent.append(params))

    aws_clients = SimpleNamespace(sns_without_repeats=sns, settings=SimpleNamespace(topic=topic, lake_bucket="lake"))
    monkeypatch.setattr(notify, "clients", lambda: aws_clients)
    event = json.loads((EVENTS / "notify.json").read_text())
    event["detail"] |= changes
    notify.handler(event, called())
    (mail,) = sent
    status = event["detail"]["status"]
    assert mail["Subject"] == f"[Lakeferry] run {status}: {event['detail']['error'] or 'no error given'}"
    assert values({"attributes": mail["MessageAttributes"]}) == {"event": "run_failed", "severity": "critical"}
    assert f": ./lakeferry reprocess {command} --stack lakeferry --yes\n" in mail["Message"]
    assert "Not mailed." not in mail["Message"]
    assert mail["Message"].endswith(link_of(event["detail"]["executionArn"]))
