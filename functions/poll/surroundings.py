"""What a poll works with."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lakeferry.ledger import Ledger
from lakeferry.runs.budget import Budget
from lakeferry.servers import Server
from poll.dealing import Limits

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a poll works with.

    Attributes:
        lake_bucket: Where the run's report will be: mails name it.
        connect: Opens the feed's server.
        is_running: Tells whether the run of that ARN still is.
        clock: UTC epoch seconds.
        limits: Of batches, where the feed does not say.
        budget: What there is time for.
    """

    connect: Callable[[], AbstractContextManager[Server]]
    ledger: Ledger
    s3: "S3Client"
    work_bucket: str
    lake_bucket: str
    is_running: Callable[[str], bool]
    clock: Callable[[], float]
    sleep: Callable[[float], None]
    limits: Limits = field(default_factory=lambda: Limits(50, 64 * 1024 * 1024))
    budget: Budget = field(default_factory=Budget)
