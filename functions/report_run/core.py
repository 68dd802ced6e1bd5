"""Writes the reports of a run into the lake, here and on a laptop."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from math import inf
from typing import TYPE_CHECKING, Any

from lakeferry.reports.facts import RunFacts
from lakeferry.reports.gather import Sources
from lakeferry.reports.writing import HTML, write_reports

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def report(
    sources: Sources,
    s3: "S3Client",
    bucket: str,
    run: RunFacts,
    *,
    link: str = "",
    words: Callable[[str], str] = str,
    left: Callable[[], float] = lambda: inf,
) -> list[str]:
    """Writes all reports of a run; see `write_reports`.

    Returns:
        Their keys, the operator's first.
    """

    def put(key: str, body: bytes) -> None:
        s3.put_object(Bucket=bucket, Key=key, Body=body, ContentType=HTML)

    return write_reports(sources, run, put, link=link, words=words, left=left)


def run_of(detail: Mapping[str, Any]) -> RunFacts:
    """What EventBridge's "Step Functions Execution Status Change" tells of a run that has ended."""
    ended = detail.get("stopDate")
    return RunFacts(
        arn=str(detail["executionArn"]),
        status=str(detail["status"]),
        started=_moment(detail["startDate"]),
        ended=None if ended is None else _moment(ended),
        error=str(detail.get("error") or ""),
        cause=str(detail.get("cause") or ""),
    )


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
