"""A drawn history of a stack: what partners deliver, people ask for and machines do, a step at a time.

The functions, the ledger and the queue are the real ones, as in `hours`; faults, kills and runs that hang are drawn.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from cli.feeds.pending import Rest, pending_of, settle
from lakeferry.aws.items import plain
from lakeferry.errors import FileRejectedError, ServerUnavailableError, TransferInterruptedError
from lakeferry.feeds import put_feed
from lakeferry.feeds.document import read_document
from lakeferry.feeds.fingerprint import fingerprint_of
from lakeferry.ledger import ASIDE, Entry, Ledger
from lakeferry.ledger.asides import CURATE
from lakeferry.models import FileItem
from reconcile.core import imbalances
from reprocess.backfill import backfill
from reprocess.executions import Starter
from reprocess.request import Request
from tests.conftest import feed_document
from tests.unit.hours import Hours, RunKilledError

PLAIN, MARKED, QUOTA = "acme/plain", "acme/marked", "globex/quota"
FILES: dict[str, dict[str, Any]] = {
    PLAIN: {},
    MARKED: {"marker": "{name}.done"},
    QUOTA: {"max_files_per_run": 1},
}
SCHEDULES = {QUOTA: "rate(2 hours)"}
SECOND = timedelta(seconds=1)
FAULTS = ("before", "after", "lasting", "killed before", "killed after", "hangs before", "hangs after")


class History(Hours):
    """A stack with three feeds, each unlike the others.

    Attributes:
        versions: What was ever put on a server, by feed, name and ledger key.
        asked: Files that people asked to take once more.
        answers: What commands answered.
    """

    def __init__(self, root: Path, feeds: Any, ledger: Ledger, s3: Any, sqs: Any, queue: str) -> None:
        super().__init__(0, root, feeds, ledger, s3, sqs, queue)
        self.failing, self.most = False, 2
        self.faults_due: Iterator[str | None] = iter(())
        self.hanging: set[str] = set()
        self.kept: dict[str, dict[str, Any]] = {}
        self.versions: dict[tuple[str, str, str], bytes] = {}
        self.asked: Counter[tuple[str, str]] = Counter()
        self.answers: list[dict[str, Any]] = []
        self.number = 0
        for feed_id in FILES:
            (root / feed_id).mkdir(parents=True, exist_ok=True)
            self.put_feed(feed_id)

    def time(self) -> str:
        """What the ledger takes for now."""
        return self.now.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    # -- partners

    def deliver(self, feed_id: str, number: int, *, seconds_ago: int = 0, is_marked: bool = True) -> None:
        """Another version of one of a day's files, whose own time may be an older one's."""
        self.number += 1
        name = f"sales_20260101_{number}.csv"
        data = f"order_id,amount\n{self.number},1.50\n".encode() + b"7,2.50\n" * self.number
        path = self.root / feed_id / name
        path.write_bytes(data)
        mtime = int(self.now.timestamp()) - seconds_ago
        os.utime(path, (mtime, mtime))
        self.versions[feed_id, name, f"/{name}#{len(data)}#{mtime}"] = data
        if is_marked and "marker" in FILES[feed_id]:
            self.mark(feed_id)

    def mark(self, feed_id: str) -> None:
        """Each file has its marker, now."""
        for path in list((self.root / feed_id).glob("*.csv")):
            if "marker" in FILES[feed_id]:
                path.with_name(f"{path.name}.done").write_bytes(b"")

    def restore(self, feed_id: str, number: int) -> None:
        """The first version of a file is there again, with its time."""
        name = f"sales_20260101_{number}.csv"
        for (of, named, key), data in self.versions.items():
            if (of, named) == (feed_id, name):
                path, mtime = self.root / feed_id / name, int(key.rsplit("#", 1)[-1])
                path.write_bytes(data)
                os.utime(path, (mtime, mtime))
                return

    def vanish(self, feed_id: str, number: int) -> None:
        (self.root / feed_id / f"sales_20260101_{number}.csv").unlink(missing_ok=True)

    # -- people

    def put_feed(self, feed_id: str) -> None:
        tenant, feed = feed_id.split("/")
        document = feed_document(tenant=tenant, feed=feed, dataset=feed)
        document["files"] |= {"directory": "/", "pattern": "sales_{date:%Y%m%d}_*.csv", **FILES[feed_id]}
        document["server"] |= {"secret": f"lakeferry/{feed_id}"}
        put_feed(self.feeds, document | ({"schedule": SCHEDULES[feed_id]} if feed_id in SCHEDULES else {}))

    def delete_feed(self, feed_id: str, what: Rest | None) -> None:
        """As `feeds delete` does it; None: past the command line."""
        tenant, feed = feed_id.split("/")
        if what is not None:
            stack: Any = SimpleNamespace(ledger=self.ledger)
            settle(stack, pending_of(stack, feed_id), what)
        self.feeds.delete_item(Key={"tenant": tenant, "feed": feed})

    def backfill(self, feed_id: str, source: str) -> dict[str, Any]:
        asked = {"backfill": {"feed": feed_id, "from": "2026-01-01", "to": "2026-01-01", "source": source}}
        request = Request.from_event({**asked, "dry_run": False})
        states: Any = self.executions
        assert request.backfill is not None
        answer = backfill(request.backfill, self.ledger, Starter(states, self.machine, self.now), dry_run=False)
        for one in answer["open"] if source != "raw" else ():
            self.asked[one["feed"], one["file"]] += 1
        self.answers.append(answer)
        return answer

    # -- machines

    def run_all(self) -> None:
        while self.executions.todo:
            run, execution_input = self.executions.todo.pop(0)
            self.now = self.now.replace(microsecond=0) + SECOND
            try:
                self._run(run, execution_input)
            except RunKilledError as killed:
                self.faults[f"run {killed}"] += 1
                if "hangs" in str(killed):
                    self.hanging.add(run)
                    continue
            self.executions.running.discard(run)

    def ends(self) -> None:
        """Of runs that hang: Step Functions has ended them."""
        self.executions.running -= self.hanging
        self.hanging.clear()

    def _once(self, stage: str, act: Callable[[], Any]) -> Any:
        fault = next(self.faults_due, None)
        if fault is not None:
            self.faults[fault] += 1
        if fault in ("killed before", "hangs before"):
            raise RunKilledError(fault)
        if fault == "before":
            raise ServerUnavailableError("fault")
        if fault == "lasting":
            raise FileRejectedError("fault")
        answer = act()
        if fault in ("killed after", "hangs after"):
            raise RunKilledError(fault)
        if fault == "after":
            raise TransferInterruptedError("fault")
        return answer

    def curate(self) -> None:
        """The Glue job: what is of a feed that is gone, it sets aside."""
        for partition in self.ledger.pending_partitions():
            tenant, feed, _ = partition.split("/")
            if read_document(self.feeds, tenant, feed) is None:
                feed_id = f"{tenant}/{feed}"
                self.ledger.asides.note(
                    feed_id, CURATE, fingerprint=fingerprint_of(None), error="FeedGoneError", cause="gone", partitions=1
                )
                for entry in self.ledger.of_partition(partition):
                    self.ledger.set_aside(feed_id, entry["file_id"], None)
        super().curate()

    # -- the end

    def settle(self) -> None:
        """Nothing fails any more, all feeds are there, and people take again whatever failed."""
        self.faults_due = iter(())
        self.ends()
        for feed_id in FILES:
            self.put_feed(feed_id)
            self.mark(feed_id)
        for number in range(6):
            self.start({"trigger": "schedule", "time": self.now.isoformat()}, f"settling-{number}")
            self.run_all()
            self.curate()
            self.now += SECOND * 3600
            self.reprocess(all=True, dry_run=False)
            self.run_all()
        self.curate()

    def wrong(self) -> list[str]:
        """What does not hold once everything has settled."""
        items = [plain(entry) for entry in self.ledger.table.scan()["Items"] if "path" in entry]
        entries: dict[tuple[str, str], Entry] = {(one["feed_id"], one["file_id"]): one for one in items}
        found = [f"{key} has not ended: {one['status']}" for key, one in entries.items() if "unfinished" in one]
        for key, entry in entries.items():
            if entry.get("pending") == ASIDE:
                found.append(f"{key} is set aside, and its feed is there")
            elif entry["status"] not in {"CURATED", "SUPERSEDED", "RELEASED", "DUPLICATE"}:
                found.append(f"{key} is {entry['status']}")
            elif entry["status"] == "CURATED":
                found += [f"{key}: {problem}" for problem in imbalances(entry)]
            landed, most = self.landed[key], 1 + self.asked[key]
            if landed > most:
                found.append(f"{key} landed {landed} times, and was asked for {most - 1} times more")
        for path in (path for feed_id in FILES for path in (self.root / feed_id).glob("*.csv")):
            found += self._of_server(path, entries)
        for bucket in ("lake", "inbox"):
            found += [f"open upload of {one['Key']}" for one in self._uploads(bucket)]
        if self.reprocess(by="schedule")["start"]:
            found.append("something is still to be started")
        return found

    def _of_server(self, path: Path, entries: dict[tuple[str, str], Entry]) -> Iterator[str]:
        """Of a file on a server: the lake has it, or a version that was listed later and that people know of."""
        feed_id, stat = f"{path.parent.parent.name}/{path.parent.name}", path.stat()
        key = f"/{path.name}#{stat.st_size}#{int(stat.st_mtime)}"
        entry = entries.get((feed_id, key))
        if entry is None:
            yield f"{feed_id} {key} was never taken"
            return
        while entry["status"] == "SUPERSEDED":
            entry = entries[feed_id, entry["superseded_by"]]
        if entry["status"] != "CURATED":
            yield f"{feed_id} {key} ends in {entry['file_id']}, which is {entry['status']}"
            return
        data = self.versions[feed_id, path.name, entry["file_id"]]
        (raw,) = entry["raw_keys"]
        if self.s3.get_object(Bucket="lake", Key=raw)["Body"].read() != data:
            yield f"{raw} has other rows than {entry['file_id']}"

    def _uploads(self, bucket: str) -> list[dict[str, Any]]:
        return list(self.s3.list_multipart_uploads(Bucket=bucket).get("Uploads", []))


def counting(history: History, original: Callable[..., bool]) -> Callable[..., bool]:
    """`Ledger.land`, with what has landed noted."""

    def land(self: Ledger, item: FileItem, values: Any, **named: Any) -> bool:
        if not original(self, item, values, **named):
            return False
        history.landed[item.feed_id, item.file_id] += 1
        return True

    return land
