"""Reads a feed's secret. Its values are never logged, stored or put into a message."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from aws_lambda_powertools.utilities.parameters import SecretsProvider
from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError
from botocore.exceptions import ClientError

from lakeferry.errors import SecretMissingError

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

LIFE_SECONDS = 60
"""So long a warm process uses what it has read. Whoever is refused because of it reads it anew (`fresh`)."""


def secrets_of(client: "SecretsManagerClient") -> SecretsProvider:
    """A reader of secrets that keeps each for `LIFE_SECONDS`."""
    return SecretsProvider(boto3_client=client)


def load_secret(secrets: SecretsProvider, name: str | None, feed_id: str, *, fresh: bool = False) -> Mapping[str, str]:
    """Fields of the secret that a feed names; none where it names none.

    Args:
        fresh: It is asked for whatever is known; what somebody has just corrected is found.

    Raises:
        SecretMissingError: there is no such secret, or it is not a JSON object of strings.
    """
    if name is None:
        return {}
    try:
        text = secrets.get(name, max_age=LIFE_SECONDS, force_fetch=fresh)
    except GetParameterError as wrapped:
        # Powertools raises its own error over AWS's; the state machine retries by AWS's names
        error = wrapped.__context__ or wrapped
        code = error.response["Error"]["Code"] if isinstance(error, ClientError) else ""
        if code in {"ResourceNotFoundException", "AccessDeniedException", "InvalidRequestException"}:
            raise SecretMissingError(
                f"secret {name!r} of feed {feed_id} cannot be read ({code}): create it in Secrets Manager "
                'with a JSON object such as {"password": "..."}.'
            ) from error
        raise error from None
    try:
        fields = json.loads(text) if isinstance(text, str) else None
    except ValueError:
        fields = None  # the parser's message would quote the secret
    if not isinstance(fields, dict) or not all(isinstance(value, str) for value in fields.values()):
        raise SecretMissingError(
            f"secret {name!r} of feed {feed_id} is not a JSON object of strings: "
            'it should look like {"password": "..."}.'
        )
    return fields
