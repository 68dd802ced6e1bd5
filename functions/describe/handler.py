"""Lambda handler of states "Describe failure" and "Describe run failure"."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from describe.core import counted, describe
from lakeferry.logs import logger_for, measured
from lakeferry.settings import Settings

logger = logger_for("describe")
settings = cache(Settings.from_environment)


@logger.inject_lambda_context(clear_state=True)
def handler(event: Mapping[str, Any], context: object) -> Mapping[str, Any]:
    """Answers with a mail's subject, text and attributes; it reads and writes nothing."""
    mail = describe(event, settings().lake_bucket)
    logger.info("failure described", run=event["run"], subject=mail.subject, **measured(counted(event)))
    return mail.to_json()
