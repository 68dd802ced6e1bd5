"""What moto 5.2.5 does with each request before and after its work, done once or not at all.

The answers are moto's own (tests/local/test_shims.py compares them). Shims like those of local/moto_shims.py, whose
list has these, too.
"""

import functools
import re
import string
from collections.abc import Callable
from typing import Any

TARGET = "DynamoDB_20120810."
"""What the name of each action of DynamoDB begins with in a request."""
UNTOUCHED = frozenset({"S", "N", "BOOL", "NULL", "SS", "NS"})
"""Kinds of values that moto takes as they come, and not apart."""


def conditions_are_parsed_once() -> None:
    """moto reads a condition, letter by letter, twice for each call. Values and names are put in anew for each."""
    from moto.dynamodb.comparisons import AttributeValue, ConditionExpressionParser

    original, make_operand = ConditionExpressionParser.parse, ConditionExpressionParser._make_operand
    value = ConditionExpressionParser.Kind.EXPRESSION_ATTRIBUTE_VALUE

    class Reader(ConditionExpressionParser):
        def _make_op_condition(self, node: Any) -> Any:
            return node

        def _lookup_expression_attribute_value(self, name: str) -> Any:
            return name

    @functools.lru_cache(1000)
    def known(expression: str, names: tuple[tuple[str, str], ...] | None) -> tuple[Any, list[str], list[str]]:
        reader = Reader(expression, None if names is None else dict(names), None)
        return original(reader), reader.expr_attr_names_found, reader.expr_attr_values_found

    def parse(self: Any) -> Any:
        names = self.expression_attribute_names
        if not self.condition_expression:
            return original(self)
        node, found, values = known(self.condition_expression, tuple(names.items()) if names is not None else None)
        for name in values:
            self._lookup_expression_attribute_value(name)  # one that is not there is told of before all else
        self.expr_attr_names_found.extend(found)
        self.expr_attr_values_found.extend(values)
        return self._make_op_condition(node)

    def operand(self: Any, node: Any) -> Any:
        if node.kind == value:
            return AttributeValue(self._lookup_expression_attribute_value(node.text))
        return make_operand(self, node)

    ConditionExpressionParser.parse, ConditionExpressionParser._make_operand = parse, operand


def ids_are_drawn_at_once() -> None:
    """moto draws the 52 letters of each answer's id one by one."""
    from moto.moto_api._internal.moto_random import MotoRandom

    def get_random_string(self: Any, length: int = 20, include_digits: bool = True, lower_case: bool = False) -> str:
        pool = string.ascii_letters + string.digits if include_digits else string.ascii_letters
        drawn = "".join(self.choices(pool, k=length))
        return drawn.lower() if lower_case else drawn

    MotoRandom.get_random_string = get_random_string


def values_are_taken_as_they_came() -> None:
    """moto looks in each value of a request for each of the ten kinds that it may be of, as in those of answers."""
    from moto.core.parse import BaseJSONParser

    original = BaseJSONParser._parse_structure

    def parse(self: Any, shape: Any, value: Any) -> Any:
        return value if shape.name == "AttributeValue" and is_plain(value) else original(self, shape, value)

    BaseJSONParser._parse_structure = parse


def is_plain(value: Any) -> bool:
    """Whether moto would take a value as it is, all that is in it included, and hand it on so."""
    if type(value) is not dict or len(value) != 1:
        return False
    ((kind, inner),) = value.items()
    if kind == "M":
        return type(inner) is dict and all(map(is_plain, inner.values()))
    if kind == "L":
        return type(inner) is list and all(map(is_plain, inner))
    return inner is not None and kind in UNTOUCHED


def actions_are_spelt_once() -> None:
    """moto makes `update_item` of `UpdateItem`, letter by letter, for each call."""
    from moto.core import responses

    responses.camelcase_to_underscores = functools.cache(responses.camelcase_to_underscores)


def answers_without_an_id_are_not_searched() -> None:
    """moto looks through each answer for the place where XML has the request's id."""
    from moto.core import responses

    original, place = responses.BaseResponse._enrich_response, "<RequestId>"

    def enrich(headers: Any, body: Any) -> Any:
        if type(body) is not str or place in body:
            return original(headers, body)
        if "status" in headers:
            headers["status"] = str(headers["status"])
        responses.gen_amzn_requestid_long(headers)
        return headers, body

    responses.BaseResponse._enrich_response = staticmethod(enrich)


def members_are_known_by_their_names() -> None:
    """moto makes up, for each member of each answer, by which six names it could be called in what was found."""
    from moto.core import serialize

    original, usual = serialize.ResponseSerializer.get_value, serialize.DEFAULT_ALIAS_PROVIDERS

    def names(picker: Any, found: Any, key: str, shape: Any) -> Any:
        known = shape.__dict__.setdefault("_known_names", {})
        asked = (key, shape.__dict__.get("parent"))
        if asked not in known:
            context = serialize.AttributePickerContext(obj=found, key=key, shape=shape)
            found_by = list(picker.get_possible_keys(context))
            known[asked] = None if any("." in name for name in found_by) else found_by  # that would be a path
        return known[asked]

    def get_value(self: Any, value: Any, key: str, shape: Any) -> Any:
        picker = self._value_picker
        if (
            type(value) is not dict
            or type(picker) is not serialize.XFormedAttributePicker
            or picker.alias_providers is not usual
            or picker.response_transformers
            or (found_by := names(picker, value, key, shape)) is None
        ):
            return original(self, value, key, shape)
        for name in found_by:
            if name in value:
                return value[name]
        return None

    serialize.ResponseSerializer.get_value = get_value


def calls_of_tables_are_no_forms() -> None:
    """moto takes each call for a web page's: it looks for a form in it, and for a query in its JSON."""
    from moto.core import responses
    from moto.dynamodb.responses import DynamoHandler
    from moto.iam.models import mark_account_as_visited

    original, parser = DynamoHandler.setup_class, responses.PROTOCOL_PARSERS["json"]

    def setup_class(self: Any, request: Any, full_url: Any = None, headers: Any = None, **named: Any) -> None:
        target = request.headers.get("x-amz-target", "")
        if not target.startswith(TARGET) or request.headers.get("content-encoding") or request.query_string:
            original(self, request, full_url, headers, **named)
            return
        self.is_werkzeug_request, self.normalized_request, self.method = request.from_wsgi_server, request, "POST"
        self.headers, self.raw_body = request.headers, request.get_data(parse_form_data=False)
        self.body = self.raw_body.decode("utf-8")
        self.form_data = self.querystring = self.data = self.uri_match = {}
        self.uri = request.raw_url if full_url is None else full_url
        self.parsed_url = responses.urlparse(self.uri)
        self.path, self.raw_path = self.parsed_url.path, request.raw_path
        self.region = self.get_region_from_url(request, self.uri)
        self.partition = responses.get_partition(self.region)
        self.response_headers = {"server": "amazon.com"}
        if not self.is_werkzeug_request:
            self.response_headers["date"] = responses.http_date(responses.utcnow())
        operation = responses.get_service_model("dynamodb").operation_model(self._get_action())
        asked = {"method": "POST", "values": {}, "headers": request.headers, "body": self.raw_body}
        self.params = parser(operation, map_type=self.PROTOCOL_PARSER_MAP_TYPE).parse(
            {**asked, "url_path": "/", "url_params": {}}
        )
        self.access_key, self.current_account = self.get_access_key(), self.get_current_account()
        mark_account_as_visited(
            account_id=self.current_account, access_key=self.access_key, service="dynamodb", region=self.region
        )

    DynamoHandler.setup_class = setup_class


def tables_are_asked_at_once() -> None:
    """moto's server has Flask find out, for each call of DynamoDB, that it is for the one address DynamoDB has."""
    from botocore.exceptions import ClientError
    from flask import Response
    from moto.dynamodb.responses import DynamoHandler
    from moto.moto_server.werkzeug_app import BackendRequest, DomainDispatcherApplication

    original = DomainDispatcherApplication.__call__
    signed = re.compile(r"[^,]*/dynamodb/")

    def call(self: Any, environ: dict[str, Any], start_response: Any) -> Any:
        if not (
            environ.get("HTTP_X_AMZ_TARGET", "").startswith(TARGET)
            and environ.get("REQUEST_METHOD") == "POST"
            and environ.get("PATH_INFO") in {"", "/"}
            and signed.match(environ.get("HTTP_AUTHORIZATION", ""))
        ):
            return original(self, environ, start_response)
        request = BackendRequest(environ)
        try:
            status, headers, body = DynamoHandler.dispatch(request)
        except ClientError as error:
            status, headers, body = 400, {}, error.response["Error"]["Message"]
        return Response(response=body, status=status, headers=headers)(environ, start_response)

    DomainDispatcherApplication.__call__ = call


SHIMS: list[Callable[[], None]] = [
    conditions_are_parsed_once,
    ids_are_drawn_at_once,
    values_are_taken_as_they_came,
    actions_are_spelt_once,
    answers_without_an_id_are_not_searched,
    members_are_known_by_their_names,
    calls_of_tables_are_no_forms,
]
"""Those that serve within a process, too."""
