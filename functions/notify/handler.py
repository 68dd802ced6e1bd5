"""Lambda handler of the rules on failed executions, and on messages that did not reach their channels."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from lakeferry.clients import Clients, from_environment
from lakeferry.logs import logger_for
from lakeferry.mails.failures import execution_failed
from lakeferry.mails.set_aside import message_undelivered
from lakeferry.mails.topic import Topic

logger = logger_for("notify")
clients = cache(from_environment)


@logger.inject_lambda_context(clear_state=True)
def handler(event: Mapping[str, Any], context: object) -> None:
    """Publishes the mail; where that fails after all retries, EventBridge sends a plain one about an execution."""
    aws: Clients = clients()
    detail = event["detail"]
    mail = message_undelivered(detail) if event["source"] == "lambda" else execution_failed(detail)
    if mail is not None:
        Topic(aws.sns_without_repeats, aws.settings.topic).publish(mail)
        logger.info("mailed", event=mail.event, run=detail.get("executionArn"), subject=mail.subject)
