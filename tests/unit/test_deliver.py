"""Which channels a message goes to, each once; what becomes of one that does not take it, and that no other notices."""

import io
import json
import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError

from check_sla import set_aside
from deliver import handler as delivering
from deliver.core import Surroundings, deliver
from lakeferry.aws.secrets import load_secret, secrets_of
from lakeferry.channels import webhook
from lakeferry.channels.notice import Notice
from lakeferry.clients import Clients
from lakeferry.errors import ChannelUnavailableError
from lakeferry.ledger import Ledger
from lakeferry.mails.mail import Mail
from lakeferry.mails.set_aside import message_undelivered
from lakeferry.servers.networks import ANYWHERE, DENIED, Networks
from notify import handler as notifying
from tests.conftest import ROOT, feed_document
from tests.servers.webhooks import Chat, chat
from tests.unit.conftest import SETTINGS
from tests.unit.sla_world import World, minutes
from tests.unit.test_channels import failed, record

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

FEED = "acme/daily_sales"


class Desk:
    """A stack's tables, and two chat services."""

    def __init__(self, feeds: "Table", ledger: Ledger, slack: Chat, teams: Chat) -> None:
        self.feeds, self.ledger, self.slack, self.teams = feeds, ledger, slack, teams
        self._secrets = boto3.client("secretsmanager")
        secrets = secrets_of(self._secrets)
        self.around = Surroundings(
            feeds=lambda tenant: feeds,
            ledger=ledger,
            networks=ANYWHERE,
            secret=lambda name, feed_id: load_secret(secrets, name, feed_id, fresh=True),
            seconds_left=lambda: 300.0,
        )

    def put(
        self, name: str = "daily_sales", *channels: Mapping[str, Any], tenant: str = "acme", **changes: Any
    ) -> None:
        """A feed, as it stands in the table, and a secret of its own."""
        document = feed_document(tenant=tenant, feed=name, notify={"channels": list(channels)}) | changes
        document["server"]["secret"] = f"lakeferry/{tenant}/{name}"
        self.feeds.put_item(Item=json.loads(json.dumps(document)))

    def keep(self, name: str = "daily_sales", tenant: str = "acme", **fields: str) -> None:
        """The secret of a feed."""
        text = json.dumps({"password": "p", **fields})
        try:
            self._secrets.create_secret(Name=f"lakeferry/{tenant}/{name}", SecretString=text)
        except self._secrets.exceptions.ResourceExistsException:
            self._secrets.put_secret_value(SecretId=f"lakeferry/{tenant}/{name}", SecretString=text)

    def deliver(self, mail: Mail | None = None, message_id: str = "m1", **around: Any) -> dict[str, int]:
        mail = failed() if mail is None else mail
        return deliver(Notice.from_record(record(mail, message_id)), replace(self.around, **around))

    def asides(self) -> dict[str, tuple[str, str]]:
        return {f"{one.what} {one.feed_id}": (one.error, one.cause) for one in self.ledger.asides}


SLACK = {"type": "slack", "url_secret": "slack_url"}
TEAMS = {"type": "teams", "url_secret": "teams_url"}


@pytest.fixture
def desk(feeds_table: "Table", ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    with chat(tmp_path / "slack") as slack, chat(tmp_path / "teams") as teams:
        both = tmp_path / "both.pem"
        both.write_text(slack.trust.read_text() + teams.trust.read_text())
        trust = ssl.create_default_context(cafile=str(both))
        monkeypatch.setattr(webhook, "_trust", lambda: trust)
        desk = Desk(feeds_table, ledger, slack, teams)
        desk.put("daily_sales", SLACK, TEAMS)
        desk.keep(slack_url=slack.url(), teams_url=teams.url())
        yield desk


def test_each_channel_gets_the_message_in_its_own_form(desk: Desk) -> None:
    assert desk.deliver() == {"sent": 2, "refused": 0}
    (in_slack,), (in_teams,) = desk.slack.posted, desk.teams.posted
    assert in_slack.body["text"] == "[Lakeferry] acme/daily_sales: a.csv failed"
    assert in_teams.body["attachments"][0]["content"]["type"] == "AdaptiveCard"


def test_a_message_that_comes_again_is_not_sent_again(desk: Desk) -> None:
    desk.deliver()
    assert desk.deliver() == {"sent": 0, "refused": 0}
    assert desk.deliver(message_id="m2") == {"sent": 2, "refused": 0}
    assert (len(desk.slack.posted), len(desk.teams.posted)) == (2, 2)
    item = boto3.resource("dynamodb").Table("ledger").get_item(Key={"feed_id": "!delivered", "file_id": "m1"})["Item"]
    assert "expires_at" in item
    assert "https" not in str(item)


def test_a_channel_that_wants_other_events_gets_none(desk: Desk) -> None:
    desk.put("daily_sales", {**SLACK, "events": ["sla_due"]}, {**TEAMS, "severity": "critical"})
    assert desk.deliver() == {"sent": 0, "refused": 0}


def test_only_the_channel_that_was_away_gets_it_at_the_next_try(desk: Desk) -> None:
    desk.slack.answers = [(503, "later")]
    with pytest.raises(ChannelUnavailableError, match=r"1 of 2 channels .*Slack channel slack_url answered 503 later"):
        desk.deliver()
    assert desk.deliver() == {"sent": 1, "refused": 0}
    assert (len(desk.slack.posted), len(desk.teams.posted)) == (2, 1)
    assert desk.asides() == {}


@pytest.mark.parametrize("status", [400, 404, 410])
def test_a_channel_that_refuses_is_told_by_mail_once_and_the_other_gets_the_message(
    desk: Desk, world: World, status: int
) -> None:
    desk.put("daily_sales", SLACK, TEAMS)
    desk.slack.answers = [(status, "no_service")] * 3
    for number in range(3):
        assert desk.deliver(message_id=f"m{number}") == {"sent": 1, "refused": 1}
        world.check(minutes(-10))
    (mail,) = [mail for mail in world.mails() if mail[0] == "channel_failed"]
    assert mail[1] == f"[Lakeferry] {FEED}: its channel slack_url does not get messages"
    assert f"Slack channel slack_url answered {status} no_service." in mail[2]
    assert "put its URL into the field of the feed's secret" in mail[2]
    assert (mail[3]["feed_id"], mail[3]["severity"]) == (FEED, "error")
    assert desk.slack.url() not in str(mail)
    # and works again, and breaks again
    assert desk.deliver(message_id="m3") == {"sent": 2, "refused": 0}
    assert desk.asides() == {}
    desk.slack.answers = [(status, "no_service")]
    desk.deliver(message_id="m4")
    world.check(minutes(-10))
    assert [mail[0] for mail in world.mails()].count("channel_failed") == 2


def test_that_a_channel_does_not_work_never_goes_to_a_channel(desk: Desk, world: World) -> None:
    desk.put("daily_sales", SLACK, TEAMS)
    desk.slack.answers = [(404, "no_service")]
    desk.deliver()
    world.check(minutes(-10))
    (mail,) = [mail for mail in world.mails() if mail[0] == "channel_failed"]
    before = (len(desk.slack.posted), len(desk.teams.posted))
    told = Mail("channel_failed", "error", mail[1], mail[2], tenant="acme", feeds=("daily_sales",))
    assert desk.deliver(told, "m2") == {"sent": 0, "refused": 0}
    assert (len(desk.slack.posted), len(desk.teams.posted)) == before


def test_a_channel_that_is_away_is_told_when_it_stays_so(
    desk: Desk, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.put("daily_sales", SLACK, TEAMS)
    desk.slack.answers = [(503, "later")]
    with pytest.raises(ChannelUnavailableError):
        desk.deliver()
    world.check(minutes(-10))
    assert "channel_failed" not in world.events()
    monkeypatch.setattr(set_aside, "GRACE", timedelta(0))
    for _ in range(2):
        world.check(minutes(-10))
    assert world.events().count("channel_failed") == 1


def test_a_message_about_many_feeds_is_one_message_a_channel(desk: Desk) -> None:
    for name in ("stock", "returns"):
        desk.put(name, SLACK)
        desk.keep(name, slack_url=desk.slack.url())
    several = Mail(
        "sla_due", "warning", "late", "WHAT  a", tenant="acme", feeds=("daily_sales", "stock", "returns", "x")
    )
    assert desk.deliver(several) == {"sent": 2, "refused": 0}
    assert (len(desk.slack.posted), len(desk.teams.posted)) == (1, 1)


def test_a_shared_channel_that_refuses_is_set_aside_with_each_feed(desk: Desk) -> None:
    desk.put("stock", SLACK)
    desk.keep("stock", slack_url=desk.slack.url())
    desk.slack.answers = [(410, "gone")]
    desk.deliver(Mail("sla_due", "warning", "late", "WHAT  a", tenant="acme", feeds=("daily_sales", "stock")))
    assert set(desk.asides()) == {f"deliver slack_url {FEED}", "deliver slack_url acme/stock"}


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({}, "has no field 'slack_url', which $.notify.channels[0].url_secret names"),
        ({"slack_url": ""}, "has no field 'slack_url'"),
        ({"slack_url": "http://hooks.slack.com/abcdefghijkl"}, "is no URL of the form https://host/path"),
    ],
)
def test_a_secret_without_the_url_is_that_channels_trouble(desk: Desk, fields: dict[str, str], told: str) -> None:
    desk.keep(teams_url=desk.teams.url(), **fields)
    desk.deliver()
    ((what, (_, cause)),) = desk.asides().items()
    assert what == f"deliver slack_url {FEED}"
    assert told in cause
    assert "abcdefghijkl" not in cause
    assert len(desk.teams.posted) == 1


def test_no_secret_at_all_is_that_feeds_trouble(desk: Desk) -> None:
    desk.put("stock", SLACK)
    desk.deliver(Mail("sla_due", "warning", "late", "WHAT  a", tenant="acme", feeds=("stock", "daily_sales")))
    assert desk.asides()["deliver slack_url acme/stock"][0] == "SecretMissingError"
    assert (len(desk.slack.posted), len(desk.teams.posted)) == (1, 1)


def test_no_tenant_reaches_anothers_channel(desk: Desk) -> None:
    """Feeds of one name, and a document past `feeds put` that names the other's secret."""
    desk.put("daily_sales", SLACK, tenant="globex")
    desk.keep(tenant="globex", slack_url=desk.teams.url("/globex"))
    desk.deliver()
    assert [posted.path for posted in desk.teams.posted] == [desk.slack.posted[0].path]
    document = feed_document(tenant="globex", feed="thief", notify={"channels": [SLACK]})
    document["server"]["secret"] = "lakeferry/acme/daily_sales"
    desk.feeds.put_item(Item=document)
    before = len(desk.slack.posted)
    desk.deliver(Mail("sla_due", "warning", "late", "WHAT  a", tenant="globex", feeds=("thief",)), "m2")
    assert len(desk.slack.posted) == before
    assert set(desk.asides()) == {"deliver slack_url globex/thief"}


def test_a_feed_whose_document_is_not_valid_is_heard_of_all_the_same(desk: Desk) -> None:
    desk.put("daily_sales", SLACK, schedule="nonsense")
    assert desk.deliver() == {"sent": 1, "refused": 0}


def test_what_the_operator_denies_is_told(desk: Desk) -> None:
    assert desk.deliver(networks=Networks.of(DENIED, "")) == {"sent": 0, "refused": 2}
    error, cause = desk.asides()[f"deliver slack_url {FEED}"]
    assert error == "ChannelRefusedError"
    assert "$.notify.channels[0].url_secret" in cause
    assert "DeniedNetworks" in cause


def test_what_there_is_no_time_for_is_left_for_the_next_try(desk: Desk) -> None:
    with pytest.raises(ChannelUnavailableError, match="2 of 2 channels"):
        desk.deliver(seconds_left=lambda: 5.0)
    assert desk.slack.posted == []
    assert desk.deliver() == {"sent": 2, "refused": 0}


def test_where_aws_is_out_of_order_for_one_the_others_have_it_and_the_call_fails(desk: Desk) -> None:
    desk.put("stock", SLACK)
    desk.keep("stock", slack_url=desk.slack.url())
    secret = desk.around.secret

    def throttled(name: str, feed_id: str) -> Mapping[str, str]:
        if feed_id == "acme/stock":
            raise ClientError({"Error": {"Code": "ThrottlingException", "Message": "slow down"}}, "GetSecretValue")
        return secret(name, feed_id)

    about_both = Mail("sla_due", "warning", "late", "WHAT  a", tenant="acme", feeds=("stock", "daily_sales"))
    with pytest.raises(ClientError, match="slow down"):
        desk.deliver(about_both, secret=throttled)
    assert (len(desk.slack.posted), len(desk.teams.posted)) == (1, 1)
    assert desk.asides() == {}


@pytest.mark.parametrize("broken", ["note", "clear_document"])
def test_where_the_ledger_is_out_of_order_the_others_have_it_and_the_call_fails(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    room: Any = desk.ledger.deliveries if broken == "note" else desk.ledger.asides
    real: Callable[..., None] = getattr(room, broken)

    def once(*given: Any) -> None:
        monkeypatch.setattr(room, broken, real)
        raise ClientError({"Error": {"Code": "InternalServerError", "Message": "oops"}}, "UpdateItem")

    monkeypatch.setattr(room, broken, once)
    with pytest.raises(ClientError, match="oops"):
        desk.deliver()
    assert (len(desk.slack.posted), len(desk.teams.posted)) == (1, 1)
    desk.deliver()
    # what could not be kept is sent again, nothing else
    assert len(desk.slack.posted) + len(desk.teams.posted) == (3 if broken == "note" else 2)


# -- the handlers


class Called:
    """What the runtime hands over."""

    function_name, memory_limit_in_mb, aws_request_id = "deliver", 512, "r1"
    invoked_function_arn = "arn:aws:lambda:eu-west-1:123456789012:function:deliver"

    def get_remaining_time_in_millis(self) -> int:
        return 300_000


def test_the_function_delivers_what_sns_hands_over_and_logs_no_url(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    clients, lines = Clients(SETTINGS), io.StringIO()
    monkeypatch.setattr(delivering, "clients", lambda: clients)
    monkeypatch.setattr(delivering.logger.registered_handler, "stream", lines)
    desk.slack.answers = [(404, desk.slack.url())]
    delivering.handler({"Records": [record(failed())]}, Called())  # type: ignore[arg-type]
    (line,) = map(json.loads, lines.getvalue().splitlines())
    assert (line["tenant"], line["feed"], line["counts"]) == ("acme", "daily_sales", {"sent": 1, "refused": 1})
    assert "abcdefghijklmnopqrstuvwx" not in lines.getvalue()
    assert "abcdefghijklmnopqrstuvwx" not in str(desk.asides())


def failed_call(error: str, message: str = "it broke") -> dict[str, Any]:
    """The detail of the event that Lambda makes of a call that failed for good."""
    payload = json.loads((ROOT / "events/deliver.json").read_text())
    return {"requestPayload": payload, "responsePayload": {"errorType": error, "errorMessage": message}}


def test_a_message_that_the_function_gave_up_on_is_mailed() -> None:
    mail = message_undelivered(failed_call("KeyError", "'x'\nDO  nothing"))
    assert mail is not None
    assert (mail.event, mail.tenant, mail.feeds) == ("channel_failed", "acme", ("daily_sales",))
    assert "WHY  'x'?DO  nothing\n\nNEXT" in mail.text
    assert "acme/daily_sales" in mail.text
    # killed by Lambda, which then has no answer
    killed = message_undelivered({**failed_call(""), "responsePayload": None})
    assert killed is not None
    assert "No cause was given." in killed.text


def test_what_channels_are_the_reason_of_is_told_once_by_the_check() -> None:
    assert message_undelivered(failed_call("ChannelUnavailableError")) is None


@pytest.mark.parametrize(("error", "mails"), [("KeyError", 1), ("ChannelUnavailableError", 0)])
def test_notify_mails_it(world: World, monkeypatch: pytest.MonkeyPatch, error: str, mails: int) -> None:
    topic = world.sns.list_topics()["Topics"][0]["TopicArn"]
    clients = Clients(replace(SETTINGS, topic=topic))
    monkeypatch.setattr(notifying, "clients", lambda: clients)
    notifying.handler({"source": "lambda", "detail": failed_call(error)}, Called())
    assert world.events() == ["channel_failed"] * mails
