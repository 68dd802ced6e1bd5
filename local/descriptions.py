"""botocore's descriptions of services: read quickly, once, and for all processes that are forked."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

READ_FOR_ALL = ("dynamodb", "s3")
"""Services that most functions call: their descriptions are most of what a client costs."""


def decode_quickly() -> None:
    """botocore reads its descriptions of services with a slow decoder, to keep an order that all dicts have by now."""
    import msgspec
    from botocore.loaders import JSONFileLoader

    def load(self: Any, full_path: str, open_method: Callable[..., Any]) -> Any:
        if not Path(full_path).is_file():
            return None
        with open_method(full_path, "rb") as file:
            return msgspec.json.decode(file.read())

    JSONFileLoader._load_file = load  # type: ignore[attr-defined]


def list_once() -> None:
    """botocore looks into all 400 folders of descriptions for each service that a new session, or moto, asks for."""
    from botocore.loaders import Loader

    original = Loader.list_available_services
    known: dict[tuple[str, ...], list[str]] = {}

    def listed(self: Any, type_name: str) -> list[str]:
        key = (type_name, *self.search_paths)
        if key not in known:
            known[key] = original(self, type_name)
        return known[key]

    Loader.list_available_services = listed  # type: ignore[method-assign]


def share() -> None:
    """What botocore has of a service is read once for all sessions of this process."""
    import botocore.session

    botocore.session.create_loader = functools.cache(botocore.session.create_loader)
    decode_quickly()
    list_once()


def read() -> None:
    """Reads it of what most functions call, for the sessions of all processes that are forked from this one."""
    import boto3.session

    share()
    session = boto3.session.Session(region_name="us-east-1")
    for service in READ_FOR_ALL:
        session.client(cast("Any", service))
    session.resource("dynamodb")
