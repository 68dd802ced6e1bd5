"""What moto asks anew in each call of S3, though the answer is known: a quarter of what the call costs.

Part of `known_calls`; tests/unit/test_known_calls.py holds the answers against those of the long way.
"""

import os
import re
from collections.abc import Iterator
from functools import cache, lru_cache
from types import SimpleNamespace
from typing import Any

ADDRESS = re.compile(r"(https://[a-z0-9-]+\.s3\.[a-z0-9-]+\.amazonaws\.com/[^?]*)(?:\?.*)?", re.DOTALL)
"""Of a bucket of its own name, and what is in it."""


def ask(request: Any, url: str) -> Any:
    """What moto's handler of S3 answers, without a search through the addresses of all services."""
    from moto.core.exceptions import HTTPException
    from moto.core.request import normalize_request
    from moto.moto_api import recorder

    handler = next(handler for pattern, handler in _handlers() if pattern.match(url))
    asked = normalize_request(request)
    try:
        recorder._record_request(asked)
        return handler(asked, asked.raw_url, asked.headers)
    except HTTPException as error:
        return error.code, error.get_headers(), error.get_body()


@cache
def _handlers() -> list[tuple[re.Pattern[str], Any]]:
    from moto.core import DEFAULT_ACCOUNT_ID
    from moto.s3.models import s3_backends

    return [(re.compile(url), handler) for url, handler in s3_backends[DEFAULT_ACCOUNT_ID]["aws"].urls.items()]


def in_place_of() -> Iterator[tuple[Any, str, Any]]:
    """Owner, name, and what stands there instead."""
    from moto.core import request
    from moto.s3 import responses

    yield request, "environ_key_for_header", lru_cache(1000)(request.environ_key_for_header)
    yield request.EnvironHeaders, "__iter__", _headers(request)
    yield responses.S3Response, "subdomain_based_buckets", staticmethod(_by_name(responses.S3Response))
    yield responses, "metadata_from_headers", _metadata()


def _headers(request: Any) -> Any:
    """As werkzeug has them; moto looks each up among those to be told in their sender's letters, mostly none."""
    plain, looked_up = request.WerkzeugEnvironHeaders.__iter__, request.EnvironHeaders.__iter__

    def headers(self: Any) -> Any:
        return (looked_up if self.environ.get(request.PRESERVED_HEADER_NAMES_ENVIRON_KEY) else plain)(self)

    return headers


def _by_name(response: Any) -> Any:
    """Whether a host is a bucket's: six times a call, by nine expressions each."""
    from moto import settings

    look = response.subdomain_based_buckets

    @lru_cache(1000)
    def known(host: str, *settings: Any) -> Any:
        return look(SimpleNamespace(headers={"host": host}))

    def by_name(request: Any) -> Any:
        host = request.headers.get("host")
        if not host:
            return look(request)
        return known(host, settings.S3_IGNORE_SUBDOMAIN_BUCKETNAME, os.environ.get("MOTO_S3_CUSTOM_ENDPOINTS"))

    return by_name


def _metadata() -> Any:
    """Of an object, among headers: twice a call, by an expression for each of them."""
    from moto.s3 import utils

    own = re.compile(r"x-amz-meta-[a-z0-9\-_.]+")

    def metadata(headers: Any) -> Any:
        found = utils.CaseInsensitiveDict()
        for name, value in headers.items():
            low = name.lower()
            is_own = low.startswith("x-amz-meta-") and own.fullmatch(low)
            if is_own or low in utils.user_settable_fields:
                found[low if is_own else name] = value[0] if isinstance(value, list) else value
        return found

    return metadata
