"""A call of DynamoDB, from a client to moto's handler and back: no request of the web is made of it, and none read.

Part of `known_calls`; tests/unit/test_known_calls.py holds the answers against those of the long way. That is gone by
whatever is unusual: a refusal, bytes, a listener that a test has put in, keys that moto gave.
"""

import json
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from math import isinf
from types import SimpleNamespace
from typing import Any, Self
from weakref import WeakKeyDictionary

import botocore.client
import botocore.parsers
from botocore.exceptions import ParamValidationError

ask_the_long_way: Any = botocore.client.BaseClient._make_api_call  # type: ignore[attr-defined]
_parser: Any = botocore.parsers.create_parser("json")
_ways: WeakKeyDictionary[Any, tuple[Any, dict[str, "Way | None"]]] = WeakKeyDictionary()
_told = threading.local()
"""Its `action`: what moto's handler has come to, for the long way to put into words."""
OPERATIONS = {
    "GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query", "Scan", "BatchGetItem", "BatchWriteItem",
    "TransactGetItems", "TransactWriteItems",
}  # fmt: skip
"""Those about items. What moto has for their answers is named as in the answer."""
BEFORE, AFTER = ("provide-client-params", "before-parameter-build"), "after-call"
BETWEEN = (
    *("before-endpoint-resolution", "before-call", "request-created", "choose-signer", "before-sign", "before-send"),
    *("response-received", "before-parse", "needs-retry", "after-call-error"),
)
"""Events of a call, for which its listeners are called."""
SILENT = {
    *("botocore.handlers", "botocore.signers", "botocore.retries.standard", "botocore.useragent"),
    *("botocore.discovery", "moto.core.botocore_stubber", "aws_lambda_powertools.shared.user_agent"),
}
"""Modules whose listeners change nothing but the request of the web."""
CHANGING = {"boto3.dynamodb.transform", "tests.known_values"}
"""Modules whose listeners make DynamoDB's values of Python's, and back: they are called."""
CONDITIONS = {"ConditionExpression", "FilterExpression", "KeyConditionExpression"}
OK = SimpleNamespace(status_code=200)


@dataclass(frozen=True, slots=True)
class Way:
    """Of an operation of a client, for as long as the same listen to it."""

    model: Any
    action: str
    region: str
    given: tuple[tuple[str, Any], ...]
    answered: tuple[Any, ...]
    context: dict[str, Any]

    @classmethod
    def of(cls, client: Any, operation: str) -> Self | None:
        """None: somebody listens who may look at what is sent, or change it."""
        from moto.core.responses import camelcase_to_underscores

        from tests.known_calls import DYNAMODB

        found = DYNAMODB.fullmatch(f"{client.meta.endpoint_url}/")
        if not found or operation not in OPERATIONS or not hasattr(client._serializer, "_param_validator"):
            return None
        search = client.meta.events._emitter._handlers.prefix_search
        listening = {event: search(f"{event}.dynamodb.{operation}") for event in (*BEFORE, *BETWEEN, AFTER)}
        if not all(_module(one) in SILENT for event in BETWEEN for one in listening[event]):
            return None
        if not all(_module(one) in SILENT | CHANGING for event in (*BEFORE, AFTER) for one in listening[event]):
            return None
        model = client.meta.service_model.operation_model(operation)
        return cls(
            model=model,
            action=camelcase_to_underscores(operation),
            region=found[1],
            given=tuple(
                (event, one)
                for event in BEFORE
                for one in listening[event]
                if _module(one) in CHANGING or (model.idempotent_members and one.__name__ == "generate_idempotent_uuid")
            ),
            answered=tuple(listening[AFTER]),
            context={"client_region": client.meta.region_name, "client_config": client.meta.config},
        )

    def ask(self, client: Any, api_params: Any) -> Any:
        """The answer; None if the long way is to be gone: what moto has come to is noted, if it has been asked."""
        from moto.core.responses import http_date, utcnow

        from local.moto_shims import ITEMS
        from tests.known_calls import request_id

        params = self._given(api_params)
        report = client._serializer._param_validator.validate(params, self.model.input_shape)
        if report.has_errors():
            raise ParamValidationError(report=report.generate_report())
        try:
            handler = self._handler(json.loads(json.dumps(params)))
        except TypeError:  # bytes
            return None
        with ITEMS:
            try:
                result = getattr(handler, self.action)()
            except Exception as error:
                _told.action = _raising(error)
                return None
            try:
                said = json.dumps(result.result)
            except TypeError:
                _told.action = lambda: result
                return None
        parsed = _parser._parse_shape(self.model.output_shape, json.loads(said))
        headers = {"content-type": "application/x-amz-json-1.0", "server": "amazon.com", "date": http_date(utcnow())}
        about = {"RequestId": request_id(headers), "HTTPStatusCode": 200, "HTTPHeaders": headers, "RetryAttempts": 0}
        parsed["ResponseMetadata"] = about
        for one in self.answered:
            one(http_response=OK, parsed=parsed, model=self.model, context={**self.context})
        return parsed

    def _given(self, params: Any) -> Any:
        for event, one in self.given:
            if one.__name__ == "inject_condition_expressions" and not _has_objects(params):
                continue
            answer = one(params=params, model=self.model, context={**self.context}, event_name=event)
            if event == BEFORE[0] and answer is not None:
                params = answer
        return params

    def _handler(self, asked: dict[str, Any]) -> Any:
        from moto.core import DEFAULT_ACCOUNT_ID
        from moto.dynamodb.responses import DynamoHandler

        handler: Any = DynamoHandler()
        handler.body = handler.params = asked
        handler.current_account, handler.region = DEFAULT_ACCOUNT_ID, self.region
        return handler


def make_api_call(self: Any, operation_name: str, api_params: Any) -> Any:
    """botocore's, of any client."""
    way = _way_of(self, operation_name)
    if way is not None and _is_usual(self):
        answer = way.ask(self, api_params)
        if answer is not None:
            return answer
    try:
        return ask_the_long_way(self, operation_name, api_params)
    finally:
        told()


def told() -> Callable[[], Any] | None:
    """What a handler of moto's is to do in place of its action: that has been done."""
    action: Callable[[], Any] | None = _told.__dict__.pop("action", None)
    return action


def _way_of(client: Any, operation: str) -> Way | None:
    if client.meta.service_model.service_name != "dynamodb":
        return None
    looked_up = client.meta.events._emitter._lookup_cache  # another whenever a listener comes or goes
    since, ways = _ways.get(client, (None, {}))
    if since is not looked_up:
        ways = {}
        _ways[client] = looked_up, ways
    if operation not in ways:
        ways[operation] = Way.of(client, operation)
    return ways[operation]


def _is_usual(client: Any) -> bool:
    from moto import settings
    from moto.core.models import botocore_stubber
    from moto.iam.models import iam_backends

    return (
        botocore_stubber.enabled
        and client._request_signer._credentials is not None
        and "MOTO_ACCOUNT_ID" not in os.environ
        and isinf(settings.INITIAL_NO_AUTH_ACTION_COUNT)  # else moto looks who may do what
        and not any(one.access_keys for account in [*iam_backends.values()] for one in [*account.values()])
    )


def _module(listener: Any) -> str:
    return str(getattr(listener, "__module__", type(listener).__module__))


def _has_objects(params: Any) -> bool:
    """Whether a condition may be one of boto3's objects."""
    return "TransactItems" in params or any(type(params[name]) is not str for name in CONDITIONS & params.keys())


def _raising(error: Exception) -> Callable[[], Any]:
    def action() -> Any:
        raise error

    return action
