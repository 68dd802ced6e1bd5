"""Reads a feed's secret. Its values are never logged, stored or put into a message."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from lakeferry.errors import SecretMissingError
from lakeferry.feeds import Feed

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient


def load_secret(client: "SecretsManagerClient", feed: Feed) -> Mapping[str, str]:
    """Fields of the secret the feed names; none where it names none.

    Raises:
        SecretMissingError: there is no such secret, or it is not a JSON object of strings.
    """
    name = feed.server.secret
    if name is None:
        return {}
    try:
        text = client.get_secret_value(SecretId=name).get("SecretString", "")
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in {"ResourceNotFoundException", "AccessDeniedException", "InvalidRequestException"}:
            raise SecretMissingError(
                f"secret {name!r} of feed {feed.feed_id} cannot be read ({code}): create it in Secrets Manager "
                'with a JSON object such as {"password": "..."}.'
            ) from error
        raise
    try:
        fields = json.loads(text)
    except ValueError:
        fields = None  # the parser's message would quote the secret
    if not isinstance(fields, dict) or not all(isinstance(value, str) for value in fields.values()):
        raise SecretMissingError(
            f"secret {name!r} of feed {feed.feed_id} is not a JSON object of strings: "
            'it should look like {"password": "..."}.'
        )
    return fields
