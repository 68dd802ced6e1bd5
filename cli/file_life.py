"""`lakeferry files show`: one file's life, version by version."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated

import typer

from cli.calling import Call, command
from cli.files import files as files
from cli.names import feed_of, file_of
from cli.run.outcome import for_where
from lakeferry.errors import cause_of
from lakeferry.ledger import Entry
from lakeferry.ledger.retired import CURATED_DELETED_AT, RAW_DELETED_AT

_FACTS = {
    **{"feed_id": "feed", "path": "file", "status": "status", "size": "bytes", "modified": "modified (UTC)"},
    **{"dt": "business date", "attempts": "attempts", "run": "last run", "sha256": "sha256"},
    **{"rows_read": "rows read", "rows_landed": "rows landed", "rows_rejected": "bad rows"},
    **{"bad_rows": "bad rows by rule", "rows_curated": "rows curated", "rows_dropped": "rows dropped"},
    **{"curated_by": "curated by", "curated_in": "in state", "drift": "columns that came or went"},
    **{"notes": "notes", "after_error": "after"},
}
_WORTH_SAYING = 0.1
"""Seconds."""
_TIMES = {
    **{"claimed_at": "claimed by a poll", "fetched_at": "fetched to the inbox", "validated_at": "checked"},
    **{"uploaded_at": "landed in the raw zone", "curated_at": "curated", "failed_at": "failed"},
    **{RAW_DELETED_AT: "deleted from the raw zone by retention"},
    **{CURATED_DELETED_AT: "deleted from the curated zone by retention"},
}


@command(files, "show")
def show(
    call: Call,
    name: Annotated[str, typer.Argument(metavar="FILE", help="Its path, its name, or its key in the ledger.")],
    feed: Annotated[str | None, typer.Option(metavar="TENANT/FEED", help="Of this feed.")] = None,
) -> None:
    """One file's life: when each step was done, rows and bytes, where it lies, why it failed."""
    with call.stack() as stack:
        found = file_of(stack, name, feed and feed_of(stack, feed))
        lake = call.lake or f"s3://{stack.physical('LakeBucket')}"
        for number, entry in enumerate(sorted(found, key=lambda one: one["mtime"])):
            if call.out.as_json:
                call.out.data(entry)
                continue
            if number:
                call.out.say()
            modified = datetime.fromtimestamp(float(entry["mtime"]), UTC)
            call.out.facts({**entry, "modified": modified, "run": str(entry.get("run", "")).rsplit(":", 1)[-1]}, _FACTS)
            for time, told in sorted(life_of(entry)):
                call.out.say(f"  {time:<24}  {told}")
            for key in raw_keys(entry):
                call.out.say(f"  lies at {lake}/{key}")
            if entry["status"] == "FAILED":
                error = str(entry.get("error", ""))
                call.out.say(f"  why  {error}: {for_where(call, str(entry.get('cause', '')))}")
                call.out.say(f"  do   {for_where(call, cause_of(error).advice)}")


def life_of(entry: Entry) -> Iterator[tuple[str, str]]:
    """When each step was done, and what it was."""
    seconds = sum(entry.get("seconds", {}).values())
    for name, told in _TIMES.items():
        if name in entry and (name != "failed_at" or entry["status"] == "FAILED"):
            took = f" in {seconds:.1f} s" if name == "validated_at" and seconds >= _WORTH_SAYING else ""
            yield str(entry[name]), f"{told}{took}"


def raw_keys(entry: Entry) -> list[str]:
    """Where it lies in the lake, or what lists that."""
    if entry["status"] not in {"UPLOADED", "CURATED"} or RAW_DELETED_AT in entry:
        return []
    keys = [str(key) for key in entry.get("raw_keys", ())]
    return keys if keys or "outputs_key" not in entry else [str(entry["outputs_key"])]
