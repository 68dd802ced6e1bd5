"""The first rows as they would be curated: by the job's own Arrow engine, into a folder that is thrown away."""

import io
import sys
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cli.testing.landed import Landed, landed_rows
from cli.testing.sample import Sample
from lakeferry.counting import count_of
from lakeferry.errors import LakeferryError
from lakeferry.feeds import Feed
from lakeferry.formats import raw_form

_GLUE = Path(__file__).parents[2] / "glue"
_MOST_RAW_BYTES = 8 * 1024 * 1024
"""Of the raw text: a preview needs no more, and more takes time."""
_LINEAGE = ("_source_file", "_ingested_at", "_run_id")


@dataclass(frozen=True, slots=True)
class Preview:
    """Rows of a table.

    Attributes:
        curated: As the curated table would have them; else as they would land in the raw zone.
        note: Why they are not curated, or what else is to be known.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    curated: bool
    note: str = ""


def preview(feed: Feed, sample: Sample, dt: str, limit: int, folder: Path) -> Preview | None:
    """The first rows of the file; None where none landed, or where what was read of it is no file yet."""
    output = next(iter(sample.outputs.values()), None)
    if output is None or not output.stat().st_size:
        return None
    if sample.report is None and raw_form(feed.format).kind == "parquet":
        return None
    columns = sample.report.columns if sample.report else [column.name for column in feed.checks.columns]
    raw = landed_rows(feed, output, columns, limit)
    if not raw.rows:
        return None
    landed = Preview(raw.columns, raw.rows, curated=False)
    if output.stat().st_size > _MOST_RAW_BYTES:
        return replace(landed, note="the file is large: shown as it lands, before the job's types and transform")
    try:
        return _curated(feed, sample, raw, dt, limit, folder, output)
    except LakeferryError as error:
        return replace(landed, note=f"shown as it lands; the job: {error}")


def _curated(feed: Feed, sample: Sample, raw: Landed, dt: str, limit: int, folder: Path, output: Path) -> Preview:
    if str(_GLUE) not in sys.path:
        sys.path.append(str(_GLUE))
    import pyarrow.parquet as pq

    from arrowworker import ArrowWorker
    from lakefiles import Lake
    from plan import plan_of
    from work import Work
    from worklist import LandedFile, Partition

    key = f"raw/{feed.tenant}_{feed.feed}/dt={dt}/sample"
    (folder / key).parent.mkdir(parents=True, exist_ok=True)
    output.rename(folder / key)
    sample.outputs[next(iter(sample.outputs))] = folder / key
    columns = sample.report.columns if sample.report else raw.columns
    now = datetime.now(UTC).isoformat(timespec="seconds")
    landed = LandedFile(feed.feed_id, sample.path, sample.path, (key,), columns, raw.count, now)
    partition = Partition(feed.tenant, feed.feed, dt)
    size = (folder / key).stat().st_size
    work = Work(feed, plan_of(feed), partition, (landed,), size, "curated/", "fallout/")
    no_bucket: Any = None
    worker = ArrowWorker(Lake("preview", no_bucket, folder), "preview", _MOST_RAW_BYTES, lambda: None)
    if why := worker.refuses(work):
        raise _SparksError(why)
    written = worker.write(work)
    [file] = (folder / "curated").glob("*.parquet")
    table = pq.read_table(io.BytesIO(file.read_bytes()))
    names = [name for name in table.column_names if name not in _LINEAGE]
    rows = [tuple(_cell(row[name]) for name in names) for row in table.slice(0, limit).to_pylist()]
    dropped = sum(sum(counts.dropped.values()) for counts in written.counts)
    note = f"{count_of(dropped, 'row')} dropped by filter and rules" if dropped else ""
    return Preview(tuple(names), tuple(rows), curated=True, note=note)


class _SparksError(LakeferryError):
    """Rows that only Spark makes."""


def _cell(value: object) -> str:
    return "" if value is None else str(value)
