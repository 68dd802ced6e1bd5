"""The local stack hands messages about feeds to their chat channels, as the template has it wired."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from check_sla import set_aside
from lakeferry.feeds import put_feed
from lakeferry.mails.mail import Mail
from local import backends
from local.aws import LocalAws
from tests.conftest import feed_document
from tests.servers.webhooks import Chat, chat
from tests.unit.test_channels import failed

FEEDS = ("daily_sales", "stock", "quiet")


class World:
    """The stack, and a chat service."""

    def __init__(self, aws: LocalAws, slack: Chat) -> None:
        self.aws, self.slack = aws, slack
        table = aws.resource("dynamodb").Table(aws.resources["FeedsTable"])
        channel = {"type": "slack", "url_secret": "slack_url"}
        for name in FEEDS:
            document = feed_document(feed=name, notify={} if name == "quiet" else {"channels": [channel]})
            document["server"]["secret"] = f"lakeferry/acme/{name}"
            put_feed(table, document)
            fields = {"password": "p", "slack_url": slack.url(f"/services/{name}/abcdefghijklmnopqrstuvwx")}
            aws.client("secretsmanager").create_secret(Name=f"lakeferry/acme/{name}", SecretString=json.dumps(fields))

    def publish(self, mail: Mail) -> None:
        self.aws.client("sns").publish(
            TopicArn=self.aws.resources["NotificationTopic"],
            Subject=mail.subject,
            Message=mail.text,
            MessageAttributes=mail.attributes,
        )
        self.aws.settle()

    def posted(self) -> list[str]:
        """To which feed's URL, and what notifications show."""
        found = [f"{one.path.split('/')[2]} {one.body['text']}" for one in self.slack.posted]
        self.slack.posted.clear()
        return found

    def calls(self, function: str) -> list[Any]:
        name = self.aws.resources[function]
        return [call.error for call in self.aws.workers.invocations if call.function == name]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("channels")
    with chat(folder / "slack") as slack, pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(slack.trust))
        with LocalAws(folder=folder / "lake", time_scale=0.001) as aws:
            yield World(aws, slack)


def test_a_message_about_a_feed_is_in_its_channel(world: World) -> None:
    world.publish(failed())
    assert world.posted() == ["daily_sales [Lakeferry] acme/daily_sales: a.csv failed"]


def test_what_is_about_no_feed_with_a_channel_is_in_none(world: World) -> None:
    before = len(world.calls("DeliverFunction"))
    world.publish(failed(feed="quiet"))
    world.publish(Mail("run_failed", "critical", "run failed", "WHAT  a"))
    assert world.posted() == []
    assert len(world.calls("DeliverFunction")) == before + 1  # the run's message is filtered by SNS


def test_a_channel_that_was_busy_gets_it_from_lambdas_next_try(world: World) -> None:
    world.slack.answers = [(429, "slow down"), (503, "later")]
    world.publish(failed(feed="stock"))
    assert world.posted() == ["stock [Lakeferry] acme/stock: a.csv failed"] * 3
    assert world.calls("DeliverFunction")[-3:] == ["ChannelUnavailableError"] * 2 + [None]


def test_one_that_is_gone_is_told_by_mail_once_and_no_message_goes_in_circles(world: World) -> None:
    for _ in range(2):
        world.slack.answers = [(404, "no_service")]
        world.publish(failed())
        world.aws.invoke("CheckSlaFunction", {})
        world.aws.settle()
    told = [mail for mail in world.aws.mails() if mail.attributes["event"] == "channel_failed"]
    (mail,) = told
    assert mail.attributes["feed_id"] == "acme/daily_sales"
    assert "answered 404 no_service" in mail.message
    assert "abcdefghijklmnopqrstuvwx" not in mail.message
    assert [one.split()[0] for one in world.posted()] == ["daily_sales", "daily_sales"]
    world.publish(failed(feed="stock"))  # the others go on
    assert len(world.posted()) == 1


def test_where_the_function_cannot_work_notify_mails_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    name = world.aws.resources["DeliverFunction"]
    function = backends._functions[name]
    broken = replace(function, environment={**function.environment, "LEDGER_TABLE": "nowhere"})
    monkeypatch.setitem(backends._functions, name, broken)
    world.aws.workers.kill()  # what is warm has the environment of before
    world.publish(failed())
    assert len(world.calls("NotifyFunction")) == 1
    mail = world.aws.mails()[-1]
    assert mail.attributes["event"] == "channel_failed"
    assert "Look at the log lines of function deliver." in mail.message
    assert world.posted() == []
    world.aws.workers.kill()


def test_no_url_is_in_the_functions_log(world: World) -> None:
    log = (Path(world.aws.work_folder) / "functions.log").read_text()
    assert "message delivered to channels" in log
    assert "abcdefghijklmnopqrstuvwx" not in log


def test_the_grace_is_longer_than_lambdas_tries() -> None:
    from local.topic import RETRY_SECONDS

    assert set_aside.GRACE.total_seconds() > 2 * sum(RETRY_SECONDS)
