"""Reading a feed's secret."""

import boto3
import pytest

from lakeferry.aws.secrets import load_secret
from lakeferry.errors import SecretMissingError
from lakeferry.feeds import parse_feed
from tests.conftest import feed_document


def test_fields_of_the_secret(aws: None) -> None:
    client = boto3.client("secretsmanager")
    client.create_secret(Name="lakeferry/acme/daily_sales", SecretString='{"password": "p"}')
    assert load_secret(client, parse_feed(feed_document())) == {"password": "p"}


def test_a_missing_secret_is_named(aws: None) -> None:
    with pytest.raises(SecretMissingError, match="'lakeferry/acme/daily_sales' of feed acme/daily_sales"):
        load_secret(boto3.client("secretsmanager"), parse_feed(feed_document()))


@pytest.mark.parametrize("text", ["hunter2", '["hunter2"]', '{"password": 1}'])
def test_a_secret_of_the_wrong_shape_is_named_and_not_quoted(aws: None, text: str) -> None:
    client = boto3.client("secretsmanager")
    client.create_secret(Name="lakeferry/acme/daily_sales", SecretString=text)
    with pytest.raises(SecretMissingError, match="not a JSON object of strings") as caught:
        load_secret(client, parse_feed(feed_document()))
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None
