"""What one look came to."""

from dataclasses import asdict, dataclass

OK, WARN, FAIL = "ok", "warn", "fail"
LOOK = "look"
"""What no command can see: for a person to look at."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        status: `ok`, `warn`, `fail` or `look`.
        do: What to do; empty where it is well.
    """

    check: str
    status: str
    told: str
    do: str = ""

    def to_json(self) -> dict[str, str]:
        """As `--json` has it."""
        return asdict(self)
