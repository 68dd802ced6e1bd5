"""Writes the ledger's items of one run into the lake."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lakeferry.ledger import Entry, Ledger
from lakeferry.ledger.exports import LEDGER
from lakeferry.models import run_id_of
from lakeferry.streamed import write_streamed

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def export_ledger(
    ledger: Ledger, s3: "S3Client", bucket: str, run: str, started_ms: int, seen: Callable[[Entry], None]
) -> int:
    """Writes one object with a line a file; none for a run that had no files.

    The key depends on the run alone, so an event that comes twice, or a run that is redriven, writes it over.

    Args:
        run: ARN of the execution.
        started_ms: When it began, UTC epoch milliseconds, as EventBridge tells.
        seen: Called with each file.

    Returns:
        Files written.
    """
    count = 0

    def lines() -> Iterator[bytes]:
        nonlocal count
        for entry in ledger.of_run(run, LEDGER.names):
            yield LEDGER.line(entry)
            count += 1
            seen(entry)

    day = datetime.fromtimestamp(started_ms / 1000, UTC).date().isoformat()
    write_streamed(s3, bucket, LEDGER.key(day, run_id_of(run)), lines())
    return count
