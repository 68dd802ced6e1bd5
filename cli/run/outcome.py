"""What a run came to: feeds, files, failures with what to do, and where the rows are."""

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cli.calling import Call
from cli.lake import LakeStack
from cli.run.progress import File, Progress
from cli.stack import Run, Stack
from lakeferry.errors import cause_of
from lakeferry.ledger.asides import CURATE
from local.kept import read_json
from local.words import lake_words

_COLUMNS = {
    **{"feed": "feed", "file": "file", "status": "status", "size": "bytes"},
    **{"rows": "rows", "rows_rejected": "bad rows", "error": "error"},
}
_MOST = 200
"""Files that are listed one by one."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A file, a feed or a run that failed."""

    what: str
    error: str
    cause: str

    def to_json(self) -> dict[str, str]:
        """As `--json` has it."""
        return {"what": self.what, "error": self.error, "cause": self.cause, "do": cause_of(self.error).advice}


def failures_of(stack: Stack, run: Run, progress: Progress, feeds: Sequence[str]) -> list[Failure]:
    """All of a run: of its files, of its feeds' polls, of itself."""
    found = [Failure(f"{file.feed_id}: {file.path}", file.error, file.cause) for file in _failed(progress)]
    for feed_id, state in stack.ledger.feeds.known(sorted(feeds)).items():
        if state.get("failed_run") == run.arn and "error" in state:
            found.append(Failure(feed_id, state["error"], state.get("cause", "")))
    for aside in stack.ledger.asides.of(CURATE):
        # those of earlier runs, too: they wait until their feed is corrected, and "nothing new" would hide it
        if aside.feed_id in feeds:
            found.append(Failure(f"{aside.feed_id}: its files could not be curated", aside.error, aside.cause))
    if run.status not in {"SUCCEEDED", "RUNNING"}:
        found.append(Failure(f"run {run.name} {run.status}", run.error or run.status, run.cause))
    return found


def listing_of(state: Mapping[str, Any], feed_id: str, run: str) -> str:
    """How the entries of a feed's listing ended, and which name was nearest where none fits."""
    if state.get("polled_by") != run:
        return f"{feed_id}: not polled"
    entries = dict(state["entries"])
    unfit, listed = entries.pop("fits_nothing", ""), entries.pop("listed", 0)
    classes = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in entries.items())
    told = f"{feed_id}: {listed:,} listed" + (f" ({classes})" if classes else "")
    return f"{told}; {unfit}" if unfit else told


def tell_files(call: Call, progress: Progress) -> None:
    """The run's files."""
    files = sorted(progress.files.values(), key=lambda file: (file.feed_id, file.path))
    if not files:
        return
    rows = [
        {
            **{"feed": file.feed_id, "file": file.name, "status": file.status, "size": file.size},
            **{"rows": file.rows, "rows_rejected": file.rows_rejected, "error": file.error},
        }
        for file in files
    ]
    call.out.say()
    call.out.rows(rows[:_MOST], _COLUMNS)
    if rows[_MOST:]:
        call.out.say(f"... and {len(rows) - _MOST:,} more: lakeferry files --run {progress.run.rsplit(':', 1)[-1]}")


def tell_failures(call: Call, failures: list[Failure], again: str) -> None:
    """What failed, why, and what to do; `again` is the command that takes it once more."""
    for failure in failures:
        call.out.say(f"\nFAILED  {_clean(failure.what)}")
        call.out.say(f"  why  {failure.error}: {for_where(call, failure.cause)}")
        call.out.say(f"  do   {for_where(call, cause_of(failure.error).advice)}")
    if failures:
        call.out.say(f"\nThen take it again: {again}")


def for_where(call: Call, text: str) -> str:
    """A cause or an advice as it holds where the command works: a laptop has neither stacks nor Secrets Manager."""
    text = _clean(text)
    if call.lake is None:
        return text
    return lake_words(call.lake, call.where)(text)


def tell_where(call: Call, stack: Stack, datasets: Iterable[str]) -> list[dict[str, str]]:
    """Where the Parquet is, and SQL that reads it."""
    found = []
    for dataset in sorted(set(datasets)):
        if isinstance(stack, LakeStack):
            folder = stack.folder / "curated" / dataset
            if not any(folder.rglob("*.parquet")):
                continue
            files = _files(stack.folder, dataset)
            sql = f"select * from read_parquet({files}, hive_partitioning = true) limit 10"  # noqa: S608  (shown only)
            found.append({"dataset": dataset, "parquet": str(folder), "sql": sql, "command": _duckdb(sql)})
        else:
            place = f"s3://{stack.physical('LakeBucket')}/curated/{dataset}/"
            sql = f'select * from "{stack.name.replace("-", "_").lower()}"."{dataset}" limit 10'  # noqa: S608
            found.append({"dataset": dataset, "parquet": place, "sql": sql, "command": f"in Athena: {sql}"})
    for one in found:
        call.out.say(f"\nParquet of {one['dataset']}: {one['parquet']}\n  {one['command']}")
    return found


def _files(lake: Path, dataset: str) -> str:
    """What `read_parquet` is to read: the table's folder, or the current generations where there are others."""
    folder = lake / "curated" / dataset
    folders = current_folders(lake, dataset)
    is_all = all(any(path.is_relative_to(one) for one in folders) for path in folder.rglob("*.parquet"))
    patterns = [folder / "**" / "*.parquet"] if is_all or not folders else [one / "**" / "*.parquet" for one in folders]
    quoted = ["'" + str(one).replace("'", "''") + "'" for one in patterns]
    return quoted[0] if len(quoted) == 1 else f"[{', '.join(quoted)}]"


def current_folders(lake: Path, dataset: str) -> list[Path]:
    """Folders of a curated table's current generations, as the catalog of a lake on this machine has them."""
    catalog = read_json(lake / ".lakeferry" / "catalog.json") or {}
    tables = [one for tables in catalog.values() for one in tables if one["table"]["Name"] == dataset]
    places = [one["StorageDescriptor"]["Location"] for table in tables for one in table["partitions"]]
    return [lake / place.removeprefix("s3://").partition("/")[2] for place in sorted(places)]


def _duckdb(sql: str) -> str:
    # in double quotes, where the shell reads nothing into them: they are easier to read
    return f'duckdb -c "{sql}"' if not set(sql) & set('"$`\\!') else f"duckdb -c {shlex.quote(sql)}"


def _failed(progress: Progress) -> list[File]:
    return [file for file in progress.files.values() if file.error]


def _clean(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in " ".join(text.split()))
