"""What is the feed's and stays on the server, poll after poll: since when, why, and whether somebody was told.

It lives in the poll's memory. Without that, or with a broken one, it begins anew: a mail comes later, or once more.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

WAITING, SETTLING, CARRIED_OVER, CHANGED, UNREAD = "waiting", "settling", "carried_over", "changed", "unread"
"""Why something is neither taken nor done with."""
WENT_BACK = "went_back"
"""Why something is listed that is done with: a later version has replaced it."""
EMPTY, UNFIT = "empty", "unfit"
"""Why a feed has nothing: no file in its folder, or none with a name that fits."""
MOST_WATCHED = 200
"""Names that are remembered, those that have stayed longest."""
_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Stay:
    """One thing that is not taken.

    Attributes:
        since: Of the first poll in a row that left it; UTC epoch seconds.
        polls: How many there were; counted up to what the feed says is too many.
    """

    since: float
    polls: int
    why: str


@dataclass(frozen=True, slots=True)
class Watch:
    """What polls of a feed have left, in a row.

    Attributes:
        stays: By path; of what has none, by the line that the listing had.
        run: That counted last: a call that is repeated counts once.
        told: Why things are stuck, as the last mail had it; empty where none was sent or the end was told.
        told_at: When; UTC epoch seconds.
        told_since: Of the first mail.
        idle: Why the feed has nothing at all, and for how many polls.
        idle_told: What somebody has been told of it.
    """

    stays: Mapping[str, Stay] = field(default_factory=dict)
    run: str = ""
    told: tuple[str, ...] = ()
    told_at: float = 0
    told_since: float = 0
    idle: tuple[str, int] = ("", 0)
    idle_told: str = ""

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> Self:
        """From a memory's; raises what Python does where it is no such thing."""
        stays = {str(key): Stay(float(since), int(polls), str(why)) for key, (since, polls, why) in fields["stays"]}
        why, polls = fields["idle"]
        return cls(
            stays,
            str(fields["run"]),
            tuple(map(str, fields["told"])),
            float(fields["told_at"]),
            float(fields["told_since"]),
            (str(why), int(polls)),
            str(fields["idle_told"]),
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "stays": [[key, [stay.since, stay.polls, stay.why]] for key, stay in self.stays.items()],
            "run": self.run,
            "told": self.told,
            "told_at": self.told_at,
            "told_since": self.told_since,
            "idle": self.idle,
            "idle_told": self.idle_told,
        }

    def after(self, left: Mapping[str, str], idle: str, *, run: str, now: float, enough: int) -> Self:
        """What is known after one more poll.

        Args:
            left: What it left, and why.
            idle: Why it had nothing at all; empty where it had something, or the feed once did.
            enough: Polls after which it is too many; no more are counted, so that nothing has to be written then.
        """
        step = int(run != self.run)
        # a line that cannot be read may have a counter or a clock in it: the next poll's is the same one
        lost = [stay for key, stay in self.stays.items() if stay.why == UNREAD and key not in left]
        found = {
            key: self._stay(
                self.stays.get(key) or (lost.pop() if why == UNREAD and lost else None), why, now, enough, step
            )
            for key, why in left.items()
        }
        if len(found) > MOST_WATCHED:
            # those of before come first, the others in the order of the listing
            oldest = sorted(found, key=lambda key: (found[key].since, key not in self.stays))[:MOST_WATCHED]
            found = {key: found[key] for key in oldest}
        was, polls = self.idle
        now_idle = ("", 0) if not idle else (idle, min(enough, polls + step)) if idle == was else (idle, 1)
        is_changed = found != self.stays or now_idle != self.idle
        return replace(self, stays=found, idle=now_idle, run=run if is_changed and (found or idle) else self.run)

    def stuck(self, enough: int) -> list[tuple[str, Stay]]:
        """What has stayed for so many polls, the longest first."""
        found = [(key, stay) for key, stay in self.stays.items() if stay.polls >= enough]
        return sorted(found, key=lambda one: one[1].since)

    def is_due(self, stuck: Sequence[tuple[str, Stay]], now: float) -> bool:
        """Whether a mail is to be sent about what is stuck: it begins, has another reason, or goes on for a day."""
        if not stuck:
            return False
        days, told_days = ((at - self.told_since) // _DAY for at in (now, self.told_at))
        lasts = any(stay.why != WENT_BACK for _, stay in stuck)  # a choice of the partner's is told once
        return not self.told or reasons_of(stuck) != self.told or (lasts and days > told_days)

    def telling(self, stuck: Sequence[tuple[str, Stay]], now: float) -> Self:
        """Once that was told, or, with nothing, its end."""
        since = self.told_since if self.told else now
        return replace(self, told=reasons_of(stuck), told_at=now if stuck else 0, told_since=since if stuck else 0)

    @staticmethod
    def _stay(before: Stay | None, why: str, now: float, enough: int, step: int) -> Stay:
        if before is None:
            return Stay(now, 1, why)
        return Stay(before.since, min(max(enough, before.polls), before.polls + step), why)


def reasons_of(stuck: Sequence[tuple[str, Stay]]) -> tuple[str, ...]:
    """What is told anew when it changes."""
    return tuple(sorted({stay.why for _, stay in stuck}))
