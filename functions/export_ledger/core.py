"""Writes the ledger's items of one run into the lake."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lakeferry.ledger import Ledger
from lakeferry.ledger.exports import LEDGER
from lakeferry.models import run_id_of

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def export_ledger(ledger: Ledger, s3: "S3Client", bucket: str, run: str, started_ms: int) -> int:
    """Writes one object with a line a file; none for a run that had no files.

    The key depends on the run alone, so an event that comes twice, or a run that is redriven, writes it over.

    Args:
        run: ARN of the execution.
        started_ms: When it began, UTC epoch milliseconds, as EventBridge tells.

    Returns:
        Files written.
    """
    entries = ledger.of_run(run)
    if entries:
        day = datetime.fromtimestamp(started_ms / 1000, UTC).date().isoformat()
        s3.put_object(Bucket=bucket, Key=LEDGER.key(day, run_id_of(run)), Body=LEDGER.lines(entries))
    return len(entries)
