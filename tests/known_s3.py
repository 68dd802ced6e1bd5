"""What moto asks anew in each call of S3, though the answer is known: a quarter of what the call costs.

Part of `known_calls`; tests/unit/test_known_calls.py holds the answers against those of the long way.
"""

import re
from collections.abc import Iterator
from functools import cache, lru_cache
from typing import Any

from local import moto_objects

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
    yield request.EnvironHeaders, "__iter__", moto_objects.headers()
    yield (
        responses.S3Response,
        "subdomain_based_buckets",
        staticmethod(moto_objects.hosts(responses.S3Response.subdomain_based_buckets)),
    )
    yield responses, "metadata_from_headers", moto_objects.metadata
