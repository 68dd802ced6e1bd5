"""Messages of the dead-letter queue, version 1 (`dead_letter_schema.json`)."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, Self

from botocore.exceptions import ClientError

from lakeferry.errors import DeadLetterInvalidError, cause_of

if TYPE_CHECKING:
    from jsonschema.protocols import Validator
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import (
        ChangeMessageVisibilityBatchRequestEntryTypeDef,
        DeleteMessageBatchRequestEntryTypeDef,
    )

_BATCH = 10
"""Messages a call to SQS takes or gives (Amazon SQS API Reference, "ReceiveMessage", "DeleteMessageBatch")."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One failed file, feed or run.

    Attributes:
        kind: `file`, `feed` or `run`.
        feed_id: `tenant/feed`; None for a run.
        file_id: Sort key of the ledger item; None for a feed or a run.
        at: ISO 8601 UTC.
        resume: Input of an execution that takes it again.
        receipt: What SQS wants to see when the message is removed or shown again.
    """

    kind: str
    feed_id: str | None
    file_id: str | None
    stage: str
    error: str
    cause: str
    attempt: int
    run: str
    at: str
    resume: Mapping[str, Any]
    receipt: str = ""

    @classmethod
    def parse(cls, body: str, receipt: str = "") -> Self:
        """Reads a message.

        Raises:
            DeadLetterInvalidError: it is no dead letter of version 1.
        """
        message = _read(body)
        feed_id = None if message["feed"] is None else f"{message['tenant']}/{message['feed']}"
        return cls(
            kind=message["kind"],
            feed_id=feed_id,
            file_id=message["file"] and message["file"]["file_id"],
            stage=message["stage"],
            error=message["error"],
            cause=message["cause"],
            attempt=message["attempt"],
            run=message["run"],
            at=message["at"],
            resume=message["resume"],
            receipt=receipt,
        )

    @property
    def is_transient(self) -> bool:
        """Whether it may pass by itself."""
        return cause_of(self.error).retryable


_CHECKED: set[bytes] = set()
"""Digests of messages of version 1: one that stays in the queue comes again with each pass, and is checked once
a process. The digests alone: a message has up to 256 KB."""
_MOST_CHECKED = 10_000


def _read(body: str) -> Mapping[str, Any]:
    try:
        message: Mapping[str, Any] = json.loads(body)
    except ValueError as error:
        raise DeadLetterInvalidError(f"a message of the dead-letter queue is not JSON: {body[:200]!r}") from error
    digest = hashlib.sha256(body.encode("utf-8", "surrogatepass")).digest()
    if digest in _CHECKED:
        return message
    problem = next(_validator().iter_errors(message), None)
    if problem is not None:
        raise DeadLetterInvalidError(
            f"a message of the dead-letter queue is not of version 1: {problem.json_path}: {problem.message[:300]}"
        )
    if len(_CHECKED) >= _MOST_CHECKED:
        _CHECKED.clear()
    _CHECKED.add(digest)
    return message


@cache
def _validator() -> "Validator":
    from jsonschema import Draft202012Validator

    text = resources.files("lakeferry.runs").joinpath("dead_letter_schema.json").read_text("utf-8")
    return Draft202012Validator(json.loads(text))


class DeadLetterQueue:
    """The queue, read without losing anything: a message that is not removed comes back.

    Attributes:
        strange: Messages that could not be read; they stay in the queue.
    """

    def __init__(self, sqs: "SQSClient", url: str) -> None:
        self._sqs, self._url = sqs, url
        self.strange: list[str] = []

    def receive(self, hidden_seconds: int) -> Iterator[DeadLetter]:
        """Every message that is visible now, each hidden from other readers for so many seconds."""
        while True:
            answer = self._sqs.receive_message(
                QueueUrl=self._url, MaxNumberOfMessages=_BATCH, VisibilityTimeout=hidden_seconds
            )
            messages = answer.get("Messages", [])
            if not messages:
                return
            for message in messages:
                try:
                    yield DeadLetter.parse(message["Body"], message["ReceiptHandle"])
                except DeadLetterInvalidError as error:
                    self.strange.append(str(error))

    def send(self, message: Mapping[str, Any]) -> None:
        """Adds a message of version 1; one that is sent again within five minutes is dropped by the queue."""
        of_what = f"{message['run']} {message['tenant']}/{message['feed']} {message['stage']}"
        once = hashlib.sha256(of_what.encode("utf-8", "replace")).hexdigest()
        self._sqs.send_message(
            QueueUrl=self._url, MessageBody=json.dumps(message), MessageGroupId=once, MessageDeduplicationId=once
        )

    def remove(self, letters: Sequence[DeadLetter]) -> None:
        """Removes messages for good."""
        for batch in _batches(letters):
            entries: list[DeleteMessageBatchRequestEntryTypeDef] = [
                {"Id": str(index), "ReceiptHandle": letter.receipt} for index, letter in enumerate(batch)
            ]
            answer = self._sqs.delete_message_batch(QueueUrl=self._url, Entries=entries)
            for failed in answer.get("Failed", []):
                # alone it is tried again, and says what is wrong
                self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=batch[int(failed["Id"])].receipt)

    def hide(self, letters: Sequence[DeadLetter], seconds: int) -> None:
        """Keeps messages from readers for so long; 0 shows them at once."""
        for batch in _batches(letters):
            entries: list[ChangeMessageVisibilityBatchRequestEntryTypeDef] = [
                {"Id": str(index), "ReceiptHandle": letter.receipt, "VisibilityTimeout": seconds}
                for index, letter in enumerate(batch)
            ]
            answer = self._sqs.change_message_visibility_batch(QueueUrl=self._url, Entries=entries)
            for failed in answer.get("Failed", []):
                self._hide_alone(batch[int(failed["Id"])], seconds)

    def _hide_alone(self, letter: DeadLetter, seconds: int) -> None:
        try:
            self._sqs.change_message_visibility(
                QueueUrl=self._url, ReceiptHandle=letter.receipt, VisibilityTimeout=seconds
            )
        except ClientError as error:
            # the time it was hidden for is over: it is visible again already
            if error.response["Error"]["Code"] not in _SHOWN:
                raise


def _batches(letters: Sequence[DeadLetter]) -> Iterator[Sequence[DeadLetter]]:
    return (letters[start : start + _BATCH] for start in range(0, len(letters), _BATCH))


_SHOWN = {
    "MessageNotInflight",
    "AWS.SimpleQueueService.MessageNotInflight",
    "InvalidParameterValue",
    "ReceiptHandleIsInvalid",
}
