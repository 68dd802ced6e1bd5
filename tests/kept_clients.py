"""Clients that one test leaves to the next: a test over moto has three, and each costs what a dozen calls do.

What a test does to a client is undone before the next has it: handlers that it registered, attributes that it set,
what failed. Within one test each who asks gets a client of his own; those with settings of their own are made anew.
"""

import copy
import os
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import boto3
import boto3.session
from botocore.retries.quota import RetryQuota


@dataclass
class Kept:
    """A client, or a resource with its client, and both as they were at first."""

    made: Any
    attributes: dict[str, Any]
    handlers: Any
    unique: dict[str, Any]
    looked_up: dict[str, Any]

    @classmethod
    def of(cls, made: Any) -> "Kept":
        client = getattr(made.meta, "client", made)
        emitter = client.meta.events._emitter
        unique = copy.copy(emitter._unique_id_handlers)
        return cls(made, dict(client.__dict__), copy.copy(emitter._handlers), unique, emitter._lookup_cache)

    def as_it_was(self) -> Any:
        client = getattr(self.made.meta, "client", self.made)
        client.__dict__.clear()
        client.__dict__.update(self.attributes)
        emitter = client.meta.events._emitter
        if emitter._lookup_cache is not self.looked_up:  # botocore begins another whenever a handler comes or goes
            emitter._handlers, emitter._unique_id_handlers = copy.copy(self.handlers), copy.copy(self.unique)
            emitter._lookup_cache = self.looked_up = {}
        for noted in self.unique.values():
            quota = getattr(getattr(noted["handler"], "__self__", None), "_retry_quota", None)
            if quota is not None:  # how often a client may still try again
                quota._quota = RetryQuota()
        return self.made


_free: defaultdict[Any, list[Kept]] = defaultdict(list)


class Session:
    """boto3's default session of one test, or one like it; the real one is made when it is needed."""

    def __init__(self, taken: list[tuple[Any, Kept]]) -> None:
        self.taken = taken
        self._is_listened_to = False

    @cached_property
    def _real(self) -> boto3.session.Session:
        return boto3.session.Session()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    @property
    def events(self) -> Any:
        """The session's own: who has them may listen, and each client made from then on has the listener in it."""
        self._is_listened_to = True
        return self._real.events

    def client(self, *args: Any, **named: Any) -> Any:
        return self._take("client", *args, **named)

    def resource(self, *args: Any, **named: Any) -> Any:
        return self._take("resource", *args, **named)

    def _take(self, kind: str, *args: Any, **named: Any) -> Any:
        if self._is_listened_to or len(args) != 1 or named.keys() - {"region_name"}:
            return getattr(self._real, kind)(*args, **named)
        # as they are kept: all of them are read for each client, and most are none of botocore's
        said = (value for value in vars(os.environ)["_data"].items() if value[0].startswith((b"AWS_", b"BOTO")))
        key = kind, *args, named.get("region_name"), *sorted(said)
        kept = _free[key].pop() if _free[key] else Kept.of(getattr(self._real, kind)(*args, **named))
        self.taken.append((key, kept))
        return kept.as_it_was()


@contextmanager
def kept_clients() -> Iterator[None]:
    """While a test has AWS: `boto3.client`, `boto3.resource` and sessions like theirs give what tests before it had."""
    ours, taken = cast("Any", boto3), list[tuple[Any, Kept]]()
    before, make = ours.DEFAULT_SESSION, ours.Session
    ours.DEFAULT_SESSION = Session(taken)
    ours.Session = lambda *args, **named: make(*args, **named) if any((*args, *named.values())) else Session(taken)
    try:
        yield
    finally:
        ours.DEFAULT_SESSION, ours.Session = before, make
        for key, kept in taken:
            _free[key].append(kept)
