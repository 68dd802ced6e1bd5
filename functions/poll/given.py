"""Files given by name, to be taken again: claimed from what the ledger knows of them, without asking the server.

So a partner that has deleted or moved a file does no harm where its bytes are in the inbox already.
"""

from typing import Any

from lakeferry.aws.side_by_side import side_by_side
from lakeferry.feeds import Feed
from lakeferry.ledger import ENDED, IN_WORK, LANDED, Entry, is_held
from lakeferry.models import FeedItem, FileItem
from poll.core import Surroundings, write_list


def claim_given(feed: Feed, item: FeedItem, around: Surroundings) -> dict[str, Any]:
    """Claims the files of `item.files`, deals them into batches and writes those to S3 as a JSON array.

    A file that failed goes on at the stage that failed; one that is in the lake is left alone, unless the item's
    `source` says from where it is to be taken anew. One that a running run holds stays with it.

    Returns:
        What `write_list` does, and `left` (not claimed).
    """
    names = list(dict.fromkeys(item.files or ()))
    entries = list(around.ledger.entries(item.feed_id, names).values())
    claimed = [found for found in side_by_side(lambda entry: _claim(item, entry, around), entries) if found is not None]
    claimed.sort(key=lambda found: (found.mtime, found.path))
    return {**write_list(feed, item, around, claimed, ".given.json"), "left": len(names) - len(claimed)}


def _claim(item: FeedItem, entry: Entry, around: Surroundings) -> FileItem | None:
    found = FileItem(item.tenant, item.feed, item.run, entry["path"], entry["size"], entry["mtime"])
    if entry["status"] in IN_WORK and entry["run"] == item.run:
        return found  # by a call whose answer got lost
    if not _may_be_taken(entry, item, around):
        return None
    return found if around.ledger.claim(found, dt=entry["dt"], entry=entry, source=item.source) else None


def _may_be_taken(entry: Entry, item: FeedItem, around: Surroundings) -> bool:
    status = entry["status"]
    if status in ENDED or status == "DUPLICATE":
        return False
    if status in LANDED:
        # one that waits for the Glue job is curated first
        return item.source is not None and "pending" not in entry
    return status not in IN_WORK or not is_held(entry, around.is_running)
