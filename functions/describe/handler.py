"""Lambda handler of states "Describe failure" and "Describe run failure"."""

from collections.abc import Mapping
from typing import Any

from describe.core import counted, describe
from lakeferry.logs import logger_for, measured

logger = logger_for("describe")


@logger.inject_lambda_context(clear_state=True)
def handler(event: Mapping[str, Any], context: object) -> Mapping[str, Any]:
    """Answers with a mail's subject, text and attributes; it reads and writes nothing."""
    mail = describe(event)
    logger.info("failure described", run=event["run"], subject=mail.subject, **measured(counted(event)))
    return mail.to_json()
