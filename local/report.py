"""A lake's report of a run, with commands and causes as they hold where the lake is a folder."""

import shlex
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lakeferry.ledger import Ledger
from lakeferry.reports.facts import RunFacts
from lakeferry.reports.gather import Sources
from lakeferry.reports.writing import HTML, write_reports
from lakeferry.sla.table import SlaTable
from local.words import lake_words

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
    bucket, s3 = aws.resources["LakeBucket"], aws.client("s3")

    def put(key: str, body: bytes) -> None:
        s3.put_object(Bucket=bucket, Key=key, Body=body, ContentType=HTML)

    words = lake_words(folder, where or f"--lake {shlex.quote(str(folder))}")
    return folder / write_reports(sources_of(aws), run, put, words=words)[0]


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
