"""A mail is published once: repeated only where it surely was not accepted."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError, ConnectTimeoutError, EndpointConnectionError, HTTPClientError

from lakeferry.mails.mail import Mail

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

ATTEMPTS = 4


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
                    Subject=mail.subject,
                    Message=mail.text,
                    MessageAttributes=mail.attributes,
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
