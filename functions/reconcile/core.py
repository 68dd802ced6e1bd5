"""The balance of a run, file by file, from the ledger; and the mails about it."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import TYPE_CHECKING, Any

from lakeferry.counting import count_of
from lakeferry.errors import BalanceError
from lakeferry.ledger import ASIDE, DROPPED_AT, ENDED, IN_WORK, Entry, Ledger
from lakeferry.mails import feed_success, run_summary
from lakeferry.mails.run_summary import RunSummary
from lakeferry.mails.text import Lines
from lakeferry.models import run_id_of
from lakeferry.runs.dead_letters import DeadLetterQueue
from lakeferry.settings import Settings
from reconcile.mail_list import FeedMails, write_mails
from reconcile.set_aside import tell_set_aside

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_NAMED = 10
"""Files that do not add up and are named."""
_COUNTS = ("size", "bytes_fetched", "rows_read", "rows_landed", "rows_rejected", "rows_curated")
_BALANCED = ("path", "status", "pending", DROPPED_AT, *_COUNTS, "rows_dropped")
ATTRIBUTES = tuple({*_BALANCED, *run_summary.ATTRIBUTES, *feed_success.ATTRIBUTES})
"""What is read of a file, besides its key: not what only its own stages need, which may be most of it."""


def reconcile(
    ledger: Ledger,
    s3: "S3Client",
    queue: DeadLetterQueue,
    settings: Settings,
    run: str,
    documents: Iterable[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Checks every file the run claimed and writes the mails about the run.

    Args:
        documents: Of all feeds, for those that want a success mail of their own. Feeds that were set aside and of
            which nobody was told yet get one, whoever asks.

    Returns:
        `files`, `rows` (curated), `imbalances` (0); `mails`, the list of the summary and the feeds' own mails: its
        `bucket`, `key` and `count`.

    Raises:
        BalanceError: for some file, bytes or rows that went in are not those that came out.
    """
    summary, of_feeds = (
        RunSummary(run, settings.lake_bucket),
        FeedMails(documents, ledger.asides, settings.lake_bucket, run),
    )
    wrong, files = Lines(most=_NAMED), 0
    for entry in ledger.of_run(run, ATTRIBUTES):
        files += 1
        for problem in imbalances(entry):
            order = (str(entry["feed_id"]), str(entry["file_id"]))
            wrong.add(f"{entry['feed_id']} {entry.get('path')}: {problem}", order)
        if not wrong.count:
            summary.add(entry)
            of_feeds.add(entry)
    if wrong.count:
        raise BalanceError(
            f"{wrong.count} of {count_of(files, 'file')} of run {run_id_of(run)} do not add up: "
            f"{'; '.join(wrong)}"
            f"{f' (and {wrong.more} more)' if wrong.more else ''}. "
            "The ledger has every count; reprocess these files."
        )
    of_run = summary.mail(ledger.feeds.of_run(run))
    of_asides = tell_set_aside(ledger.asides, queue, run, settings.lake_bucket)
    return {
        "files": summary.curated,
        "rows": summary.rows,
        "imbalances": 0,
        "mails": write_mails(chain([of_run], of_feeds, of_asides), s3, settings.work_bucket, run),
    }


def imbalances(entry: Entry) -> Iterator[str]:
    """What does not add up in one file's item.

    What the Glue job set aside is told by a mail of its own, and waits. Files that failed, were released or replaced,
    or whose bytes are there already owe nothing; nor do those that were left unfinished, whose failure was reported and
    whose claim is free as soon as the run has ended; nor those that people dropped with their feed meanwhile.
    """
    status = entry["status"]
    if status in {"FAILED", "RELEASED", "DUPLICATE"} | ENDED | IN_WORK:
        return
    if status == "UPLOADED" and (entry.get("pending") == ASIDE or DROPPED_AT in entry):
        return
    if status != "CURATED":
        yield f"is {status} where the run's end should find it CURATED"
        return
    if lacking := [name for name in _COUNTS if not isinstance(entry.get(name), int)]:
        yield f"its ledger item does not tell its {', '.join(lacking)}"
        return
    dropped = sum(entry.get("rows_dropped", {}).values())
    if entry["bytes_fetched"] != entry["size"]:
        yield f"{entry['size']} bytes on the server, {entry['bytes_fetched']} fetched"
    if entry["rows_read"] != entry["rows_landed"] + entry["rows_rejected"]:
        read = count_of(int(entry["rows_read"]), "row")
        yield f"{read} read, {entry['rows_landed']} landed, {entry['rows_rejected']} rejected"
    if entry["rows_landed"] != entry["rows_curated"] + dropped:
        landed = count_of(int(entry["rows_landed"]), "row")
        yield f"{landed} landed, {entry['rows_curated']} curated, {dropped} dropped by rules"
