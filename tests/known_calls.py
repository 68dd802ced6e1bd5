"""What each call costs on its way from botocore to moto and back, and no test looks at: said in fewer steps.

Of 8,000 steps of a call in this process most are neither Lakeferry's nor what moto decides: signatures that nobody
checks, headers made case-blind one by one, the shapes of DynamoDB's values looked through for kinds they do not have, a
request built again as a web server gets it. What is asked and answered stays (tests/unit/test_known_calls.py).
"""

import re
from functools import cache, lru_cache
from inspect import getattr_static
from typing import Any
from urllib.parse import urlparse
from weakref import WeakKeyDictionary

import botocore.auth
import botocore.awsrequest
import botocore.client
import botocore.parsers
import botocore.regions
import botocore.useragent

from tests import known_s3, known_tables, known_values
from tests.known_values import is_plain

_auth: Any = botocore.auth
_requests: Any = botocore.awsrequest
_sign = _auth.SigV4Auth.add_auth
_parsers: Any = botocore.parsers
_agents: Any = botocore.useragent
_say_who_calls = _agents.UserAgentString.to_string
_regions: Any = botocore.regions
_find_endpoint = _regions.EndpointRulesetResolver.construct_endpoint
_parse_time = _parsers.DEFAULT_TIMESTAMP_PARSER
_time_of = lru_cache(1000)(_parse_time)
_said_by: WeakKeyDictionary[Any, dict[frozenset[str], str]] = WeakKeyDictionary()
DYNAMODB = re.compile(r"https://dynamodb\.([a-z0-9-]+)\.amazonaws\.com/")


BEFORE: list[tuple[Any, str, Any]] = []
"""What stands here in place of what: owner, name, the original."""


def apply() -> None:
    """For the whole process."""
    _put(_auth.SigV4Auth, "add_auth", sign)
    _put(_parsers, "DEFAULT_TIMESTAMP_PARSER", time)
    for owner, name, new in known_values.in_place_of():
        _put(owner, name, new)
    _put(_agents.UserAgentString, "to_string", who_calls)
    _put(_regions.EndpointRulesetResolver, "construct_endpoint", endpoint)
    for name in ("__setitem__", "__getitem__", "__delitem__", "__iter__"):
        _put(_requests.HeadersDict, name, getattr(Headers, name))
    _requests.HeadersDict.replace_header = Headers.__setitem__
    # else headers are those of a mail, which checks and folds them
    _put(_requests, "HTTPHeaders", _requests.HeadersDict)


def _put(owner: Any, name: str, new: Any) -> None:
    BEFORE.append((owner, name, getattr_static(owner, name)))
    setattr(owner, name, new)


def sign(self: Any, request: Any) -> None:
    """All that a signature says, without the signature: moto looks at whose it is only.

    What is made of the signature itself (an address that others use) is signed.
    """
    if type(self) not in (_auth.SigV4Auth, _auth.S3SigV4Auth):
        _sign(self, request)
        return
    if self.credentials is None:
        raise _auth.NoCredentialsError
    request.context["timestamp"] = _auth.get_current_datetime().strftime(_auth.SIGV4_TIMESTAMP)
    self._modify_request_before_signing(request)
    said = f"AWS4-HMAC-SHA256 Credential={self.scope(request)}, SignedHeaders=host, Signature=none"
    request.headers["Authorization"] = said


def who_calls(self: Any) -> str:
    """What a client says of itself, the same in each call but for the features that are noted meanwhile."""
    context = _agents.get_context()
    features = frozenset(context.features if context else ())
    known = _said_by.setdefault(self, {})
    if features not in known:
        known[features] = _say_who_calls(self)
    return known[features]


def endpoint(self: Any, operation_model: Any, call_args: Any, request_context: Any) -> Any:
    """Where a client of DynamoDB finds a table is found once, by what botocore asks in a dozen steps each time."""
    table = (call_args or {}).get("TableName")
    if self._service_model.service_name != "dynamodb" or type(table) is not str:
        return _find_endpoint(self, operation_model, call_args, request_context)
    known = self.__dict__.setdefault("_known_endpoints", {})
    if (key := (operation_model.name, table)) not in known:
        params = self._get_provider_params(operation_model, call_args, request_context)
        known[key] = params, _find_endpoint(self, operation_model, call_args, request_context)
    params, found = known[key]
    for param in params.items():  # each call says by which it was
        self._register_endpoint_feature_ids(*param)
    return found


def time(said: Any) -> Any:
    """Each answer about an object says when it was written; it is read by a library that knows all ways to say so."""
    return _time_of(said) if type(said) is str else _parse_time(said)


class Headers:
    """How botocore's `HeadersDict` keeps headers: by their small letters, as they were first written."""

    _dict: dict[str, tuple[str, Any]]

    def __setitem__(self, key: str, value: Any) -> None:
        known = self._dict.get(low := key.lower())
        self._dict[low] = (known[0] if known else key, value)

    def __getitem__(self, key: str) -> Any:
        return self._dict[key.lower()][1]

    def __delitem__(self, key: str) -> None:
        del self._dict[key.lower()]

    def __iter__(self) -> Any:
        return iter([key for key, _ in self._dict.values()])


def apply_to_moto() -> None:
    """As `apply`, once moto is imported."""
    from moto.core import parse, responses, serialize
    from moto.core.botocore_stubber import BotocoreStubber
    from moto.moto_api._internal.moto_random import MotoRandom

    if any(owner is BotocoreStubber for owner, _, _ in BEFORE):
        return
    reader, writer = parse.BaseJSONParser, serialize.BaseJSONSerializer
    pass_on, read = BotocoreStubber.process_request, reader._parse_structure
    look, write = writer.get_value, writer._serialize_type_map

    def process_request(self: Any, request: Any) -> Any:
        if isinstance(request.body, bytearray):  # botocore sends it as it is, and moto takes it for a form
            request.body = bytes(request.body)
        if found := DYNAMODB.fullmatch(request.url):
            return ask_dynamodb(request, found[1])
        if found := known_s3.ADDRESS.fullmatch(request.url):
            return known_s3.ask(request, found[1])
        return pass_on(self, request)

    def parse_structure(self: Any, shape: Any, value: Any) -> Any:
        return value if shape.name == "AttributeValue" and is_plain(value) else read(self, shape, value)

    def serialize_map(self: Any, serialized: Any, value: Any, shape: Any, key: str) -> None:
        if shape.value.name == "AttributeValue" and all(map(is_plain, value.values())):
            self._default_serialize(serialized, value, shape, key)
        else:
            write(self, serialized, value, shape, key)

    def get_value(self: Any, value: Any, key: str, shape: Any) -> Any:
        is_named = type(value) is dict and self.operation_name in known_tables.OPERATIONS
        return value.get(key) if is_named else look(self, value, key, shape)

    _put(BotocoreStubber, "process_request", process_request)
    _put(botocore.client.BaseClient, "_make_api_call", known_tables.make_api_call)
    _put(reader, "_parse_structure", parse_structure)
    _put(writer, "_serialize_type_map", serialize_map)
    _put(writer, "get_value", get_value)
    _put(MotoRandom, "get_random_hex", lambda self, length=8: f"{self.getrandbits(4 * length):0{length}x}")
    _put(responses, "gen_amzn_requestid_long", request_id)
    # the name of the operation, letter by letter in each call
    _put(responses, "camelcase_to_underscores", lru_cache(1000)(responses.camelcase_to_underscores))
    for owner, name, new in known_s3.in_place_of():
        _put(owner, name, new)


def request_id(headers: dict[str, Any] | None = None) -> str:
    """moto draws its 52 letters one by one."""
    from moto.moto_api._internal import mock_random

    drawn = f"{mock_random.getrandbits(208):052X}"
    if headers is not None:
        headers["x-amzn-requestid"] = drawn
    return drawn


def ask_dynamodb(request: Any, region: str) -> Any:
    """What moto's handler of DynamoDB answers: no search through the addresses of all services, no web request."""
    from moto.core import responses
    from moto.dynamodb.responses import DynamoHandler
    from moto.iam.models import mark_account_as_visited

    handler: Any = DynamoHandler()
    handler.is_werkzeug_request, handler.normalized_request, handler.method = False, request, "POST"
    handler.body = handler.raw_body = request.body.decode()
    handler.form_data = handler.querystring = handler.data = handler.uri_match = {}
    handler.uri, handler.parsed_url, handler.path, handler.raw_path = request.url, _parsed(request.url), "/", "/"
    handler.headers = headers = _requests.HeadersDict()
    for name, value in request.headers.items():
        headers[name] = value.decode() if isinstance(value, bytes) else value
    handler.region, handler.partition = region, responses.get_partition(region)
    handler.response_headers = {"server": "amazon.com", "date": responses.http_date(responses.utcnow())}
    operation = responses.get_service_model("dynamodb").operation_model(handler._get_action())
    parser = responses.PROTOCOL_PARSERS["json"](operation, map_type=handler.PROTOCOL_PARSER_MAP_TYPE)
    asked = {"method": "POST", "values": {}, "headers": headers, "body": request.body, "url_path": "/"}
    handler.params = parser.parse(asked | {"url_params": {}})
    if done := known_tables.told():
        setattr(handler, responses.camelcase_to_underscores(operation.name), done)
    handler.access_key, handler.current_account = handler.get_access_key(), handler.get_current_account()
    mark_account_as_visited(
        account_id=handler.current_account, access_key=handler.access_key, service="dynamodb", region=region
    )
    return handler.call_action()


@cache
def _parsed(url: str) -> Any:
    return urlparse(url)
