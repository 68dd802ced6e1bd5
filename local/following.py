"""What happens while `make local` stays: runs, their stages, files, failures, waits and mails, a line each."""

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lakeferry.counting import count_of
from lakeferry.ledger import Entry, Ledger
from lakeferry.mails.text import excerpt
from local.console import Console
from local.stack import Event
from local.waits import follow

if TYPE_CHECKING:
    from local.aws import LocalAws

LOOK_SECONDS = 1.0
"""So often the ledger is read while a run goes on; between runs nothing is."""
_READ = ("path", "size", "status", "rows_curated", "rows_landed", "error", "cause", "stage")
_IN_THE_LAKE = {"UPLOADED", "CURATED"}
_LONGEST = 400
"""Characters of a cause or a subject on a line."""


@dataclass(slots=True)
class _Run:
    """One that goes on.

    Attributes:
        told: File → the status that was told last.
    """

    began: float = field(default_factory=time.monotonic)
    told: dict[tuple[str, str], str] = field(default_factory=dict)


class Following:
    """Tells of every run of a stack, whoever starts it, until the process ends.

    Attributes:
        idle: Set when the end of every run was told.
    """

    def __init__(self, aws: "LocalAws", console: Console, ledger: Ledger | None = None) -> None:
        self._aws, self._console = aws, console
        self._ledger = ledger or Ledger(aws.resource("dynamodb").Table(aws.resources["LedgerTable"]))
        self._lock = threading.Lock()
        self._runs: dict[str, _Run] = {}
        self._seen = set[str]()
        self._mails = len(aws.mails())
        self._is_work, self.idle = threading.Event(), threading.Event()
        aws.on_event(self._event)
        follow(aws.work_folder / "functions.log", console.line)
        threading.Thread(target=self._watch, name="following", daemon=True).start()

    def _event(self, event: Event) -> None:
        if event.kind != "entered":
            return
        with self._lock:
            is_new = event.run not in self._seen
            if is_new:
                self._seen.add(event.run)
                self._runs[event.run] = _Run()
        if is_new:
            self._console.line(self._console.paint(f"run {_name(event.run)} begins", "bold"))
            self.idle.clear()
            self._is_work.set()
        if not event.item:
            self._console.line(f"  {event.state}")

    def _watch(self) -> None:
        while True:
            self._is_work.wait()
            time.sleep(LOOK_SECONDS)
            try:
                self.look()
            except Exception as error:
                self._console.line(f"  the ledger cannot be read: {type(error).__name__}: {error}")

    def look(self) -> None:
        """Tells what is new since the last look."""
        with self._lock:
            going = dict(self._runs)
        for arn, run in going.items():
            # asked first: what is written before it ends is read after it
            found = self._aws.client("stepfunctions").describe_execution(executionArn=arn)
            entries = list(self._ledger.of_run(arn, _READ))
            for entry in entries:
                self._tell_file(run, entry)
            self._tell_mails()
            if found["status"] != "RUNNING":
                self._tell_end(arn, run, found, entries)
        with self._lock:
            if not self._runs:
                self._is_work.clear()
                self.idle.set()

    def _tell_file(self, run: _Run, entry: Entry) -> None:
        key, status = (str(entry["feed_id"]), str(entry["file_id"])), str(entry["status"])
        if run.told.get(key) == status:
            return
        run.told[key] = status
        name = excerpt(str(entry["path"]).rsplit("/", 1)[-1], _LONGEST)
        if status == "FAILED":
            why = excerpt(f"{entry.get('stage', '')}: {entry.get('error', '')}: {entry.get('cause', '')}", _LONGEST)
            self._console.line(self._console.paint(f"  {key[0]}: {name}: FAILED, {why}", "red"))
            return
        rows = entry.get("rows_curated", entry.get("rows_landed"))
        told = f", {count_of(int(rows), 'row')}" if rows is not None and status in _IN_THE_LAKE else ""
        self._console.line(f"  {key[0]}: {name}: {status}, {count_of(int(entry['size']), 'byte')}{told}")

    def _tell_mails(self) -> None:
        sent = self._aws.mails()
        new, self._mails = sent[self._mails :], len(sent)
        for mail in new:
            self._console.line(f"  mail: {excerpt(mail.subject, _LONGEST)}")

    def _tell_end(self, arn: str, run: _Run, found: Any, entries: list[Entry]) -> None:
        with self._lock:
            del self._runs[arn]
        there = sum(entry["status"] in _IN_THE_LAKE for entry in entries)
        failed = sum(entry["status"] == "FAILED" for entry in entries)
        told = f"{count_of(there, 'file')} in the lake" + (f", {failed} failed" if failed else "")
        is_good = found["status"] == "SUCCEEDED"
        line = f"run {_name(arn)} {found['status']} after {time.monotonic() - run.began:.0f} s: {told}"
        self._console.line(self._console.paint(line, "green" if is_good and not failed else "red"))
        if not is_good and found.get("error"):
            why = excerpt(f"{found['error']}: {found.get('cause', '')}", _LONGEST)
            self._console.line(self._console.paint(f"  {why}", "red"))


def _name(arn: str) -> str:
    return arn.rsplit(":", 1)[-1]
