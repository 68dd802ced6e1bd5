"""boto3 for the AWS of this process: fixed region and credentials, never the user's own."""

import threading
from typing import Any

import boto3
from botocore.config import Config

REGION = "eu-west-1"
ACCOUNT = "123456789012"
STACK = "lakeferry"

_session: Any = None
_clients: dict[str, Any] = {}
_lock = threading.RLock()


def _own_session() -> Any:
    global _session
    if _session is None:
        _session = boto3.Session(aws_access_key_id="local", aws_secret_access_key="local", region_name=REGION)  # noqa: S106
    return _session


def client(service: str) -> Any:
    """A client, made once; in-process calls are answered by moto."""
    with _lock:
        if service not in _clients:
            _clients[service] = _own_session().client(service, config=Config(max_pool_connections=32))
        return _clients[service]


def resource(service: str) -> Any:
    """A resource of the same session."""
    with _lock:
        key = f"resource:{service}"
        if key not in _clients:
            _clients[key] = _own_session().resource(service)
        return _clients[key]


def forget() -> None:
    """Drops cached clients; those of an AWS that has ended are of no use to the next."""
    with _lock:
        _clients.clear()
