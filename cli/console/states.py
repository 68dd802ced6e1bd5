"""What each state of a run was given and gave; of a lake's from the journal that the engine keeps in the folder.

That is read on from where it was read to, and what states were given stays on the disk until it is asked for: a run of
10,000 files has as many lines, and a page is made in the time of a click.
"""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from lakeferry.mails.text import one_line
from lakeferry.reports.facts import StateFacts, shown


@dataclass(slots=True)
class Entered:
    """A state that was entered, for a run or an item of it.

    Attributes:
        number: From 0 on, as they were entered.
        outcome: `open` until it was left, then `good` or `failed`.
        retries: What it failed with before it was tried again.
        error: What it failed with at last, also where a Catch went on.
        given, gave: Where that stands in the journal; -1 where it does not.
        execution: ARN of the one that entered it, of a deployed stack.
    """

    number: int
    state: str
    tenant: str
    feed: str
    item: str
    entered: datetime
    files: tuple[str, ...] = ()
    left: datetime | None = None
    outcome: str = "open"
    retries: list[str] = field(default_factory=list)
    error: str = ""
    given: int = -1
    gave: int = -1
    execution: str = ""

    @property
    def feed_id(self) -> str:
        return f"{self.tenant}/{self.feed}" if self.feed else ""

    @property
    def seconds(self) -> float | None:
        return (self.left - self.entered).total_seconds() if self.left else None


class States:
    """States of one run that were entered."""

    more = ""

    def __init__(self) -> None:
        self.entries: list[Entered] = []

    def data(self, at: int) -> str:
        """What a state was given, or gave, as JSON."""
        raise NotImplementedError

    def chosen(self, *, tenant: str = "", state: str = "", feed_id: str = "", path: str = "") -> Iterator[Entered]:
        """Those that fit all that is given; of a tenant its own alone, and those of the run as a whole."""
        for one in self.entries:
            if tenant and one.tenant not in {"", tenant}:
                continue
            if state not in {"", one.state} or (feed_id and one.feed_id != feed_id):
                continue
            if path and path not in one.files:
                continue
            yield one

    def counts(self, tenant: str, *, is_running: bool, has_failed: bool) -> dict[str, StateFacts]:
        """How often each state was entered, and how it ended; what is open when a run has ended ended with it."""
        found: dict[str, StateFacts] = {}
        for one in self.chosen(tenant=tenant):
            facts = found.setdefault(one.state, StateFacts())
            if one.outcome == "open" and is_running:
                facts.open += 1
            elif one.outcome == "failed" or (one.outcome == "open" and has_failed):
                facts.failed += 1
            else:
                facts.good += 1
        return found


class StateLog(States):
    """Those of a lake's run."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._read_to = 0
        self._open: dict[int, list[Entered]] = {}

    def look(self) -> None:
        """Reads what was written since."""
        try:
            file = self._path.open("rb")
        except OSError:
            return
        with file:
            file.seek(self._read_to)
            for line in file:
                if not line.endswith(b"\n"):
                    return  # it is being written
                self._take(line, self._read_to)
                self._read_to += len(line)

    def _take(self, line: bytes, at: int) -> None:
        try:
            noted = json.loads(line)
        except ValueError:
            return
        when = datetime.fromtimestamp(noted["at"], UTC)
        entered = self._open.setdefault(noted["place"], [])
        if noted["kind"] == "entered":
            one = Entered(
                number=len(self.entries),
                state=noted["state"],
                tenant=noted.get("tenant", ""),
                feed=noted.get("feed", ""),
                item=shown(noted["item"]),
                entered=when,
                files=tuple(noted.get("files", ())),
                given=at,
            )
            self.entries.append(one)
            entered.append(one)
            return
        found = next((one for one in reversed(entered) if one.state == noted["state"]), None)
        if found is None:
            return
        if noted["kind"] == "retried":
            found.retries.append(_error(noted["data"]))
            return
        if noted["kind"] == "caught":
            found.error = _error(noted["data"])
            return
        del entered[entered.index(found) :]
        found.left, found.gave = when, at
        if noted["kind"] == "failed":
            found.error = found.error or _error(noted["data"])
        found.outcome = "failed" if found.error or noted["kind"] == "failed" else "good"

    def data(self, at: int) -> str:
        """What a state was given, or gave, as JSON."""
        if at < 0:
            return ""
        with self._path.open("rb") as file:
            file.seek(at)
            noted = json.loads(file.readline())
        return pretty(noted["data"], noted.get("cut", 0))


def _error(data: str) -> str:
    try:
        found = json.loads(data)
        return shown(f"{found['Error']}: {found['Cause']}", 1_200)
    except (ValueError, KeyError, TypeError):
        return ""


def pretty(data: str, cut: int = 0) -> str:
    """JSON with a line a value; what others wrote in it turns no line."""
    text = f"{data}\n[... and {cut:,} more characters]" if cut else data
    if not cut:
        with contextlib.suppress(ValueError):
            text = json.dumps(json.loads(data), indent=2, ensure_ascii=False)
    return "\n".join(map(one_line, text.split("\n")))
