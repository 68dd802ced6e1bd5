"""Starts the state machine with what is to be taken, never twice for one view of what is open."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from lakeferry.errors import ReprocessInvalidError

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

MAX_INPUT_BYTES = 200_000
"""Of the 262,144 bytes an execution takes: a feed's own execution gets its files together with some more."""
SLOT_SECONDS = 300
"""A second start of the same work within it has the same name, so Step Functions takes both as one."""
_MOST_TWINS = 20


@dataclass(frozen=True, slots=True)
class Starter:
    """Starts executions of one state machine."""

    states: "SFNClient"
    state_machine: str
    now: datetime

    def start(self, execution_input: Mapping[str, Any]) -> str:
        """ARN of the execution that does the work: a new one, or that of a twin that was quicker."""
        text = json.dumps(execution_input, sort_keys=True)
        slot = int(self.now.timestamp()) // SLOT_SECONDS
        name = f"{execution_input['trigger']}-{slot}-{hashlib.sha256(text.encode()).hexdigest()[:24]}"
        for number in range(1, _MOST_TWINS):
            own = name if number == 1 else f"{name}-{number}"
            try:
                return self.states.start_execution(stateMachineArn=self.state_machine, name=own, input=text)[
                    "executionArn"
                ]
            except ClientError as error:
                if error.response["Error"]["Code"] != "ExecutionAlreadyExists":
                    raise
            twin = f"{self.state_machine.replace(':stateMachine:', ':execution:')}:{own}"
            if self.states.describe_execution(executionArn=twin)["status"] == "RUNNING":
                return twin
            # it has ended and left the work to do: somebody fixed the cause, or it was killed
        raise ReprocessInvalidError(
            f"{name} was started {_MOST_TWINS - 1} times within {SLOT_SECONDS} seconds and always ended; wait a little."
        )


def inputs_of_files(files: Sequence[Mapping[str, str]], **more: str) -> Iterator[dict[str, Any]]:
    """Inputs for these ledger keys, each small enough for an execution."""
    part: list[Mapping[str, str]] = []
    size = 0
    for file in files:
        length = len(json.dumps(file).encode()) + 2
        if part and size + length > MAX_INPUT_BYTES:
            yield {**more, "files": part}
            part, size = [], 0
        part.append(file)
        size += length
    if part:
        yield {**more, "files": part}
