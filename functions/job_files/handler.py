"""Lambda handler of the stack's resource "JobFiles": the Glue job's files are in the work bucket."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from job_files.answer import answer
from job_files.core import FOLDER, JobFiles, publish, remove
from lakeferry.clients import Clients, from_environment
from lakeferry.logs import logger_for

logger = logger_for("job_files")
clients = cache(from_environment)


@logger.inject_lambda_context(clear_state=True)
def handler(event: Mapping[str, Any], context: object) -> None:
    """Puts the files, or deletes an older version's; CloudFormation gets every outcome as an answer."""
    aws: Clients = clients()
    bucket = aws.settings.work_bucket
    physical_id = event.get("PhysicalResourceId", "not-made")
    try:
        if event["RequestType"] == "Delete":
            remove(aws.s3, bucket, physical_id)
            files = JobFiles(physical_id, {})
        else:
            files = publish(aws.s3, bucket, FOLDER, event["ResourceProperties"]["Architecture"])
    except Exception as error:
        logger.exception("job files failed", request=event["RequestType"])
        answer(event, physical_id, {}, f"{type(error).__name__}: {error}")
        return
    logger.info("job files", request=event["RequestType"], prefix=files.prefix)
    answer(event, files.prefix, files.locations)
