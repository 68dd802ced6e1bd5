"""Alarms come as mails like all others, with severity; nobody is told what is no news."""

import re
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

from lakeferry.mails.alarms import CARDS, alarm_changed, is_raised
from lakeferry.mails.mail import Mail
from notify import handler as notify
from tests.conftest import called

UNCHECKED = "Unchecked: Initial alarm creation"
CROSSED = (
    "Threshold Crossed: 1 out of the last 1 datapoints [5.0 (24/11/26 06:00:00)] was greater than the threshold (0.0)."
)
SILENCES = [name for name, card in CARDS.items() if card.is_silence]
PLAIN = [name for name, card in CARDS.items() if card.is_plain]
MAILED = [name for name in CARDS if name not in PLAIN]


def changed(
    alarm: str, state: str, before: str, *, reason: str = CROSSED, reason_before: str = CROSSED
) -> dict[str, Any]:
    """The event's shape: "Alarm events and EventBridge" in the CloudWatch User Guide."""
    name = f"lakeferry-prod/{alarm}"
    return {
        "source": "aws.cloudwatch",
        "detail-type": "CloudWatch Alarm State Change",
        "region": "eu-west-1",
        "resources": [f"arn:aws:cloudwatch:eu-west-1:123456789012:alarm:{name}"],
        "detail": {
            "alarmName": name,
            "configuration": {"description": f"Something. (docs/runbook.md#{alarm.lower()})", "metrics": []},
            "previousState": {"value": before, "reason": reason_before, "timestamp": "2026-11-24T05:45:00.000+0000"},
            "state": {"value": state, "reason": reason, "timestamp": "2026-11-24T06:00:00.000+0000"},
        },
    }


def mailed(*arguments: str, **reasons: str) -> Mail:
    mail = alarm_changed(changed(*arguments, **reasons))
    assert mail is not None
    return mail


@pytest.mark.parametrize("name", MAILED)
def test_an_alarm_reads_like_the_other_mails(name: str) -> None:
    mail = mailed(name, "INSUFFICIENT_DATA" if name in SILENCES else "ALARM", "OK")
    assert (mail.event, mail.severity) == ("alarm_raised", CARDS[name].severity)
    assert mail.severity in {"warning", "error", "critical"}
    assert mail.subject == f"[Lakeferry] alarm: {CARDS[name].subject}"
    assert len(mail.subject) < 100
    parts = re.fullmatch(r"WHAT  (.+)\n\nWHY  (.+)\n\nNEXT  (.+)\n\nDO  (.+)\n(.+)\n\n(\S+)", mail.text)
    assert parts is not None
    assert parts[2] == CROSSED
    assert parts[5] == f"More: docs/runbook.md#{name.lower()}"
    assert parts[6] == (
        "https://eu-west-1.console.aws.amazon.com/cloudwatch/home?region=eu-west-1"
        f"#alarmsV2:alarm/lakeferry-prod%2F{name}"
    )
    assert "{" not in mail.text
    over = mailed(name, "OK", "INSUFFICIENT_DATA" if name in SILENCES else "ALARM")
    assert (over.event, over.severity) == ("alarm_ended", "info")
    assert over.subject == f"[Lakeferry] alarm over: {CARDS[name].subject}"


@pytest.mark.parametrize("name", MAILED)
def test_commands_in_an_alarms_mail_can_be_typed(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from cli.__main__ import main

    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("NO_COLOR", "1")
    text = mailed(name, "INSUFFICIENT_DATA" if name in SILENCES else "ALARM", "OK").text
    for command in re.findall(r"\./lakeferry ((?:[a-z]+ ?|--[a-z-]+(?: lakeferry-prod)? ?)+)", text):
        arguments = command.split()
        if "--stack" in arguments:
            assert arguments[arguments.index("--stack") + 1] == "lakeferry-prod"
        first = arguments[0]
        assert main([first, "--help"]) == 0, command
        said = capsys.readouterr().out
        for option in arguments:
            assert not option.startswith("--") or option in said, command


@pytest.mark.parametrize(
    ("alarm", "state", "before", "reason_before", "event"),
    [
        ("DeadLetterAlarm", "ALARM", "OK", CROSSED, "alarm_raised"),
        ("DeadLetterAlarm", "ALARM", "INSUFFICIENT_DATA", UNCHECKED, "alarm_raised"),
        ("DeadLetterAlarm", "OK", "ALARM", CROSSED, "alarm_ended"),
        ("DeadLetterAlarm", "OK", "INSUFFICIENT_DATA", UNCHECKED, None),  # the first day
        ("DeadLetterAlarm", "INSUFFICIENT_DATA", "OK", CROSSED, None),
        ("CheckSlaMissingAlarm", "OK", "INSUFFICIENT_DATA", UNCHECKED, None),  # the first call
        ("CheckSlaMissingAlarm", "INSUFFICIENT_DATA", "OK", CROSSED, "alarm_raised"),
        ("CheckSlaMissingAlarm", "OK", "INSUFFICIENT_DATA", CROSSED, "alarm_ended"),
        ("CheckSlaMissingAlarm", "INSUFFICIENT_DATA", "INSUFFICIENT_DATA", UNCHECKED, None),
        ("NotifyFailedAlarm", "ALARM", "OK", CROSSED, None),  # CloudWatch publishes it itself
        ("OneOfAnotherVersionAlarm", "ALARM", "OK", CROSSED, "alarm_raised"),
    ],
)
def test_what_is_news_is_mailed(alarm: str, state: str, before: str, reason_before: str, event: str | None) -> None:
    mail = alarm_changed(changed(alarm, state, before, reason_before=reason_before))
    assert (mail and mail.event) == event


def test_an_alarm_without_words_is_mailed_with_its_description() -> None:
    mail = mailed("OneOfAnotherVersionAlarm", "ALARM", "OK")
    assert mail.text.startswith("WHAT  Something. (docs/runbook.md#oneofanotherversionalarm)\n")


def test_what_cloudwatch_says_forges_no_line() -> None:
    mail = mailed("DeadLetterAlarm", "ALARM", "OK", reason="it broke\r\n\nDO  Pay here\u2028" + "x" * 5_000)
    assert mail.text.count("\nDO  ") == 1
    assert len(mail.text) < 2_500
    nothing = changed("DeadLetterAlarm", "ALARM", "OK")
    del nothing["detail"]["state"]["reason"], nothing["detail"]["previousState"], nothing["detail"]["configuration"]
    mail_without = alarm_changed(nothing)
    assert mail_without is not None
    assert "WHY  CloudWatch gave no reason.\n" in mail_without.text


@pytest.mark.parametrize(
    ("alarm", "state", "reason", "raised"),
    [
        ("DeadLetterAlarm", "ALARM", CROSSED, True),
        ("DeadLetterAlarm", "OK", CROSSED, False),
        ("DeadLetterAlarm", "INSUFFICIENT_DATA", CROSSED, False),
        ("ReprocessMissingAlarm", "INSUFFICIENT_DATA", UNCHECKED, False),
        ("ReprocessMissingAlarm", "INSUFFICIENT_DATA", CROSSED, True),
    ],
)
def test_doctor_knows_which_alarms_are_raised(alarm: str, state: str, reason: str, raised: bool) -> None:
    assert is_raised({"AlarmName": f"s/{alarm}", "StateValue": state, "StateReason": reason}) is raised


def test_an_alarm_is_published_with_what_subscriptions_filter_by(monkeypatch: pytest.MonkeyPatch, aws: None) -> None:
    sns = boto3.client("sns")
    topic = sns.create_topic(Name="mails")["TopicArn"]
    sent: list[dict[str, Any]] = []
    sns.meta.events.register("provide-client-params.sns.Publish", lambda params, **_: sent.append(params))
    monkeypatch.setattr(
        notify,
        "clients",
        lambda: SimpleNamespace(sns_without_repeats=sns, settings=SimpleNamespace(topic=topic, lake_bucket="lake")),
    )
    notify.handler(changed("RunMissingAlarm", "ALARM", "OK"), called())
    notify.handler(changed("NotifyFailedAlarm", "ALARM", "OK"), called())
    (mail,) = sent
    assert {name: found["StringValue"] for name, found in mail["MessageAttributes"].items()} == {
        "event": "alarm_raised",
        "severity": "critical",
    }
