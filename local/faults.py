"""Faults on demand, where a run calls a function or a service: before the effect, after it, instead of it, amid it.

Only what the state machine calls is touched; what a test itself asks of AWS is not.
"""

import io
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from local.engine import BROKEN

if TYPE_CHECKING:
    from local.aws import LocalAws

KINDS = ("error", "throttle", "lost", "timeout", "killed", "garbage")
AMID_SECONDS = 0.05
"""After so long a function's process is killed."""


@dataclass(frozen=True, slots=True)
class Call:
    """What a state of a run calls.

    Attributes:
        service: boto3's name of it, such as `lambda`.
        operation: And of the call, such as `invoke`.
        function: Logical id of a function.
        value: Event of the function, or parameters of the call.
    """

    service: str
    operation: str
    function: str
    value: Any


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong.

    Attributes:
        kind: `error`: fails before it does anything, with the exception of that name. `throttle`: is refused.
            `lost`: is done, and the answer is lost. `timeout`: is done, and takes too long. `killed`: its process
            ends in the middle of the work. `garbage`: is done, and answers something else.
        name: Of the exception.
    """

    kind: str
    name: str = ""


Decide = Callable[[Call], Fault | None]


class _Installed:
    decide: Decide | None = None
    aws: "LocalAws | None" = None
    done = False


def install(aws: "LocalAws", decide: Decide | None) -> None:
    """Asks `decide` before each call of a run from here on; None ends that."""
    _Installed.aws, _Installed.decide = aws, decide
    if _Installed.done:
        return
    _Installed.done = True
    from moto.stepfunctions.parser.asl.utils import boto_client

    from local import shims

    original = boto_client.boto_client_for

    def watched(region: str, service: str, state_credentials: Any = None) -> Any:
        return _Watched(original(region, service, state_credentials), service)

    shims._replace_everywhere("boto_client_for", watched)


class _Watched:
    """A client each call of which may go wrong."""

    def __init__(self, client: Any, service: str) -> None:
        self._client, self._service = client, service

    def __getattr__(self, operation: str) -> Any:
        method = getattr(self._client, operation)
        if _Installed.decide is None or not callable(method):
            return method

        def call(**parameters: Any) -> Any:
            found = self._describe(operation, parameters)
            fault = None if _Installed.decide is None else _Installed.decide(found)
            return method(**parameters) if fault is None else _go_wrong(fault, found, lambda: method(**parameters))

        return call

    def _describe(self, operation: str, parameters: Mapping[str, Any]) -> Call:
        if (self._service, operation) != ("lambda", "invoke"):
            return Call(self._service, operation, "", parameters)
        assert _Installed.aws is not None  # noqa: S101
        name = str(parameters["FunctionName"]).rsplit(":", 1)[-1]
        logical = next(key for key, found in _Installed.aws.resources.items() if found == name)
        return Call("lambda", "invoke", logical, json.loads(parameters["Payload"]))


def _go_wrong(fault: Fault, call: Call, act: Callable[[], Any]) -> Any:
    if fault.kind == "throttle":
        raise _client_error("TooManyRequestsException" if call.function else "ThrottlingException", call)
    if fault.kind == "error":
        if call.function:
            return _unhandled(fault.name, BROKEN)
        raise _client_error(fault.name, call)
    if fault.kind == "killed":
        assert _Installed.aws is not None  # noqa: S101
        timer = threading.Timer(AMID_SECONDS, _Installed.aws.workers.kill_one, (call.value,))
        timer.start()
        try:
            return act()
        finally:
            timer.cancel()
    act()
    if fault.kind == "timeout":
        return _unhandled("Sandbox.Timedout", "Task timed out after 1.00 seconds")
    if fault.kind == "lost":
        raise _client_error("SdkClientException", call)
    return {"Payload": io.BytesIO(b'"?"')} if call.function else {}


def _unhandled(kind: str, message: str) -> dict[str, Any]:
    body = json.dumps({"errorType": kind, "errorMessage": message}).encode()
    return {"FunctionError": "Unhandled", "Payload": io.BytesIO(body)}


def _client_error(code: str, call: Call) -> ClientError:
    response: Any = {
        "Error": {"Code": code, "Message": f"{call.service}: {code}, {BROKEN}"},
        "ResponseMetadata": {"HTTPStatusCode": 500, "RequestId": "fault"},
    }
    return ClientError(response, call.operation)
