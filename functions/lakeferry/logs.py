"""Structured logs: one JSON line each, with the tenant, so that one tenant's lines can be found (and kept) apart."""

from collections.abc import Mapping
from typing import Any, Protocol

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from lakeferry.models import FileItem, run_id_of

NAMESPACE = "Lakeferry"
"""Of the metrics."""


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


def measured(values: Mapping[str, float]) -> dict[str, Any]:
    """Keys that make a log line one of metrics, too, a sum over all feeds: see docs/operations.md.

    Powertools' `Metrics` makes them; CloudWatch reads them out of the line ("Specification: Embedded metric format",
    Amazon CloudWatch User Guide); flushed, they would be a second line. The one dimension is the function, a key of
    each line already: each value of another, such as the feed, would be a metric that is paid for.
    """
    metrics = EphemeralMetrics(namespace=NAMESPACE, service="")
    metrics.add_dimension("function_name", "a key of the line")
    for name, value in values.items():
        metrics.add_metric(name, _unit(name), value)
    return {"_aws": metrics.serialize_metric_set()["_aws"], **values}


def _unit(name: str) -> MetricUnit:
    if name.endswith("Bytes"):
        return MetricUnit.Bytes
    return MetricUnit.Seconds if name.endswith("Seconds") else MetricUnit.Count
