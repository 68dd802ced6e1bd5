"""Lambda handler of the rule on failed executions."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from lakeferry.clients import Clients, from_environment
from lakeferry.logs import logger_for
from lakeferry.mails.failures import execution_failed
from lakeferry.mails.topic import Topic

logger = logger_for("notify")
clients = cache(from_environment)


@logger.inject_lambda_context(clear_state=True)
def handler(event: Mapping[str, Any], context: object) -> None:
    """Publishes the mail; where that fails after all retries, EventBridge sends a plain one."""
    aws: Clients = clients()
    mail = execution_failed(event["detail"])
    Topic(aws.sns_without_repeats, aws.settings.topic).publish(mail)
    logger.info("failed execution mailed", run=event["detail"]["executionArn"], subject=mail.subject)
