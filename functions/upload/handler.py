"""Lambda handler of state "Upload files"."""

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from lakeferry.batches import Batch
from lakeferry.clients import Clients, from_environment
from lakeferry.file_at_work import file_at_work
from lakeferry.logs import identify, logger_for, tell_failed
from lakeferry.models import FileItem
from lakeferry.partner import connect
from upload.after import finish_remote
from upload.batch import upload_batch
from upload.core import upload

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

logger = logger_for("upload")
clients = cache(from_environment)

PARTING_SECONDS = 10
"""Left of the time when a connection is ended that is still at work: for what came, and the ledger."""
WAIT_SECONDS = 120
"""For a connection to the server; the next run that lists the file tries again after that."""


@logger.inject_lambda_context(clear_state=True)
def handler(event: Mapping[str, Any], context: "LambdaContext") -> dict[str, Any]:
    """Makes the validated files of a batch visible, then does the after-actions on the server."""
    aws: Clients = clients()
    if "files" not in event:
        return _one_file(aws, event, context)
    batch = Batch.from_event(event)
    identify(logger, batch)
    aws = aws.for_tenant(batch.tenant)
    feed = aws.feed(batch)
    budget = batch.budget(aws.ledger)

    def remaining() -> float:
        return min(_seconds(context), budget.left())

    answer, problems = upload_batch(
        batch,
        feed,
        lambda: connect(aws, feed, WAIT_SECONDS, remaining() - PARTING_SECONDS, _waits),
        aws.ledger,
        aws.s3,
        aws.settings,
        remaining_seconds=remaining,
        budget=budget,
    )
    for problem in problems:
        logger.warning("after-action failed", reason=problem)
    tell_failed(logger, answer["failed"][len(batch.failed) :])
    logger.info("batch uploaded", **batch.told(answer))
    return answer


def _one_file(aws: Clients, event: Mapping[str, Any], context: "LambdaContext") -> dict[str, Any]:
    """For executions that began before files travelled in batches."""
    item = FileItem.from_event(event)
    identify(logger, item)
    aws = aws.for_tenant(item.tenant)
    feed = aws.feed(item)
    result = upload(file_at_work(feed, item, aws.ledger, aws.s3, aws.settings))
    work = file_at_work(feed, item, aws.ledger, aws.s3, aws.settings)
    problem = finish_remote(work, lambda: connect(aws, feed, WAIT_SECONDS, _seconds(context) - PARTING_SECONDS))
    if problem:
        logger.warning("after-action failed", reason=problem)
    logger.info("file uploaded", **result)
    return result


def _seconds(context: "LambdaContext") -> float:
    return context.get_remaining_time_in_millis() / 1000


def _waits(seconds: float) -> None:
    logger.info("waits for a connection to the server", waits_seconds=round(seconds))
