"""`lakeferry feeds mute` and `unmute`: a known outage is not told each day."""

import getpass
import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from cli.calling import Call, command
from cli.feeds.changing import Feeds
from cli.feeds.group import feeds
from cli.feeds.stored import Stored
from cli.problems import WrongUseError
from lakeferry.ledger.mutes import Mute

MOST_DAYS = 90
"""A longer outage is no longer an outage: disable the feed."""
_SPAN = re.compile(r"([1-9]\d{0,3})([hd])", re.ASCII)


@command(feeds, "mute")
def mute(
    call: Call,
    names: Feeds,
    until: Annotated[
        str, typer.Option(help="36h or 3d from now, or a time such as 2026-12-01T06:00 (UTC, or with its offset).")
    ],
    why: Annotated[str, typer.Option(help="For those who wonder why they hear nothing.")] = "",
) -> None:
    """Send no mails of a known outage: a server that cannot be polled, files that are late or stuck.

    Feeds are polled on, and files that come are taken. Told as ever is what is told once: files that fail, what is set
    aside, success. When the mute ends, what is wrong then is told.
    """
    end = _until(until, datetime.now(UTC))
    with call.stack(writes=True) as stack:
        stored = Stored(stack)
        for feed_id in [stored.get(name)[0] for name in names]:  # all of them, before any is changed
            stack.ledger.mutes.put(feed_id, Mute(end, why, getpass.getuser()))
            call.out.data({"feed": feed_id, "muted_until": end.isoformat()})
            call.out.say(f"{feed_id}: no mails of its outage until {end:%Y-%m-%d %H:%M} UTC")


@command(feeds, "unmute")
def unmute(call: Call, names: Feeds) -> None:
    """End a mute: what is wrong is told by the next poll and the next check."""
    with call.stack(writes=True) as stack:
        stored = Stored(stack)
        for feed_id in [stored.get(name)[0] for name in names]:
            stack.ledger.mutes.end(feed_id)
            call.out.data({"feed": feed_id, "muted_until": None})
            call.out.say(f"{feed_id} is not muted")


def _until(text: str, now: datetime) -> datetime:
    """When a mute ends.

    Raises:
        WrongUseError: nobody can say, it is over already, or too far off.
    """
    if span := _SPAN.fullmatch(text):
        end = now + timedelta(**{"hours" if span[2] == "h" else "days": int(span[1])})
    else:
        try:
            end = datetime.fromisoformat(text)
        except ValueError:
            raise WrongUseError(
                f"--until {text}: write how long (36h, 3d), or until when (2026-12-01T06:00 in UTC, or with +01:00)"
            ) from None
        end = end.astimezone(UTC) if end.tzinfo else end.replace(tzinfo=UTC)
    if not now < end <= now + timedelta(days=MOST_DAYS):
        raise WrongUseError(
            f"--until {text}: is {end:%Y-%m-%d %H:%M} UTC; it has to be within {MOST_DAYS} days from now. "
            "For longer: lakeferry feeds disable"
        )
    return end
