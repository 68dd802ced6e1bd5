"""One of the things to look at after a first deployment."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from cli.calling import Call
from cli.doctor.finding import Finding
from cli.stack import Stack

Look = Callable[[Call, Stack], Iterator[Finding]]


@dataclass(frozen=True, slots=True)
class Step:
    """What to look at, and how.

    Attributes:
        command: Shows it; `{Logical}` stands for a resource's physical id, `{stack}` for the stack's name.
        prints: What the command should print.
        why: What only an account in AWS can show.
        looks: What the doctor looks at itself; none where a person has to.
    """

    title: str
    command: str
    prints: str
    why: str
    looks: tuple[Look, ...] = ()

    def filled(self, names: Mapping[str, str]) -> str:
        """The command with the stack's own names."""
        return _filled(self.command, names)

    def prints_filled(self, names: Mapping[str, str]) -> str:
        """What it prints, with the stack's own names."""
        return _filled(self.prints, names)


def _filled(text: str, names: Mapping[str, str]) -> str:
    for name, value in names.items():
        text = text.replace(f"{{{name}}}", value)
    return text
