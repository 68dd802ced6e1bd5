"""Shows a run while it happens."""

from typing import TYPE_CHECKING, Any

from local.console import Console
from local.waits import follow

if TYPE_CHECKING:
    from local.aws import LocalAws


class Watch:
    """Prints each state as it is entered, each wait as it begins, and each mail as it is sent."""

    def __init__(self, aws: "LocalAws", console: Console) -> None:
        self._aws, self._console = aws, console
        self._mails = 0
        self.entered: list[str] = []
        aws.on_event(self._event)
        follow(aws.work_folder / "functions.log", console.line)

    def _event(self, event: Any) -> None:
        if event.kind != "entered":
            return
        self.entered.append(event.state)
        item = f"{event.item}: " if event.item else ""
        self._console.line(f"{item}{event.state}")

    def mails(self) -> list[Any]:
        """The mails since the last call."""
        sent = self._aws.mails()
        new, self._mails = sent[self._mails :], len(sent)
        return list(new)
