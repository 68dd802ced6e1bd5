"""Structured logs: one JSON line each, with the tenant, so that one tenant's lines can be found (and kept) apart."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from lakeferry.models import FileItem, run_id_of

NAMESPACE = "Lakeferry"
"""Of the metrics."""


CHATTY = ("botocore", "boto3", "s3transfer", "urllib3", "paramiko", "asyncssh", "pyarrow")
"""Libraries that tell no news at INFO, such as where credentials were found: Lambda's own handler would print it."""


def logger_for(service: str) -> Logger:
    """The logger of a function. Lambda's own handler does not print its lines once more: Powertools sees to that."""
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
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


def tell_failed(logger: Logger, failed: Sequence[Mapping[str, Any]]) -> None:
    """A line for each file of a batch that failed, with its path, beside the one about the batch."""
    for one in failed:
        logger.warning(
            "file failed", file=one["path"], stage=one["stage"], error=one["error"], cause=one["cause"][:1000]
        )


def measured(values: Mapping[str, float], dimensions: Sequence[str] = ()) -> dict[str, Any]:
    """Keys that make a log line one of metrics, too, mostly a sum over all feeds: see docs/operations.md.

    Powertools' `Metrics` makes them; CloudWatch reads them out of the line ("Specification: Embedded metric format",
    Amazon CloudWatch User Guide); flushed, they would be a second line. The dimension is the function, a key of each
    line already: each value of another, such as the feed, is a metric that is paid for.

    What is 0 stays a key of the line and is no metric: CloudWatch is paid for each hour in which a metric has a value,
    and where nothing happens most have none. A sum over what is missing is 0, and alarms take it for that.

    Args:
        dimensions: More of them, keys of the line, too; only where a parameter bounds their values.
    """
    counted = {name: value for name, value in values.items() if value}
    if not counted:
        return dict(values)
    metrics = EphemeralMetrics(namespace=NAMESPACE, service="")
    for name in ("function_name", *dimensions):
        metrics.add_dimension(name, "a key of the line")
    for name, value in counted.items():
        metrics.add_metric(name, _unit(name), value)
    return {"_aws": metrics.serialize_metric_set()["_aws"], **values}


def _unit(name: str) -> MetricUnit:
    if name.endswith("Bytes"):
        return MetricUnit.Bytes
    return MetricUnit.Seconds if name.endswith("Seconds") else MetricUnit.Count
