"""Lambda handler of state "Validate files"."""

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from lakeferry.aws.secrets import load_secret
from lakeferry.batches import Batch
from lakeferry.clients import Clients, from_environment
from lakeferry.decode import DecodeKeys
from lakeferry.feeds import Feed
from lakeferry.file_at_work import file_at_work
from lakeferry.logs import identify, logger_for, tell_failed
from lakeferry.models import FileItem
from validate.batch import validate_batch
from validate.core import validate

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

logger = logger_for("validate")
clients = cache(from_environment)


@logger.inject_lambda_context(clear_state=True)
def handler(event: Mapping[str, Any], context: "LambdaContext") -> dict[str, Any]:
    """Decodes and checks the files of a batch; what the lake will show waits where nobody sees it."""
    aws: Clients = clients()
    if "files" not in event:
        return _one_file(aws, event)
    batch = Batch.from_event(event)
    identify(logger, batch)
    aws = aws.for_tenant(batch.tenant)
    feed = aws.feed(batch)
    answer = validate_batch(
        batch,
        feed,
        _keys(aws, feed),
        aws.ledger,
        aws.s3,
        aws.settings,
        remaining_seconds=lambda: context.get_remaining_time_in_millis() / 1000,
        budget=batch.budget(aws.ledger),
    )
    tell_failed(logger, answer["failed"][len(batch.failed) :])
    logger.info("batch validated", **batch.told(answer))
    return answer


def _one_file(aws: Clients, event: Mapping[str, Any]) -> dict[str, Any]:
    """For executions that began before files travelled in batches."""
    item = FileItem.from_event(event)
    identify(logger, item)
    aws = aws.for_tenant(item.tenant)
    feed = aws.feed(item)
    work = file_at_work(feed, item, aws.ledger, aws.s3, aws.settings)
    result = validate(work, aws.ledger.feeds.get(item.feed_id), _keys(aws, feed))
    logger.info("file validated", **result)
    return result


def _keys(aws: Clients, feed: Feed) -> DecodeKeys:
    # read anew for each call: with a key that has been replaced since, a file would be rejected for good
    return DecodeKeys(
        lambda: load_secret(aws.secrets, feed.server.secret, feed.feed_id, fresh=True), feed.server.secret
    )
