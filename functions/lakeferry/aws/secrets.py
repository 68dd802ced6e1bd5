"""Reads a feed's secret. Its values are never logged, stored or put into a message."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aws_lambda_powertools.utilities.parameters import SecretsProvider
from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError
from botocore.exceptions import ClientError

from lakeferry.errors import SecretMissingError
from lakeferry.settings import NAMED

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

CREATE = 'create it in Secrets Manager with a JSON object such as {"password": "..."}.'
LIFE_SECONDS = 60
"""So long a warm process uses what it has read. Whoever is refused because of it reads it anew (`fresh`)."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """A reader of secrets that keeps each for `LIFE_SECONDS`.

    Attributes:
        prefix: What the names of this stack's secrets begin with.
    """

    provider: SecretsProvider
    prefix: str = NAMED

    def place(self, name: str) -> str:
        """The name in Secrets Manager: documents are the same in every stack, their secrets need not be."""
        return self.prefix + name.removeprefix(NAMED)


def secrets_of(client: "SecretsManagerClient", prefix: str = NAMED) -> Secrets:
    """Those of a stack."""
    return Secrets(SecretsProvider(boto3_client=client), prefix)


def load_secret(secrets: Secrets, name: str | None, feed_id: str, *, fresh: bool = False) -> Mapping[str, str]:
    """Fields of the secret that a feed names; none where it names none.

    Args:
        fresh: It is asked for whatever is known; what somebody has just corrected is found.

    Raises:
        SecretMissingError: there is no such secret, the stack may not read it, or it is not a JSON object of strings.
    """
    return {} if name is None else read_fields(secrets, secrets.place(name), f"of feed {feed_id}", fresh=fresh)


def read_fields(secrets: Secrets, name: str, whose: str, *, fresh: bool = False) -> Mapping[str, str]:
    """Fields of a secret.

    Args:
        name: As Secrets Manager has it.
        whose: For messages, such as `of feed acme/sales`.

    Raises:
        SecretMissingError: there is no such secret, the stack may not read it, or it is not a JSON object of strings.
    """
    try:
        text = secrets.provider.get(name, max_age=LIFE_SECONDS, force_fetch=fresh)
    except GetParameterError as wrapped:
        # Powertools raises its own error over AWS's; the state machine retries by AWS's names
        error = wrapped.__context__ or wrapped
        what_to_do = _advice(error, secrets.prefix) if isinstance(error, ClientError) else None
        if what_to_do is None:
            raise error from None
        raise SecretMissingError(f"secret {name!r} {whose} cannot be read {what_to_do}") from error
    try:
        fields = json.loads(text) if isinstance(text, str) else None
    except ValueError:
        fields = None  # the parser's message would quote the secret
    if not isinstance(fields, dict) or not all(isinstance(value, str) for value in fields.values()):
        raise SecretMissingError(
            f'secret {name!r} {whose} is not a JSON object of strings: it should look like {{"password": "..."}}.'
        )
    return fields


def _advice(error: ClientError, prefix: str) -> str | None:
    """What is wrong in Secrets Manager, and what to do; None where it will pass.

    A secret under a key that the role may not use is refused as AccessDeniedException, too, with a word about KMS
    ("Troubleshoot AWS Secrets Manager").
    """
    code, message = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
    if code == "DecryptionFailure" or (code == "AccessDeniedException" and "KMS" in message):
        return (
            f"({code}): it is there, under a key that the stack may not use. Put it under the key aws/secretsmanager, "
            "or under the stack's own (resource DataKey)."
        )
    if code == "AccessDeniedException":
        return f"({code}): the stack may read secrets whose names begin with {prefix!r}, unless a policy forbids it."
    if code in {"ResourceNotFoundException", "InvalidRequestException"}:
        return f"({code}): {CREATE}"
    return None
