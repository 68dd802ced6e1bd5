"""Messages in the forms that chat channels take, whatever others wrote into them."""

import html
import json
import re
from pathlib import Path
from typing import Any

import pytest

from lakeferry.channels.cards import CHANNELS
from lakeferry.channels.notice import Notice
from lakeferry.channels.spec import CHANNEL_FAILED, ChannelSpec
from lakeferry.errors import FeedInvalidError
from lakeferry.feeds import parse_feed
from lakeferry.feeds.notify import notify_of, secret_of
from lakeferry.mails.failures import FailedFiles, Failure, files_failed
from lakeferry.mails.mail import Mail
from tests.conftest import ROOT, feed_document

RUN = "arn:aws:states:eu-west-1:123456789012:execution:lakeferry-ingest:0f6d2c1e"
HOSTILE = (
    "<!channel> <https://evil.example|click> [click](https://evil.example) <at>everyone</at> @here & :bomb: *b*.csv"
)


def record(mail: Mail, message_id: str = "m1") -> dict[str, Any]:
    """As SNS hands a mail to a function."""
    attributes = {
        name: {"Type": found["DataType"], "Value": found["StringValue"]} for name, found in mail.attributes.items()
    }
    sns = {"MessageId": message_id, "Subject": mail.subject, "Message": mail.text, "MessageAttributes": attributes}
    return {"EventSource": "aws:sns", "Sns": sns}


def failed(name: str = "a.csv", cause: str = "1,200 rows are bad.", feed: str = "daily_sales") -> Mail:
    """The mail about a file that failed."""
    failure = Failure(stage="Validate files", error="FileRejectedError", cause=cause, path=f"/out/{name}")
    return files_failed(FailedFiles(files=3, stuck=1, delayed=0, failures=[failure]), "acme", feed, RUN, "lake")


def notice(**changes: str) -> Notice:
    return Notice.from_record(record(failed(**changes)))


def texts(value: Any, key: str = "text") -> list[str]:
    """Every text of a form, in order."""
    if isinstance(value, dict):
        mine = [value[key]] if isinstance(value.get(key), str) else []
        return mine + [text for each in value.values() for text in texts(each, key)]
    return [text for each in value for text in texts(each, key)] if isinstance(value, list) else []


def objects(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, dict):
        return [value, *(found for each in value.values() for found in objects(each))]
    return [found for each in value for found in objects(each)] if isinstance(value, list) else []


def test_a_notice_is_the_mail() -> None:
    found = notice()
    assert (found.event, found.severity, found.tenant, found.feeds) == (
        "file_failed",
        "error",
        "acme",
        ("daily_sales",),
    )
    assert [one.split()[0] for one in found.paragraphs] == ["WHAT", "WHY", "NEXT", "DO", "REPORT"]
    assert found.link.startswith("https://eu-west-1.console.aws.amazon.com/")
    several = Notice.from_record(record(Mail("sla_due", "warning", "late", "a", tenant="acme", feeds=("a", "b"))))
    assert several.feeds == ("a", "b")


def test_the_event_for_sam_is_a_message() -> None:
    (found,) = json.loads((ROOT / "events/deliver.json").read_text())["Records"]
    made = Notice.from_record(found)
    assert (made.tenant, made.feeds, made.event, len(made.paragraphs)) == ("acme", ("daily_sales",), "file_failed", 4)
    assert made.link


@pytest.mark.parametrize(
    ("spec", "wanted"),
    [
        ({}, True),
        ({"events": ("file_failed", "sla_due")}, True),
        ({"events": ("sla_due",)}, False),
        ({"severity": "error"}, True),
        ({"severity": "critical"}, False),
    ],
)
def test_a_channel_gets_the_events_and_severities_it_asks_for(spec: dict[str, Any], wanted: bool) -> None:
    assert ChannelSpec("slack", "slack_url", **spec).wants("file_failed", "error") is wanted


def test_no_channel_gets_that_a_channel_does_not_work() -> None:
    assert not ChannelSpec("slack", "slack_url").wants(CHANNEL_FAILED, "error")


def test_what_others_wrote_is_no_link_and_no_mention_in_slack() -> None:
    form = json.loads(CHANNELS["slack"].payload(notice(name="<!channel> & <b>.csv", cause=HOSTILE)))
    assert "&lt;!channel&gt;" in form["text"]
    assert "<" not in form["text"]
    marked = [found for found in objects(form) if found.get("type") == "mrkdwn"]
    (link,) = marked
    assert link["text"] == f"<{notice().link}|Open the execution>"
    plain = [found for found in objects(form) if found.get("type") == "plain_text"]
    assert any(HOSTILE in found["text"] for found in plain)
    assert not any(found["emoji"] for found in plain)
    assert form["unfurl_links"] is form["unfurl_media"] is False


def test_what_others_wrote_is_no_link_and_no_mention_in_teams() -> None:
    form = json.loads(CHANNELS["teams"].payload(notice(name=HOSTILE, cause=HOSTILE)))
    (attachment,) = form["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    card = attachment["content"]
    # a TextBlock's text is Markdown, a TextRun's is not; without entities no text is a mention
    assert {found["type"] for found in objects(card["body"])} == {"RichTextBlock", "TextRun"}
    assert "entities" not in card["msteams"]
    assert any(HOSTILE in text for text in texts(card))
    (action,) = card["actions"]
    assert (action["type"], action["url"]) == ("Action.OpenUrl", notice().link)


def test_each_channel_has_a_test_of_what_others_wrote() -> None:
    """What is neither link nor mention is the chat's own matter, so no test can go over all of them."""
    begins = "test_what_others_wrote_is_no_link_and_no_mention_in_"
    assert {name.removeprefix(begins) for name in globals() if name.startswith(begins)} == set(CHANNELS)


def test_a_link_is_one_of_ours_alone() -> None:
    text = "WHAT  a\n\nhttps://evil.example/console.aws.amazon.com/"
    found = Notice.from_record(record(Mail("file_failed", "error", "a", text, tenant="acme", feeds=("a",))))
    assert found.link == ""
    assert found.paragraphs[-1].startswith("https://evil")


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize("letter", ["a", "a\n", "\n", "\u00e4", "\u20ac", "\U0001f600", '"'], ids=repr)
def test_a_message_fits_however_long_the_mail_is(channel: str, letter: str) -> None:
    text = "\n\n".join(f"{word}  {letter * 40_000}" for word in ("WHAT", "WHY", "NEXT", "DO")) + f"\n\n{notice().link}"
    mail = Mail("file_failed", "error", "acme/a: " + "x" * 90, text, tenant="acme", feeds=("a",))
    card = CHANNELS[channel]
    payload = card.payload(Notice.from_record(record(mail)))
    assert 500 < len(payload) <= card.most_bytes
    form = json.loads(payload)
    assert "the mail has all" in payload.decode()
    assert notice().link in payload.decode()
    if channel == "slack":
        assert len(form["blocks"]) <= 50
        assert all(len(found) <= 3_000 for found in texts(form))
        assert len(form["blocks"][0]["text"]["text"]) <= 150
        assert all(found["text"]["text"] for found in form["blocks"])


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_short_message_is_whole(channel: str) -> None:
    form = json.loads(CHANNELS[channel].payload(notice()))
    shown = html.unescape("\n".join(texts(form)))  # as its reader sees it
    for paragraph in notice().paragraphs:
        for line in paragraph.split("\n"):
            assert line in shown
    assert "./lakeferry reprocess --feed acme/daily_sales" in shown


# -- the document

SLACK = {"type": "slack", "url_secret": "slack_url"}
URL = "https://hooks.slack.com/services/T00000000/B00000000/abcdefghijklmnopqrstuvwx"


def test_a_feed_may_name_channels() -> None:
    channels = [SLACK, {"type": "teams", "url_secret": "teams_url", "events": ["sla_due"], "severity": "warning"}]
    assert parse_feed(feed_document(notify={"channels": channels})).notify.channels == (
        ChannelSpec("slack", "slack_url"),
        ChannelSpec("teams", "teams_url", ("sla_due",), "warning"),
    )


@pytest.mark.parametrize(
    ("channel", "told"),
    [
        ({**SLACK, "type": "irc"}, "$.notify.channels[0].type: 'irc' is none; use one of slack, teams"),
        ({"type": "slack"}, "needs `url_secret`"),
        ({**SLACK, "url_secret": URL}, "$.notify.channels[0].url_secret: is no name of a field"),
        ({**SLACK, "url_secret": "Slack URL"}, "$.notify.channels[0].url_secret: is no name of a field"),
        ({**SLACK, "url": URL}, "`url` is not a setting of `notify.channels`"),
        (
            {**SLACK, "type": URL},
            "$.notify.channels[0].type: `channels.type` has at most 30 characters, and yours has 77: [hid",
        ),
        ({**SLACK, "type": "https://a.example/b"}, "$.notify.channels[0].type: [hidden] is none"),
        ({**SLACK, "events": [URL]}, "sla_recovered, not [hidden]"),
        ({**SLACK, URL: "a"}, "[hidden] is not a setting of"),
        (URL, "has to be settings of its own, not [hidden]"),
        ({**SLACK, "events": ["channel_failed"]}, "$.notify.channels[0].events[0]"),
        ({**SLACK, "severity": "loud"}, "$.notify.channels[0].severity"),
    ],
)
def test_what_is_wrong_with_a_channel_is_said_by_name_and_without_its_url(channel: Any, told: str) -> None:
    with pytest.raises(FeedInvalidError) as raised:
        parse_feed(feed_document(notify={"channels": [channel]}))
    said = str(raised.value)
    assert told in said
    assert "hooks.slack.com" not in said
    if URL in str(channel):
        assert "put the URL into the feed's secret" in said


def test_a_channel_needs_the_feeds_secret() -> None:
    document = feed_document(notify={"channels": [SLACK]})
    del document["server"]["secret"]
    with pytest.raises(FeedInvalidError, match=r"\$\.notify\.channels: needs server\.secret"):
        parse_feed(document)


def test_channels_of_a_document_that_is_not_valid_are_read_and_nothing_else() -> None:
    channels = [SLACK, {"type": "irc", "url_secret": "a"}, {**SLACK, "url_secret": URL}, None, {"type": "slack"}]
    document = feed_document(schedule="nonsense", notify={"channels": channels, "emails": "a"})
    assert notify_of(document).channels == (ChannelSpec("slack", "slack_url"),)
    assert notify_of(feed_document(notify={"channels": 7})).channels == ()


@pytest.mark.parametrize("name", ["lakeferry/globex/a", "lakeferry/acme/../globex/a", "lakeferry/acme", None, 7])
def test_another_tenants_secret_is_none(name: Any) -> None:
    document = feed_document()
    assert secret_of(document) == document["server"]["secret"]
    document["server"]["secret"] = name
    assert secret_of(document) is None
    assert secret_of({**document, "server": None}) is None


def test_the_events_a_channel_may_ask_for_are_those_of_mails_about_feeds() -> None:
    schema = json.loads((ROOT / "functions/lakeferry/feed_schema.json").read_text("utf-8"))
    items = schema["properties"]["notify"]["properties"]["channels"]["items"]["properties"]["events"]["items"]
    sources = [path.read_text() for path in Path(ROOT / "functions/lakeferry/mails").glob("*.py")]
    sent = {name for text in sources for name in re.findall(r'"((?:files?|feed|sla)_[a-z_]+)"', text)}
    assert set(items["enum"]) == sent - {"feed_id", "file_id"}
