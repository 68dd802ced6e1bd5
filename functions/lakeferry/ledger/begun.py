"""Partitions that the Glue job has begun to build: what a job that was killed was at, its successor finds here.

An item each beside the files' items, written before the work begins and removed when it has ended, well or not. One
that is found by another job tells that Spark, or the job as a whole, ended in the middle of it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Key
from botocore.exceptions import ClientError

from lakeferry.aws.tables import is_condition, pages, update, utc_now
from lakeferry.ledger.leases import LeasedError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

BEGUN = "!begun"
"""Partition key of these items, which are no files; their sort key is the partition's, `tenant/feed/dt`."""
_KEPT = timedelta(days=30)
"""Of what nobody takes up again, such as a partition of a feed that was removed."""


class TakenByAnotherJobError(LeasedError):
    """Another run of the job has begun the partition since this one began; the next run looks at it again."""


@dataclass(frozen=True, slots=True)
class Suspect:
    """A partition that was being built when its job or Spark ended, or that took more time than it may.

    Attributes:
        job: The job that began it.
        by: That job's run.
        alone: It was being built by itself: nothing else can be what ended Spark.
        overran: It took more time than it may.
    """

    partition: str
    job: str
    by: str
    alone: bool
    overran: bool


class Begun:
    """Notes of one job in the ledger table."""

    def __init__(self, table: "Table", run: str, job: str) -> None:
        """
        Args:
            job: Tells this job from others, those of the same run too.
        """
        self._table, self._run, self._job = table, run, job
        self._seen: dict[str, str] = {}

    def suspects(self) -> dict[str, Suspect]:
        """What other jobs have left, by partition; read consistently, once, before anything is begun."""
        found = pages(self._table.query, KeyConditionExpression=Key("feed_id").eq(BEGUN), ConsistentRead=True)
        suspects = {item["file_id"]: _suspect(item) for item in found}
        self._seen = {partition: suspect.job for partition, suspect in suspects.items()}
        return suspects

    def begin(self, partition: str, *, alone: bool) -> None:
        """Notes that a partition is being built.

        Raises:
            TakenByAnotherJobError: another job has noted that since.
        """
        expires = int((datetime.now(UTC) + _KEPT).timestamp())
        # `by`: an item with `run` would be one of the run's files
        values: dict[str, Any] = {"by": self._run, "job": self._job, "alone": alone, "expires_at": expires}
        try:
            update(
                self._table,
                (BEGUN, partition),
                {**values, "begun_at": utc_now()},
                condition="attribute_not_exists(#job) OR #job IN (:mine, :seen)",
                names={"#job": "job"},
                expected={":mine": self._job, ":seen": self._seen.get(partition, self._job)},
            )
        except ClientError as error:
            if not is_condition(error):
                raise
            raise TakenByAnotherJobError(
                f"{partition} is being built by another run of the job. Nothing was published by this one."
            ) from error

    def end(self, partition: str) -> None:
        """Its work has ended, well or not, and Spark is as it was."""
        with _if_mine():
            self._table.delete_item(
                Key={"feed_id": BEGUN, "file_id": partition},
                ConditionExpression="#job = :mine",
                ExpressionAttributeNames={"#job": "job"},
                ExpressionAttributeValues={":mine": self._job},
            )

    def suspect(self, partition: str, *, overran: bool = False) -> None:
        """It is to be built by itself, last, whenever it is built again."""
        with _if_mine():
            update(
                self._table,
                (BEGUN, partition),
                {"alone": False, **({"overran": True} if overran else {})},
                condition="#job IN (:mine, :seen)",
                names={"#job": "job"},
                expected={":mine": self._job, ":seen": self._seen.get(partition, self._job)},
            )


@contextmanager
def _if_mine() -> Iterator[None]:
    """A note that is another job's by now is left alone."""
    try:
        yield
    except ClientError as error:
        if not is_condition(error):
            raise


def _suspect(item: dict[str, Any]) -> Suspect:
    return Suspect(item["file_id"], item["job"], item["by"], item["alone"], item.get("overran", False))
