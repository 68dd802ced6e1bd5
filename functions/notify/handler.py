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

MAILS: Mapping[str, Callable[[Mapping[str, Any], str], Mail | None]] = {
    "aws.cloudwatch": lambda event, _: alarm_changed(event),
    "aws.states": lambda event, lake: execution_failed(event["detail"], lake),
    "lambda": lambda event, _: message_undelivered(event["detail"]),
}
"""By the event's source; called with the event and the bucket of the lake."""


@logger.inject_lambda_context(clear_state=True)
def handler(event: Mapping[str, Any], context: object) -> None:
    """Publishes the mail; where that fails after all retries, EventBridge sends a plain one, or an alarm does."""
    aws: Clients = clients()
    mail = MAILS[event["source"]](event, aws.settings.lake_bucket)
    if mail is not None:
        Topic(aws.sns_without_repeats, aws.settings.topic).publish(mail)
        logger.info("mailed", event=mail.event, run=event["detail"].get("executionArn"), subject=mail.subject)
