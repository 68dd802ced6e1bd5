"""Posts the events that wait to the endpoint, within a time; what is not taken now waits for the next minute."""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from emit.lineage.waiting import Waiting
from lakeferry.channels.webhook import Webhook
from lakeferry.errors import ChannelRefusedError, LakeferryError
from lakeferry.servers.networks import Networks

_log = logging.getLogger(__name__)
PATH = "/api/v1/lineage"
"""OpenLineage's own, where the URL has none ("OpenLineage API")."""
OF_THE_EVENT = frozenset({400, 409, 413, 415, 422})
"""Answers about what was posted; all others are about the endpoint, and another event would fare no better."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """What came of one call.

    Attributes:
        waiting: Objects that are there still.
        refused: Events that were set aside.
    """

    posted: int
    waiting: int
    refused: int


def endpoint(url: str, networks: Networks) -> Webhook:
    """The stack's endpoint."""
    whole = url if urlsplit(url).path.strip("/") else url.rstrip("/") + PATH
    return Webhook(whole, "the OpenLineage endpoint", "OpenLineageUrl", networks)


def deliver(
    waiting: Waiting,
    post: Callable[[bytes], None],
    seconds: float,
    clock: Callable[[], float] = time.monotonic,
) -> Delivered:
    """Posts the oldest first until the time is over, or the endpoint does not answer.

    Args:
        post: Raises a LakeferryError for what was not taken.
    """
    until, posted, refused, left, is_down = clock() + seconds, 0, 0, 0, False
    for key in waiting.keys():  # noqa: SIM118  (no mapping)
        if is_down or clock() >= until:
            left += 1
            continue
        for number, event in enumerate(waiting.read(key)):
            try:
                post(event)
                posted += 1
            except ChannelRefusedError as error:
                if error.status not in OF_THE_EVENT:
                    is_down = _noted(error)
                    break
                refused += 1
                _log.error("lineage refused: %s: %s", waiting.refuse(key, number, event), error)
            except LakeferryError as error:
                is_down = _noted(error)
                break
        if is_down:
            left += 1
        else:
            waiting.done(key)
    return Delivered(posted, left, refused)


def posting(webhook: Callable[[], Webhook], headers: Callable[[], Mapping[str, str]]) -> Callable[[bytes], None]:
    """Posts with the headers as they are when the first event is posted: a secret that is not there fails like an
    endpoint that is not."""
    made: list[tuple[Webhook, Mapping[str, str]]] = []

    def post(event: bytes) -> None:
        if not made:
            made.append((webhook(), headers()))
        to, given = made[0]
        to.post(event, headers=given)

    return post


def _noted(error: LakeferryError) -> bool:
    _log.warning("lineage waits: %s", error)
    return True
