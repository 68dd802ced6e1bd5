"""Structured logs: one JSON line each, with the tenant, so that one tenant's lines can be found (and kept) apart."""

from aws_lambda_powertools import Logger

from lakeferry.models import FeedItem, FileItem, run_id_of


def logger_for(service: str) -> Logger:
    """The logger of a function."""
    return Logger(service=f"lakeferry-{service}")


def identify(logger: Logger, item: FeedItem | FileItem) -> None:
    """Adds tenant, feed, run and file to every line from here on."""
    logger.append_keys(tenant=item.tenant, feed=item.feed, run_id=run_id_of(item.run))
    if isinstance(item, FileItem):
        logger.append_keys(file=item.path)
