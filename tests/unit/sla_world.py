"""One stack's tables and topic, a clock that is set by hand, the partners' files; and calls that go wrong."""

import copy
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import ReadTimeoutError

from check_sla.core import Surroundings, check
from lakeferry.feeds import put_feed
from lakeferry.ledger import Ledger
from lakeferry.mails.topic import Topic
from lakeferry.sla.table import SlaTable
from tests.conftest import feed_document

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

MACHINE = "arn:aws:states:eu-west-1:123456789012:stateMachine:lakeferry-ingest"
SLA = {"expected_by": "06:30", "timezone": "America/New_York", "grace_minutes": 30}
DAY = date(2026, 11, 24)
DUE = datetime(2026, 11, 24, 11, 30, tzinfo=UTC)
FEED = "acme/daily_sales"
NOTHING_LATE = {"runs_missed": 0, "breached": 0, "late_seconds": 0}
NEVER = timedelta(days=36500)


class World:
    """Checks, and what they told."""

    def __init__(self, feeds: "Table", ledger: Ledger, ledger_table: "Table", sla_table: "Table") -> None:
        self.feeds, self._files, self.sla_table = feeds, ledger_table, sla_table
        self.sns = boto3.client("sns", config=Config(retries={"mode": "standard", "total_max_attempts": 1}))
        topic = self.sns.create_topic(Name="mails")["TopicArn"]
        states = boto3.client("stepfunctions")
        states.create_state_machine(
            name="lakeferry-ingest", definition="{}", roleArn="arn:aws:iam::123456789012:role/r"
        )
        self.around = Surroundings(
            feeds, ledger, SlaTable(sla_table), Topic(self.sns, topic, lambda seconds: None), states, MACHINE, NEVER
        )

    def put(self, **changes: Any) -> None:
        put_feed(self.feeds, feed_document(**{"sla": SLA} | changes))

    def check(self, now: datetime, **changes: Any) -> dict[str, int]:
        # each invocation has a token of its own
        return check(replace(self.around, token=f"{now}{len(self.mails())}{changes}", **changes), now)

    def land(self, name: str, at: datetime, dt: date = DAY, feed: str = FEED, **changes: Any) -> None:
        item: dict[str, Any] = {
            "feed_id": feed, "file_id": f"/outgoing/{name}#1#{int(at.timestamp())}", "path": f"/outgoing/{name}",
            "status": "UPLOADED", "dt": dt.isoformat(), "partition": f"{feed}/{dt}", "mtime": int(at.timestamp()),
            "uploaded_at": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        } | changes  # fmt: skip
        self._files.put_item(Item={key: value for key, value in item.items() if value is not None})

    def fail(self, name: str, at: datetime, dt: date = DAY, feed: str = FEED, **changes: Any) -> None:
        """What `Record file failure` leaves in the ledger."""
        failed_at = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        failure = {
            **{"status": "FAILED", "error": "FileRejectedError", "stage": "Validate files", "cause": "Broken."},
            **{"failed_at": failed_at, "unfinished": f"failed#run#{failed_at}", "uploaded_at": None, "partition": None},
        }
        self.land(name, at, dt, feed, **failure | changes)

    def feed_fails(self, error: str, cause: str, feed: str = FEED) -> None:
        """What `Record feed failure` leaves in the ledger."""
        self._files.update_item(
            Key={"feed_id": feed, "file_id": "!feed"},
            UpdateExpression="SET failing_since = :at, #error = :error, cause = :cause ADD failed_polls :one",
            ExpressionAttributeNames={"#error": "error"},
            ExpressionAttributeValues={":at": "2026-11-24T11:00:00Z", ":error": error, ":cause": cause, ":one": 1},
        )

    def mails(self) -> list[tuple[str, str, str, dict[str, str]]]:
        """Event, subject, message, attributes."""
        from moto.sns.models import sns_backends

        (topic,) = sns_backends["123456789012"]["eu-west-1"].topics.values()
        found = []
        for _, message, subject, attributes, _ in topic.sent_notifications:
            values = {name: str(one["Value"]) for name, one in attributes.items()}
            found.append((values["event"], subject, message, values))
        return found

    def events(self) -> list[str]:
        return [mail[0] for mail in self.mails()]

    def statuses(self, feed: str = FEED) -> dict[str, str]:
        items = self.around.table.history(feed, "2", "3")
        return {item.business_date: item.status for item in items}


def feed_ids(mail: tuple[str, str, str, dict[str, str]]) -> list[str]:
    """The feeds whose subscriptions a mail is for."""
    value = mail[3]["feed_id"]
    return list(json.loads(value)) if value.startswith("[") else [value]


def minutes(count: int) -> datetime:
    return DUE + timedelta(minutes=count)


class Killed(BaseException):
    """The process is gone."""


class Fault:
    """Raises in those calls of an operation that are chosen, before they have an effect or after."""

    def __init__(
        self, chosen: Callable[[int], bool], error: Callable[[Any], BaseException], *, after_effect: bool
    ) -> None:
        self.chosen, self._error, self._after, self.calls = chosen, error, after_effect, 0

    def __call__(self, request: Any, **rest: Any) -> Any:
        from moto.core.models import botocore_stubber

        self.calls += 1
        if not self.chosen(self.calls):
            return None
        if self._after:
            botocore_stubber("before-send", request)
        raise self._error(request)


def lost_answer(request: Any) -> BaseException:
    return ReadTimeoutError(endpoint_url=request.url)


def killed(request: Any) -> BaseException:
    return Killed()


class Snapshot:
    """Tables and topics as they are now, to be gone back to."""

    def __init__(self) -> None:
        self._tables = {name: _copied(table.items) for name, table in _tables().items()}
        self._sent = {arn: list(topic.sent_notifications) for arn, topic in _topics().items()}

    def restore(self) -> None:
        for name, table in _tables().items():
            table.items = _copied(self._tables[name])
        for arn, topic in _topics().items():
            topic.sent_notifications = list(self._sent[arn])


def _tables() -> dict[str, Any]:
    from moto.dynamodb.models import dynamodb_backends

    return dict(dynamodb_backends["123456789012"]["eu-west-1"].tables)


def _topics() -> dict[str, Any]:
    from moto.sns.models import sns_backends

    return dict(sns_backends["123456789012"]["eu-west-1"].topics)


def _copied(items: Any) -> Any:
    """Of a table with two keys."""
    new = copy.copy(items)
    for key, partition in items.items():
        new[key] = {sort: copy.deepcopy(item) for sort, item in partition.items()}
    return new


def killed_at_each(steps: Sequence[Callable[[], object]], dying: Fault) -> Iterator[int]:
    """The steps as they are (0), and then once for each call of theirs that may be deadly, killed at that.

    What comes before the step of the kill is the same each time: it is gone back to, not done again.
    """
    begun = []
    for step in steps:
        begun.append((dying.calls, Snapshot()))
        step()
    calls = dying.calls
    yield 0
    for nth in range(1, calls + 1):
        number = max(at for at, (before, _) in enumerate(begun) if before < nth)
        dying.calls, dying.chosen = begun[number][0], lambda call, nth=nth: call == nth  # type: ignore[misc]
        begun[number][1].restore()
        for step in steps[number:]:
            with suppress(Killed):
                step()
        assert dying.calls >= nth, "it came to the call"
        yield nth
