"""A mail is published once: repeated only where it surely was not accepted."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError, ConnectTimeoutError, EndpointConnectionError, HTTPClientError

from lakeferry.mails.text import subject_of

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sns.type_defs import MessageAttributeValueTypeDef

ATTEMPTS = 4


@dataclass(frozen=True, slots=True)
class Mail:
    """A message of the topic.

    Attributes:
        tenant: None for what concerns all.
        feeds: Whose subscriptions get it, of that tenant; empty for what concerns all.
    """

    event: str
    severity: str
    subject: str
    message: str
    tenant: str | None = None
    feeds: tuple[str, ...] = ()


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
        for attempt in range(ATTEMPTS):
            try:
                self._sns.publish(
                    TopicArn=self._arn,
                    Subject=subject_of(mail.subject),
                    Message=mail.message,
                    MessageAttributes=_attributes(mail),
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


def _attributes(mail: Mail) -> dict[str, "MessageAttributeValueTypeDef"]:
    """What subscriptions filter by; those of feeds' own addresses by `feed_id`.

    Of an array each element is matched for itself ("String value matching", Amazon SNS Developer Guide), so every
    feed's subscription lets it pass.
    """
    values: dict[str, tuple[str, ...]] = {"event": (mail.event,), "severity": (mail.severity,)}
    if mail.tenant is not None:
        feed_ids = tuple(f"{mail.tenant}/{feed}" for feed in mail.feeds)
        values |= {"tenant": (mail.tenant,), "feed": mail.feeds, "feed_id": feed_ids}
    return {
        name: {"DataType": "String", "StringValue": found[0]}
        if len(found) == 1
        else {"DataType": "String.Array", "StringValue": json.dumps(found)}
        for name, found in values.items()
    }
