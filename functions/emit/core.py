"""Tells what stands in the outboxes: at least once, with an id by which to drop what comes twice."""

from collections.abc import Sequence
from itertools import islice

from emit.channel import Channel
from lakeferry.events.cards import OF_LEDGER, OF_PROMISES, Known
from lakeferry.ledger.outbox import Outbox

AT_ONCE = 10
"""Items: few at a time, since what was told is forgotten before the next are read."""


class RefusedError(RuntimeError):
    """Some of what there was to tell was not taken; it is told again in a minute."""


def emit(ledger: Outbox, promises: Outbox, known: Known, channels: Sequence[Channel]) -> dict[str, int]:
    """Tells everything that is there to tell, in every way there is, and forgets it then.

    Returns:
        How much each channel has taken, by its name for it; `items` that are done with.

    Raises:
        RefusedError: some were not taken; all others are told.
    """
    told, refused, items = {channel.counted: set[str]() for channel in channels}, list[str](), 0
    for outbox, cards in ((ledger, OF_LEDGER), (promises, OF_PROMISES)):
        found = iter(outbox)
        while some := list(islice(found, AT_ONCE)):
            is_told = [True] * len(some)
            for channel in channels:
                entries = [dict(channel.entries(item, cards, known)) for item in some]
                taken = told[channel.counted]
                taken |= channel.send(
                    {name: one[name] for one in entries for name in one if name not in taken}, refused
                )
                is_told = [before and of_item.keys() <= taken for before, of_item in zip(is_told, entries, strict=True)]
            for item in (item for item, done in zip(some, is_told, strict=True) if done):
                outbox.told(item, [card.what for card in cards])
                items += 1
    if refused:
        raise RefusedError(f"Not taken: {len(refused)} events, such as: {refused[0]}")
    return {"items": items} | {name: len(ids) for name, ids in told.items()}
