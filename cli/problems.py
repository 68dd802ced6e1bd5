"""How a command ends that does not do what it was asked: one line for a person, and an exit code for a script."""

import difflib
from collections.abc import Iterable

DONE, FAILED, WRONG_USE, NOTHING_MATCHED = 0, 1, 2, 3
"""Exit codes; docs/cli.md has them."""
INTERRUPTED = 130
"""After Ctrl-C, as shells have it."""
_SHOWN = 3


class CommandError(Exception):
    """What went wrong, and what to do about it."""

    code = FAILED


class WrongUseError(CommandError):
    """The command was not written as it should be."""

    code = WRONG_USE


class NothingMatchedError(CommandError):
    """What the command names does not exist."""

    code = NOTHING_MATCHED

    @classmethod
    def of(cls, what: str, name: str, known: Iterable[str], look: str) -> "NothingMatchedError":
        """With the names that are nearest.

        Args:
            what: "feed", "tenant", ...
            look: The command that lists what there is.
        """
        names = sorted(set(known))
        near = nearest(name, names)
        if near:
            return cls(f"there is no {what} {name!r}; did you mean {' or '.join(near)}?")
        if not names:
            return cls(f"there is no {what} {name!r}: there is none at all yet. See: {look}")
        return cls(f"there is no {what} {name!r}. To see what there is: {look}")


def nearest(name: str, known: Iterable[str]) -> list[str]:
    """The names a person may have meant, the likeliest first."""
    names = list(known)
    folded: dict[str, str] = {one.casefold(): one for one in names}
    typed = name.casefold()
    within = [one for key, one in folded.items() if typed and (typed in key or key in typed)]
    close = [folded[key] for key in difflib.get_close_matches(typed, folded, n=_SHOWN, cutoff=0.6)]
    return list(dict.fromkeys([*close, *within]))[:_SHOWN]
