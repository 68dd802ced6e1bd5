"""A mail is published once: repeated only where it surely was not accepted."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError, ConnectTimeoutError, EndpointConnectionError, HTTPClientError

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

ATTEMPTS = 4
_LONGEST_SUBJECT = 100
"""Characters, ASCII ("Publish", Amazon SNS API Reference)."""


@dataclass(frozen=True, slots=True)
class Mail:
    """A message of the topic; tenant and feed are None for what concerns all."""

    event: str
    severity: str
    subject: str
    message: str
    tenant: str | None = None
    feed: str | None = None


class Topic:
    """Publishes to one topic."""

    def __init__(self, sns: "SNSClient", arn: str, sleep: Callable[[float], None] = time.sleep) -> None:
        """The client must make one attempt a call: botocore repeats calls whose answer got lost."""
        self._sns, self._arn, self._sleep = sns, arn, sleep

    def publish(self, mail: Mail) -> bool:
        """Publishes it.

        Returns:
            False where the answer got lost: it went out, most likely, and is not repeated.

        Raises:
            ClientError, EndpointConnectionError, ConnectTimeoutError: it surely did not go out, several times over.
        """
        attributes = {"tenant": mail.tenant, "feed": mail.feed, "event": mail.event, "severity": mail.severity}
        if mail.tenant is not None:
            # what the subscriptions of feeds' own addresses filter by
            attributes["feed_id"] = f"{mail.tenant}/{mail.feed}"
        for attempt in range(ATTEMPTS):
            try:
                self._sns.publish(
                    TopicArn=self._arn,
                    Subject=mail.subject.encode("ascii", "replace").decode()[:_LONGEST_SUBJECT],
                    Message=mail.message,
                    MessageAttributes={
                        name: {"DataType": "String", "StringValue": value}
                        for name, value in attributes.items()
                        if value is not None
                    },
                )
            except (ClientError, EndpointConnectionError, ConnectTimeoutError):
                if attempt == ATTEMPTS - 1:
                    raise
                self._sleep(2**attempt)
            except HTTPClientError:
                return False
            else:
                return True
        raise AssertionError("unreachable")  # the last attempt returns or raises
