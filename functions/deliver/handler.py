"""Lambda handler of the topic's messages about feeds."""

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from deliver.core import Surroundings, deliver
from lakeferry.aws.secrets import load_secret
from lakeferry.channels.notice import Notice
from lakeferry.clients import Clients, from_environment
from lakeferry.logs import logger_for
from lakeferry.servers.networks import Networks

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

logger = logger_for("deliver")
clients = cache(from_environment)


@logger.inject_lambda_context(clear_state=True)
def handler(event: Mapping[str, Any], context: "LambdaContext") -> None:
    """Sends what SNS hands over; where it raises, Lambda calls again with the same."""
    aws: Clients = clients()
    around = Surroundings(
        feeds=lambda tenant: aws.for_tenant(tenant).feeds,
        ledger=aws.ledger,
        networks=Networks.of(aws.settings.denied_networks, aws.settings.allowed_networks),
        # as they are now: a URL that somebody has just corrected is not refused once more
        secret=lambda name, feed_id: load_secret(
            aws.for_tenant(feed_id.partition("/")[0]).secrets, name, feed_id, fresh=True
        ),
        seconds_left=lambda: context.get_remaining_time_in_millis() / 1000,
    )
    for record in event["Records"]:
        notice = Notice.from_record(record)
        logger.append_keys(tenant=notice.tenant, feed=" ".join(notice.feeds[:5]), message_id=notice.id)
        counts = deliver(notice, around)
        logger.info("message delivered to channels", about=notice.event, counts=counts)
