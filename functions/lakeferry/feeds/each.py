"""For each feed, or set it aside: whatever goes wrong with one, the others are served.

Every loop over feeds goes through here.
"""

from collections.abc import Callable, Iterable
from typing import TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from lakeferry.aws.side_by_side import side_by_side

_FEEDS_OWN = frozenset({"ValidationException", "SerializationException", "InvalidParameter", "InvalidParameterValue"})
"""What AWS says of a call for what stands in it, and would say again ("Common errors", of each API Reference)."""

_Feed = TypeVar("_Feed")
_Found = TypeVar("_Found")


def is_feeds_own(error: Exception) -> bool:
    """Whether an error comes of the feed it was met with: not so where AWS is out of reach, or refuses anybody."""
    if isinstance(error, ClientError):
        return error.response.get("Error", {}).get("Code") in _FEEDS_OWN
    return not isinstance(error, BotoCoreError)


def each_feed(
    feeds: Iterable[_Feed],
    work: Callable[[_Feed], _Found],
    aside: Callable[[_Feed, Exception], object],
    *,
    at_once: bool = False,
) -> list[_Found]:
    """What `work` gives for each feed, in order, but for those that were set aside.

    Args:
        aside: Called with each feed for which `work` failed by that feed's own fault, after the others.
        at_once: Side by side, for work that waits for AWS.

    Raises:
        Exception: the first that is nobody's own fault, when all other feeds were served.
    """
    given = list(feeds)

    def guarded(feed: _Feed) -> tuple[list[_Found], Exception | None]:
        try:
            return [work(feed)], None
        except Exception as error:  # of any kind: that is what this is for
            return [], error

    answers = side_by_side(guarded, given) if at_once else [guarded(feed) for feed in given]
    nobodys: list[Exception] = []
    for feed, (_, error) in zip(given, answers, strict=True):
        if error is not None and not is_feeds_own(error):
            nobodys.append(error)
        elif error is not None:
            try:
                aside(feed, error)
            except Exception as trouble:  # the others are set aside all the same
                nobodys.append(trouble)
    if nobodys:
        raise nobodys[0]
    return [found for founds, _ in answers for found in founds]
