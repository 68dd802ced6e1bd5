"""What moto 5.2.5 does with each request before and after its work, done once or not at all.

The answers are moto's own (tests/local/test_shims.py compares them). Shims like those of local/moto_shims.py, whose
list has these, too.
"""

import functools
import re
import string
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

TARGET = "DynamoDB_20120810."
"""What the name of each action of DynamoDB begins with in a request."""
NAME = re.compile(r"[!-9;-~]+")
"""Of a header."""
LONGEST_LINE, MOST_LINES, END = 65536, 90, (b"\r\n", b"\n", b"")
"""What Python's own parser surely takes of headers; it tells what is wrong with all else."""
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

    def taken(value: Any) -> bool:
        """Whether moto would take it as it is, all that is in it included."""
        if type(value) is not dict or len(value) != 1:
            return False
        ((kind, inner),) = value.items()
        if kind == "M":
            return type(inner) is dict and all(map(taken, inner.values()))
        if kind == "L":
            return type(inner) is list and all(map(taken, inner))
        return inner is not None and kind in UNTOUCHED

    def parse(self: Any, shape: Any, value: Any) -> Any:
        return value if shape.name == "AttributeValue" and taken(value) else original(self, shape, value)

    BaseJSONParser._parse_structure = parse


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


def headers_of_requests_are_no_mails() -> None:
    """Python's HTTP server has a request's headers read by the parser of e-mail, and writes a log nobody reads."""
    import http.client
    import http.server

    from moto.moto_server.werkzeug_app import MotoRequestHandler

    pythons: Any = http.client.parse_headers

    class Client:
        """Python's module, but for one function."""

        def __getattr__(self, name: str) -> Any:
            return getattr(http.client, name)

        @staticmethod
        def parse_headers(file: Any, _class: Any = http.client.HTTPMessage) -> Any:
            message, read = _class(), list[bytes]()
            while (line := file.readline(LONGEST_LINE + 1)) not in END:
                read.append(line)
                name, colon, value = line.decode("iso-8859-1").rstrip("\r\n").partition(":")
                # one that goes on, is too long or none; and too many
                if not colon or not NAME.fullmatch(name) or len(line) > LONGEST_LINE or len(read) > MOST_LINES:
                    return pythons(_Again(read, file), _class)
                message.set_raw(name, value.lstrip(" \t"))
            return message

    http.server.http = SimpleNamespace(client=Client())  # type: ignore[attr-defined]
    MotoRequestHandler.log_request = lambda self, code="-", size="-": None


class _Again:
    """A file of which some lines were read."""

    def __init__(self, lines: list[bytes], rest: Any) -> None:
        self._lines, self._rest = iter(lines), rest

    def readline(self, most: int) -> bytes:
        line: bytes | None = next(self._lines, None)
        return self._rest.readline(most) if line is None else line


SHIMS: list[Callable[[], None]] = [
    conditions_are_parsed_once,
    ids_are_drawn_at_once,
    values_are_taken_as_they_came,
    actions_are_spelt_once,
    answers_without_an_id_are_not_searched,
]
"""Those that serve within a process, too."""
