"""Lambda handler of the rules on failed executions, on alarms, and on messages that did not reach their channels."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from lakeferry.clients import Clients, from_environment
from lakeferry.logs import logger_for
from lakeferry.mails.alarms import alarm_changed
from lakeferry.mails.failures import execution_failed
from lakeferry.mails.mail import Mail
from lakeferry.mails.set_aside import message_undelivered
from lakeferry.mails.topic import Topic

logger = logger_for("notify")
clients = cache(from_environment)

MAILS: Mapping[str, Callable[[Mapping[str, Any]], Mail | None]] = {
    "aws.cloudwatch": alarm_changed,
    "aws.states": lambda event: execution_failed(event["detail"]),
    "lambda": lambda event: message_undelivered(event["detail"]),
}
"""By the event's source."""


@logger.inject_lambda_context(clear_state=True)
def handler(event: Mapping[str, Any], context: object) -> None:
    """Publishes the mail; where that fails after all retries, EventBridge sends a plain one, or an alarm does."""
    aws: Clients = clients()
    mail = MAILS[event["source"]](event)
    if mail is not None:
        Topic(aws.sns_without_repeats, aws.settings.topic).publish(mail)
        logger.info("mailed", event=mail.event, run=event["detail"].get("executionArn"), subject=mail.subject)
