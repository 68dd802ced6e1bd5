"""What moto asks anew in each call of S3, though the answer is known: a quarter of what the call costs.

Part of `known_calls`; tests/unit/test_known_calls.py holds the answers against those of the long way.
"""

import re
import sys
from collections.abc import Iterator
from functools import cache, lru_cache
from io import BytesIO
from typing import Any
from urllib.parse import unquote, urlparse

from local import moto_objects

ADDRESS = re.compile(r"(https://[a-z0-9-]+\.s3\.[a-z0-9-]+\.amazonaws\.com/[^?]*)(?:\?.*)?", re.DOTALL)
"""Of a bucket of its own name, and what is in it."""


def ask(request: Any, url: str) -> Any:
    """What moto's handler of S3 answers, without a search through the addresses of all services."""
    from moto.core.exceptions import HTTPException
    from moto.moto_api import recorder

    handler = next(handler for pattern, handler in _handlers() if pattern.match(url))
    asked = request_of(request)
    try:
        recorder._record_request(asked)
        return handler(asked, asked.raw_url, asked.headers)
    except HTTPException as error:
        return error.code, error.get_headers(), error.get_body()


def request_of(asked: Any) -> Any:
    """What moto makes of a client's request: werkzeug takes it apart first, for a form that it could be."""
    from moto.core import request

    body = asked.body.read() if hasattr(asked.body, "read") else asked.body or b""
    url = urlparse(asked.url)
    environ: dict[str, Any] = {
        **{"REQUEST_METHOD": asked.method, "QUERY_STRING": url.query, "CONTENT_LENGTH": str(len(body))},
        **{"PATH_INFO": unquote(url.path).encode().decode("latin1"), "SCRIPT_NAME": "", "wsgi.input": BytesIO(body)},
        **{"REQUEST_URI": url.path, "RAW_URI": url.path, "SERVER_NAME": url.netloc, "HTTP_HOST": url.netloc},
        **_WSGI,
    }
    names = environ[request.PRESERVED_HEADER_NAMES_ENVIRON_KEY] = {}
    for name, value in asked.headers.items():
        key = request.environ_key_for_header(name)
        if key not in {"CONTENT_LENGTH", "HTTP_TRANSFER_ENCODING"}:
            environ[key] = value.decode() if isinstance(value, bytes) else value
            if request.should_preserve_original_header_name(name):
                names[key] = name
    return request.Request(environ)


_WSGI = {
    **{"SERVER_PORT": "443", "SERVER_PROTOCOL": "HTTP/1.1", "wsgi.version": (1, 0), "wsgi.url_scheme": "https"},
    **{"wsgi.errors": sys.stderr, "wsgi.multithread": False, "wsgi.multiprocess": False, "wsgi.run_once": False},
}


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
