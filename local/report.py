"""A lake's report of a run, with commands and causes as they hold where the lake is a folder."""

import shlex
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lakeferry.ledger import Ledger
from lakeferry.reports.facts import RunFacts
from lakeferry.reports.gather import Sources
from lakeferry.sla.table import SlaTable
from local.words import lake_words
from report_run.core import report

if TYPE_CHECKING:
    from local.aws import LocalAws


def write_report(aws: "LocalAws", folder: Path, run: RunFacts, where: str = "") -> Path:
    """Writes the reports of a run into the lake.

    Args:
        folder: Of the lake.
        where: Options that name it in a command; empty for `--lake` with the folder.

    Returns:
        The file of the operator's.
    """
    words = lake_words(folder, where or f"--lake {shlex.quote(str(folder))}")
    keys = report(sources_of(aws), aws.client("s3"), aws.resources["LakeBucket"], run, words=words)
    return folder / keys[0]


def sources_of(aws: "LocalAws") -> Sources:
    """Where a stack keeps what a report shows."""
    table = aws.resource("dynamodb").Table
    return Sources(
        Ledger(table(aws.resources["LedgerTable"])),
        table(aws.resources["FeedsTable"]),
        SlaTable(table(aws.resources["SlaTable"])),
        aws.client("stepfunctions"),
    )


def described_run(described: Mapping[str, Any]) -> RunFacts:
    """What DescribeExecution tells of a run that has ended."""
    ended: datetime | None = described.get("stopDate")
    return RunFacts(
        arn=described["executionArn"],
        status=described["status"],
        started=described["startDate"],
        ended=ended,
        error=described.get("error") or "",
        cause=described.get("cause") or "",
    )
