"""Structured logs: one JSON line each, with the tenant, so that one tenant's lines can be found (and kept) apart."""

import time
from collections.abc import Mapping
from typing import Any, Protocol

from aws_lambda_powertools import Logger

from lakeferry.models import FileItem, run_id_of


def logger_for(service: str) -> Logger:
    """The logger of a function."""
    return Logger(service=f"lakeferry-{service}")


class OfFeed(Protocol):
    """What a call is about: a feed, a file or a batch of files of a run."""

    @property
    def tenant(self) -> str: ...
    @property
    def feed(self) -> str: ...
    @property
    def run(self) -> str: ...


def identify(logger: Logger, item: OfFeed) -> None:
    """Adds tenant, feed, run and file to every line from here on."""
    logger.append_keys(tenant=item.tenant, feed=item.feed, run_id=run_id_of(item.run))
    if isinstance(item, FileItem):
        logger.append_keys(file=item.path)


def measured(counts: Mapping[str, int]) -> dict[str, Any]:
    """Keys that make a log line one of metrics, too, a sum over all feeds: see docs/operations.md.

    CloudWatch reads them out of the line ("Specification: Embedded metric format", Amazon CloudWatch User Guide). The
    one dimension is the function: each value of another, such as the feed, would be a metric that is paid for.
    """
    metrics = [{"Name": name, "Unit": "Count"} for name in counts]
    directive = {"Namespace": "Lakeferry", "Dimensions": [["function_name"]], "Metrics": metrics}
    return {"_aws": {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [directive]}, **counts}
