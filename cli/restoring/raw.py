"""A day of a feed in the raw zone: objects that the ledger does not name, and those it names that are not there."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, timedelta
from typing import Any

from botocore.exceptions import ClientError

from cli.restoring.difference import Difference
from cli.restoring.place import Known, Place
from lakeferry.aws.tables import utc_text
from lakeferry.ledger import ENDED, IN_WORK, Entry
from lakeferry.ledger.files import PENDING
from lakeferry.ledger.outputs import raw_keys_of
from lakeferry.ledger.retired import RAW_DELETED_AT
from retain.due import Found, objects_under

_REPLACED = ENDED | {"DUPLICATE"}
_CLOCKS = timedelta(minutes=1)
"""An object is there before the ledger says so; by no more may the clocks of S3 and of a function differ."""


def raw_differences(place: Place, known: Known, dt: str, entries: Sequence[Entry]) -> Iterator[Difference]:
    """Those of one day.

    Args:
        entries: Its files as `landed` has them.
    """
    objects = {one.key: one for one in objects_under(place.s3, place.bucket, f"{known.folder}dt={dt}/")}
    named: dict[str, Entry] = {}
    for entry in entries:
        try:
            keys = raw_keys_of(entry, place.read)
        except (KeyError, TypeError, ValueError):
            keys = ()
        except ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchKey":
                raise
            keys = ()
        named |= dict.fromkeys(keys, entry)
        missing = [key for key in keys if key not in objects]
        if RAW_DELETED_AT not in entry and (missing or not keys):
            yield _missing(known, dt, entry, missing, len(keys))
    for key, found in objects.items():
        entry = named.get(key, {})
        if not entry or _is_since(place, found, entry):
            yield from _judged(place, known, dt, found, entry)


def landed(entries: Sequence[Entry]) -> list[Entry]:
    """Files of a partition as they lie in the raw zone: one that is taken once more as it was before."""
    return [
        {**entry, **entry["landed"], "redone": entry["status"] in IN_WORK} if "landed" in entry else entry
        for entry in entries
    ]


def _missing(known: Known, dt: str, entry: Entry, missing: Sequence[str], count: int) -> Difference:
    told = (
        f"{len(missing)} of its {count} raw objects missing, {missing[0]} first" if missing else "list of objects lost"
    )
    if entry.get("redone"):
        do = "it is being taken once more, which writes them anew"
        return Difference("raw_missing", known.feed_id, dt, str(entry["file_id"]), told, do)
    do = "bring back the objects' earlier versions, or take the file again: from the inbox, or with --source server"
    return Difference("raw_missing", known.feed_id, dt, str(entry["file_id"]), told, do, True, "inbox")


def _is_since(place: Place, found: Found, entry: Mapping[str, Any]) -> bool:
    """Whether the object was written after the ledger says that its file landed."""
    before = utc_text((found.modified - _CLOCKS).astimezone(UTC))
    return place.tells_times and not entry.get("redone") and before > str(entry.get("uploaded_at", ""))


def _judged(place: Place, known: Known, dt: str, found: Found, entry: Entry) -> Iterator[Difference]:
    """An object that the ledger does not name, or (by `entry`) names for a file that landed before it was written."""
    file_id = place.file_of(found.key)
    if file_id is None:
        return
    if entry and file_id in {"", entry["file_id"]}:
        told = f"{found.key} was written after the ledger says that it landed"
        is_waiting = entry.get("pending") == PENDING
        do = "the next run builds the day" if is_waiting else "build the day from what lies there now"
        source = "" if is_waiting else "raw"
        yield Difference("raw_rewritten", known.feed_id, dt, str(entry["file_id"]), told, do, not is_waiting, source)
        return
    if not file_id:
        told = "no file of Lakeferry's: its metadata names none"
        do = "ask who put it there: the raw table shows its rows, the curated one does not"
        yield Difference("raw_foreign", known.feed_id, dt, found.key, told, do, True)
        return
    kind = "raw_other_version" if entry else "raw_unknown"
    about = f"{found.key} has the version {file_id}" if entry else f"raw object of {file_id}"
    has = place.ledger.get(known.feed_id, file_id)
    status = "" if has is None else str(has["status"])
    if status in {"", "RELEASED"}:
        do, needs_person = _brought_back(known, dt, found)
        told = f"{about}, which the ledger does not know"
        yield Difference(kind, known.feed_id, dt, found.key, told, do, needs_person)
        return
    told = f"{about}, which is {status} in the ledger"
    if status in IN_WORK:
        yield Difference(kind, known.feed_id, dt, found.key, told, "the next run goes on with it")
    elif status in _REPLACED:
        yield Difference(kind, known.feed_id, dt, found.key, told, "nothing: another version has its place")
    else:
        do = "take it again: from the inbox, or with --source server"
        yield Difference(kind, known.feed_id, dt, found.key, told, do, True, "inbox")


def _brought_back(known: Known, dt: str, found: Found) -> tuple[str, bool]:
    """How a file that landed and is not known comes into the ledger again, and whether a person has to see to it."""
    leave = f"do not rebuild {dt} before that: its rows would be left out"
    if known.feed is None:
        return f"put the feed's document back (feeds history {known.feed_id}), and run this once more; {leave}", True
    if not known.feed.enabled:
        return f"enable the feed, if its server still has the file (feeds enable {known.feed_id}); {leave}", True
    after = known.feed.files.after
    if after.action == "move":
        return f"move it back on the server from {after.to}, or have it delivered again; {leave}", True
    if after.action == "delete":
        return f"have it delivered again: it was deleted on the server (files.after); {leave}", True
    polled_at = str(known.state.get("polled_at", ""))
    has_more = bool(known.state.get("left", {}).get("carried_over")) or "failing_since" in known.state
    if has_more or polled_at <= utc_text(found.modified.astimezone(UTC)):
        return "the next poll takes it again, if its server still has it; check once more after that", False
    return (
        f"have it delivered again: the poll at {polled_at} did not take it, so the server has it no more; {leave}",
        True,
    )
