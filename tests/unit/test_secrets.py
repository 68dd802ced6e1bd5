"""Reading a feed's secret: kept for a while, read anew for whoever is refused with it."""

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from lakeferry.aws import secrets
from lakeferry.aws.secrets import load_secret, secrets_of
from lakeferry.clients import Clients
from lakeferry.errors import FeedInvalidError, LoginRejectedError, SecretMissingError
from lakeferry.feeds import Feed, parse_feed
from lakeferry.ledger import Ledger
from lakeferry.partner import connect
from lakeferry.servers import open_server
from local.partners import FtpPartner
from tests.conftest import feed_document
from tests.unit.conftest import SETTINGS

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

NAME, FEED_ID = "lakeferry/acme/daily_sales", "acme/daily_sales"


@pytest.fixture
def client(aws: None) -> "SecretsManagerClient":
    return boto3.client("secretsmanager")


def test_fields_of_the_secret(client: "SecretsManagerClient") -> None:
    client.create_secret(Name=NAME, SecretString='{"password": "p"}')
    assert load_secret(secrets_of(client), NAME, FEED_ID) == {"password": "p"}
    assert load_secret(secrets_of(client), None, FEED_ID) == {}


def test_a_missing_secret_is_named(client: "SecretsManagerClient") -> None:
    with pytest.raises(SecretMissingError, match="'lakeferry/acme/daily_sales' of feed acme/daily_sales"):
        load_secret(secrets_of(client), NAME, FEED_ID)


def test_a_stack_with_another_prefix_reads_its_own_secret_for_the_same_document(client: "SecretsManagerClient") -> None:
    client.create_secret(Name=NAME, SecretString='{"password": "theirs"}')
    reader = secrets_of(client, "acme-prod/")
    with pytest.raises(SecretMissingError, match="'acme-prod/acme/daily_sales' of feed acme/daily_sales"):
        load_secret(reader, NAME, FEED_ID)
    client.create_secret(Name="acme-prod/acme/daily_sales", SecretString='{"password": "p"}')
    assert load_secret(reader, NAME, FEED_ID) == {"password": "p"}


@pytest.mark.parametrize(
    ("code", "message", "told"),
    [
        ("AccessDeniedException", "Access to KMS is not allowed", "under a key that the stack may not use"),
        ("DecryptionFailure", "cannot decrypt", "under a key that the stack may not use"),
        ("AccessDeniedException", "User: x is not authorized", "begin with 'lakeferry/'"),
        ("ResourceNotFoundException", "no such secret", "create it in Secrets Manager"),
    ],
)
def test_what_keeps_a_secret_from_being_read_is_told_as_it_is(
    client: "SecretsManagerClient", code: str, message: str, told: str
) -> None:
    with Stubber(client) as stub:
        stub.add_client_error("get_secret_value", code, message)
        with pytest.raises(SecretMissingError, match=told) as caught:
            load_secret(secrets_of(client), NAME, FEED_ID)
    assert ("create it" in str(caught.value)) is (code == "ResourceNotFoundException")


@pytest.mark.parametrize("text", ["hunter2", '["hunter2"]', '{"password": 1}'])
def test_a_secret_of_the_wrong_shape_is_named_and_not_quoted(client: "SecretsManagerClient", text: str) -> None:
    client.create_secret(Name=NAME, SecretString=text)
    with pytest.raises(SecretMissingError, match="not a JSON object of strings") as caught:
        load_secret(secrets_of(client), NAME, FEED_ID)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_an_error_of_aws_keeps_its_name_which_the_state_machine_retries_by(client: "SecretsManagerClient") -> None:
    with Stubber(client) as stub:
        stub.add_client_error("get_secret_value", "ThrottlingException", "too many")
        with pytest.raises(ClientError, match="ThrottlingException") as caught:
            load_secret(secrets_of(client), NAME, FEED_ID)
    assert type(caught.value).__name__ == "ClientError"


def test_a_secret_is_kept_for_its_life_and_no_longer(
    client: "SecretsManagerClient", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secrets, "LIFE_SECONDS", 1)
    client.create_secret(Name=NAME, SecretString='{"password": "old"}')
    reader = secrets_of(client)
    load_secret(reader, NAME, FEED_ID)
    client.put_secret_value(SecretId=NAME, SecretString='{"password": "new"}')
    assert load_secret(reader, NAME, FEED_ID) == {"password": "old"}
    assert load_secret(reader, NAME, FEED_ID, fresh=True) == {"password": "new"}
    client.put_secret_value(SecretId=NAME, SecretString='{"password": "newer"}')
    time.sleep(1.1)
    assert load_secret(reader, NAME, FEED_ID) == {"password": "newer"}


class Login:
    """A real FTP server whose user's password is `right`, and how often somebody tried to log in."""

    def __init__(self, feed: Feed, clients: Clients) -> None:
        self.feed, self.clients, self.tried = feed, clients, 0

    def __call__(self) -> None:
        with connect(self.clients, self.feed, 5, 60) as server:
            assert list(server.list_files("/")) == []


@pytest.fixture
def login(ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    with FtpPartner(tmp_path, username="lake", password="right") as server:
        address = {"protocol": "ftp", "host": "127.0.0.1", "port": server.port, "allow_plaintext": True}
        feed = parse_feed(feed_document(server={**address, "username": "lake", "secret": NAME}))
        found = Login(feed, Clients(SETTINGS))

        def counted(*arguments: Any) -> Any:
            found.tried += 1
            return open_server(*arguments)

        monkeypatch.setattr("lakeferry.partner.open_server", counted)
        yield found


def test_the_settings_networks_are_held_against_the_feeds_server(client: "SecretsManagerClient", login: Login) -> None:
    client.create_secret(Name=NAME, SecretString='{"password": "right"}')
    login()
    for changed in (replace(SETTINGS, denied_networks="127.0.0.0/8"), replace(SETTINGS, allowed_networks="10.0.0.0/8")):
        login.clients = Clients(changed)
        with pytest.raises(FeedInvalidError, match=r"\$\.server\.host: 127\.0\.0\.1 is not connected to"):
            login()


@pytest.mark.parametrize("kept", ['{"password": "wrong"}', '{"passwort": "right"}'])
def test_a_corrected_secret_is_used_at_once(client: "SecretsManagerClient", login: Login, kept: str) -> None:
    client.create_secret(Name=NAME, SecretString=kept)
    load_secret(login.clients.secrets, NAME, FEED_ID)
    client.put_secret_value(SecretId=NAME, SecretString='{"password": "right"}')
    login()
    assert login.tried == 2
    login()
    assert login.tried == 3


def test_a_wrong_password_is_tried_once(client: "SecretsManagerClient", login: Login) -> None:
    client.create_secret(Name=NAME, SecretString='{"password": "wrong"}')
    with pytest.raises(LoginRejectedError):
        login()
    assert login.tried == 1
