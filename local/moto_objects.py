"""What moto 5.2.5 asks anew in each call of S3, though the answer is known.

The answers are moto's own (tests/local/test_shims.py compares them). Shims like those of local/moto_shims.py, whose
list has these, too.
"""

import os
import re
from collections.abc import Callable
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

KEY = re.compile(r"(?!/moto-api|/latest/(?:meta-data|api)/|/v20180820/)/[^/]+/[^/].*", re.DOTALL)
"""The path of an object in a bucket that the path names; some paths are others' than S3's in moto's server."""
SIGNED = re.compile(r"AWS4-HMAC-SHA256 Credential=[^,]*/s3/aws4_request[,\s]")
OWN = re.compile(r"x-amz-meta-[a-z0-9\-_.]+")


def objects_are_asked_at_once() -> None:
    """moto's server has Flask find out, for each call of S3, whether it is for an object, a bucket or all of them."""
    from flask import Response
    from moto.moto_server.werkzeug_app import BackendRequest, DomainDispatcherApplication
    from moto.s3.responses import S3Response

    original = DomainDispatcherApplication.__call__

    def call(self: Any, environ: dict[str, Any], start_response: Any) -> Any:
        if not (
            SIGNED.match(environ.get("HTTP_AUTHORIZATION", ""))
            and KEY.fullmatch(environ.get("PATH_INFO", ""))
            and "s3-control" not in environ.get("HTTP_HOST", "")
            and environ["REQUEST_METHOD"] in {"GET", "HEAD", "PUT", "POST", "DELETE"}
        ):
            return original(self, environ, start_response)
        request = BackendRequest(environ)
        if S3Response.subdomain_based_buckets(request):
            return original(self, environ, start_response)
        status, headers, body = S3Response.key_dispatch(request, request.raw_url, dict(request.headers))
        response = Response(response=body, status=status, headers=headers)
        if request.method == "HEAD" and "content-length" in headers:
            response.headers["Content-Length"] = headers["content-length"]
        return response(environ, start_response)

    DomainDispatcherApplication.__call__ = call


def hosts_are_looked_at_once() -> None:
    """moto asks whether a host is that of a bucket: six times a call, by nine expressions each."""
    from moto.s3.responses import S3Response

    S3Response.subdomain_based_buckets = staticmethod(hosts(S3Response.subdomain_based_buckets))


def hosts(look: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The same answers, looked up once for each host and setting."""
    from moto import settings

    @lru_cache(1000)
    def known(host: str, *_: Any) -> Any:
        return look(SimpleNamespace(headers={"host": host}))

    def subdomain_based_buckets(request: Any) -> Any:
        host = request.headers.get("host")
        if not host:
            return look(request)
        return known(host, settings.S3_IGNORE_SUBDOMAIN_BUCKETNAME, os.environ.get("MOTO_S3_CUSTOM_ENDPOINTS"))

    return subdomain_based_buckets


def headers_have_the_names_they_came_with() -> None:
    """moto looks each header of a request up among those whose senders wrote underscores, which hardly any does."""
    from moto.core import request

    request.EnvironHeaders.__iter__ = headers()


def headers() -> Callable[[Any], Any]:
    """As werkzeug has them, and by moto's own way where one has to be told in its sender's letters."""
    from moto.core import request

    plain, original = request.WerkzeugEnvironHeaders.__iter__, request.EnvironHeaders.__iter__

    def names(self: Any) -> Any:
        return (original if self.environ.get(request.PRESERVED_HEADER_NAMES_ENVIRON_KEY) else plain)(self)

    return names


def metadata_is_known_by_its_prefix() -> None:
    """moto searches each header of a request, twice, by an expression for metadata."""
    from moto.s3 import responses

    responses.metadata_from_headers = metadata


def metadata(headers: Any) -> Any:
    """An object's own among headers."""
    from moto.s3 import utils

    found = utils.CaseInsensitiveDict()
    for name, value in headers.items():
        low = name.lower()
        is_own = low.startswith("x-amz-meta-") and OWN.fullmatch(low)
        if is_own or low in utils.user_settable_fields:
            found[low if is_own else name] = value[0] if isinstance(value, list) else value
    return found


SHIMS: list[Callable[[], None]] = [
    hosts_are_looked_at_once,
    headers_have_the_names_they_came_with,
    metadata_is_known_by_its_prefix,
]
"""Those that serve within a process, too."""
