"""Lambda handler of what a deployment makes beside CloudFormation's own types: job's files, and standing tables."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from job_files.answer import answer
from job_files.core import FOLDER, JobFiles, publish, remove
from lakeferry.catalog.putting import put_standing_tables
from lakeferry.clients import Clients, from_environment
from lakeferry.logs import logger_for

logger = logger_for("job_files")
clients = cache(from_environment)


@logger.inject_lambda_context(clear_state=True)
def handler(event: Mapping[str, Any], context: object) -> None:
    """Makes, updates or deletes a resource; CloudFormation gets every outcome as an answer."""
    physical_id = event.get("PhysicalResourceId", "not-made")
    try:
        physical_id, data = RESOURCES[event["LogicalResourceId"]](clients(), event, physical_id)
    except Exception as error:
        logger.exception("resource failed", request=event["RequestType"], resource=event["LogicalResourceId"])
        answer(event, physical_id, {}, f"{type(error).__name__}: {error}")
        return
    logger.info("resource", request=event["RequestType"], id=physical_id)
    answer(event, physical_id, data)


def _job_files(aws: Clients, event: Mapping[str, Any], physical_id: str) -> tuple[str, dict[str, str]]:
    """The Glue job's files are in the work bucket; an older version's are deleted."""
    bucket = aws.settings.work_bucket
    if event["RequestType"] == "Delete":
        remove(aws.s3, bucket, physical_id)
        return physical_id, {}
    files: JobFiles = publish(aws.s3, bucket, FOLDER, event["ResourceProperties"]["Architecture"])
    return files.prefix, files.locations


def _standing_tables(aws: Clients, event: Mapping[str, Any], physical_id: str) -> tuple[str, dict[str, str]]:
    """The tables that saved queries read are there; a deletion leaves them, as it leaves the database and the data."""
    if event["RequestType"] == "Delete":
        return physical_id, {}
    wanted = event["ResourceProperties"]
    logger.info("tables put", tables=put_standing_tables(aws.glue, wanted["Database"], wanted["Bucket"]))
    return f"{wanted['Database']}/standing-tables", {}


Resource = Callable[[Clients, Mapping[str, Any], str], tuple[str, dict[str, str]]]
RESOURCES: dict[str, Resource] = {
    "JobFiles": _job_files,
    "StandingTables": _standing_tables,
}
"""By the name that the template has for it."""
