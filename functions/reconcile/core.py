"""The balance of a run, file by file, from the ledger; and the mails about it."""

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from lakeferry.counting import count_of
from lakeferry.errors import BalanceError
from lakeferry.ledger import ASIDE, ENDED, IN_WORK, Entry, Ledger
from lakeferry.mails.run_summary import run_succeeded
from lakeferry.models import run_id_of
from lakeferry.runs.dead_letters import DeadLetterQueue
from lakeferry.settings import Settings
from reconcile.mail_list import mails_of_feeds, write_mails
from reconcile.set_aside import tell_set_aside

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


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
    entries = ledger.of_run(run)
    wrong = [f"{entry['feed_id']} {entry['path']}: {problem}" for entry in entries for problem in imbalances(entry)]
    if wrong:
        raise BalanceError(
            f"{len(wrong)} of {count_of(len(entries), 'file')} of run {run_id_of(run)} do not add up: "
            f"{'; '.join(wrong[:10])}"
            f"{f' (and {len(wrong) - 10} more)' if len(wrong) > 10 else ''}. "
            "The ledger has every count; reprocess these files."
        )
    curated = [entry for entry in entries if entry["status"] == "CURATED"]
    summary = run_succeeded(run, entries, ledger.feeds.of_run(run), settings.lake_bucket)
    of_feeds = mails_of_feeds(entries, documents, ledger.asides, settings.lake_bucket, run)
    of_asides = tell_set_aside(ledger.asides, queue, run)
    return {
        "files": len(curated),
        "rows": sum(entry["rows_curated"] for entry in curated),
        "imbalances": 0,
        "mails": write_mails([summary, *of_feeds, *of_asides], s3, settings.work_bucket, run),
    }


def imbalances(entry: Entry) -> Iterator[str]:
    """What does not add up in one file's item.

    What the Glue job set aside is told by a mail of its own, and waits. Files that failed, were released or replaced,
    or whose bytes are there already owe nothing; nor do those that were left unfinished, whose failure was reported and
    whose claim is free as soon as the run has ended.
    """
    status = entry["status"]
    if status in {"FAILED", "RELEASED", "DUPLICATE"} | ENDED | IN_WORK:
        return
    if status == "UPLOADED" and entry.get("pending") == ASIDE:
        return
    if status != "CURATED":
        yield f"is {status} where the run's end should find it CURATED"
        return
    dropped = sum(entry.get("rows_dropped", {}).values())
    if entry["bytes_fetched"] != entry["size"]:
        yield f"{entry['size']} bytes on the server, {entry['bytes_fetched']} fetched"
    if entry["rows_read"] != entry["rows_landed"] + entry["rows_rejected"]:
        yield f"{entry['rows_read']} rows read, {entry['rows_landed']} landed, {entry['rows_rejected']} rejected"
    if entry["rows_landed"] != entry["rows_curated"] + dropped:
        yield f"{entry['rows_landed']} rows landed, {entry['rows_curated']} curated, {dropped} dropped by rules"
