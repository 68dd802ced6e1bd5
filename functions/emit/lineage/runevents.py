"""OpenLineage's events of what the outbox tells: a START and a COMPLETE or FAIL for each run of a job.

Names are OpenLineage's ("Naming Conventions"): a partner's server is `file://{host}`, the lake `s3://{bucket}` with
keys, a table of the Data Catalog a symlink. A job's namespace is the ARN of the state machine, which is the scheduler,
its name `{tenant}.{feed}.{land, curate or poll}`. A run's id is made of what it did: what is told twice is one run.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState
from openlineage.client.facet_v2 import (
    error_message_run,
    input_statistics_input_dataset,
    job_type_job,
    output_statistics_output_dataset,
    parent_run,
    processing_engine_run,
    schema_dataset,
    set_producer,
    symlinks_dataset,
)
from openlineage.client.serde import Serde
from openlineage.client.uuid import generate_static_uuid

from emit.lineage.sources import Columns, Sources
from lakeferry.feeds import Feed
from lakeferry.version import VERSION

Item = Mapping[str, Any]
PRODUCER = f"urn:lakeferry:{VERSION}"
MOST_DATASETS = 500
"""Objects that one event names; it counts all."""
_CAUSE = 2_000
set_producer(PRODUCER)


def run_events(what: str, at: str, item: Item, sources: Sources) -> list[dict[str, Any]]:
    """Events as JSON has them; none of what is no run of a job.

    Args:
        what: As the outbox calls it.
        at: When it happened, ISO 8601 UTC.

    Raises:
        KeyError, TypeError, ValueError: the item lacks what they tell.
    """
    made = _MADE.get(what)
    return [] if made is None else [Serde.to_dict(event) for event in made(at, item, sources)]


def _landed(at: str, item: Item, sources: Sources) -> Iterator[RunEvent]:
    if item.get("status") not in {"UPLOADED", "CURATED"}:
        return  # replaced before this was told
    feed = sources.feeds.feed(str(item["feed_id"]))
    task = _Task("land", str(item["run"]), str(item.get("claimed_at") or at), str(item["file_id"]), item, sources)
    yield task.event(RunState.START, task.begun, inputs=_partners(feed, item))
    yield task.event(RunState.COMPLETE, at, inputs=_partners(feed, item), outputs=_raw(feed, item, sources))


def _file_failed(at: str, item: Item, sources: Sources) -> Iterator[RunEvent]:
    feed = sources.feeds.feed(str(item["feed_id"]))
    run = str(item.get("failed_run") or item["run"])
    task = _Task("land", run, str(item.get("claimed_at") or at), str(item["file_id"]), item, sources)
    yield task.event(RunState.START, task.begun, inputs=_partners(feed, item))
    yield task.event(RunState.FAIL, at, inputs=_partners(feed, item), error=_error(item))


def _feed_failed(at: str, item: Item, sources: Sources) -> Iterator[RunEvent]:
    feed = sources.feeds.feed(str(item["feed_id"]))
    looked_at = [InputDataset(_server(feed), feed.files.directory)] if feed else []
    task = _Task("poll", str(item["failed_run"]), at, "", item, sources)
    yield task.event(RunState.START, at, inputs=looked_at)
    yield task.event(RunState.FAIL, at, inputs=looked_at, error=_error(item))


def _curated(at: str, item: Item, sources: Sources) -> Iterator[RunEvent]:
    feed, run = sources.feeds.feed(str(item["feed_id"])), str(item["curated_run"])
    if feed is None:
        return  # which table it was is not known any more
    tenant, _, name = str(item["feed_id"]).partition("/")
    files = sources.files(f"{item['feed_id']}/{item['dt']}", run)
    stack = sources.stack
    keys = [str(key) for file in files for key in file.get("raw_keys", ())]
    # archives of many members have their list elsewhere: the day stands for it
    if not keys or any("outputs_key" in file for file in files):
        keys = [_day_of(item)]
    read = [InputDataset(f"s3://{stack.lake_bucket}", key) for key in keys[:MOST_DATASETS]]
    written = OutputDataset(
        f"s3://{stack.lake_bucket}",
        f"curated/{feed.dataset}/tenant={tenant}/feed={name}/dt={item['dt']}",
        facets={**_schema(sources.columns(feed.dataset)), **_table(sources, feed.dataset)},
        outputFacets=_statistics(rows=sum(int(file.get("rows_curated", 0)) for file in files)),
    )
    # the files of a partition are noted one after the other, so its run's id has no time
    task = _Task("curate", run, _EPOCH, str(item["dt"]), item, sources)
    yield task.event(RunState.START, at, inputs=read)
    yield task.event(RunState.COMPLETE, at, inputs=read, outputs=[written])


_MADE: dict[str, Callable[[str, Item, Sources], Iterator[RunEvent]]] = {
    "file_landed": _landed,
    "partition_curated": _curated,
    "file_failed": _file_failed,
    "feed_failed": _feed_failed,
}
"""By what the outbox has; what is promised (`feed_late`, `dataset_day_complete`) is no run of a job."""


class _Task:
    """One run of a job of a feed."""

    def __init__(self, kind: str, run: str, begun: str, of: str, item: Item, sources: Sources) -> None:
        self.begun, namespace = begun, sources.stack.state_machine
        parts = f"{namespace}\n{item['feed_id']}\n{kind}\n{of}\n{run}"
        self._run_id = _uuid(begun, parts)
        name = f"{str(item['feed_id']).replace('/', '.')}.{kind}"
        self._job = Job(
            namespace,
            name,
            facets={"jobType": job_type_job.JobTypeJobFacet("BATCH", "LAKEFERRY", jobType=kind.upper())},
        )
        # an execution has one id in all that is told of it, whenever its parts began
        root = _uuid(_EPOCH, run)
        self._facets: dict[str, Any] = {
            "parent": parent_run.ParentRunFacet(parent_run.Run(root), parent_run.Job(namespace, "ingest")),
            "processing_engine": processing_engine_run.ProcessingEngineRunFacet(VERSION, "Lakeferry"),
        }

    def event(
        self,
        state: RunState,
        at: str,
        *,
        inputs: Iterable[InputDataset] = (),
        outputs: Iterable[OutputDataset] = (),
        error: Any = None,  # noqa: ANN401  (the facet)
    ) -> RunEvent:
        facets = {**self._facets, **({"errorMessage": error} if error else {})}
        run = Run(self._run_id, facets=facets)
        return RunEvent(
            eventTime=at, run=run, job=self._job, eventType=state, inputs=list(inputs), outputs=list(outputs)
        )


_EPOCH = "2026-01-01T00:00:00Z"


def _uuid(at: str, data: str) -> str:
    return str(generate_static_uuid(datetime.fromisoformat(at), data.encode("utf-8", "surrogateescape")))


def _server(feed: Feed) -> str:
    return f"file://{feed.server.host}"


def _partners(feed: Feed | None, item: Item) -> list[InputDataset]:
    if feed is None:
        return []  # whose server it was is not known any more
    facet = input_statistics_input_dataset.InputStatisticsInputDatasetFacet(size=int(item["size"]), fileCount=1)
    return [InputDataset(_server(feed), str(item["path"]), inputFacets={"inputStatistics": facet})]


def _raw(feed: Feed | None, item: Item, sources: Sources) -> list[OutputDataset]:
    """The raw objects, with their own counts; of an archive of many members the day's folder, with the file's."""
    tenant, _, name = str(item["feed_id"]).partition("/")
    declared = {column.name: column.type for column in feed.checks.columns} if feed else {}
    columns = tuple((str(column), declared.get(str(column), "string")) for column in item.get("columns", ()))
    facets = {**_schema(columns), **_table(sources, f"raw_{tenant}_{name}")}
    bucket = f"s3://{sources.stack.lake_bucket}"
    outputs = item.get("outputs") or [{"key": key} for key in item.get("raw_keys", ())]
    if len(outputs) == 1 or not outputs:
        key = outputs[0]["key"] if outputs else _day_of(item)
        counts = _statistics(rows=item.get("rows_landed"), size=item.get("bytes_raw"))
        return [OutputDataset(bucket, key, facets=facets, outputFacets=counts)]
    return [
        OutputDataset(
            bucket, one["key"], facets=facets, outputFacets=_statistics(rows=one.get("rows"), size=one.get("bytes"))
        )
        for one in outputs[:MOST_DATASETS]
    ]


def _day_of(item: Item) -> str:
    return f"raw/{str(item['feed_id']).replace('/', '_')}/dt={item['dt']}"


def _schema(columns: Columns) -> dict[str, Any]:
    fields = [schema_dataset.SchemaDatasetFacetFields(name, type=kind) for name, kind in columns]
    return {"schema": schema_dataset.SchemaDatasetFacet(fields=fields)} if fields else {}


def _table(sources: Sources, name: str) -> dict[str, Any]:
    stack = sources.stack
    one = symlinks_dataset.Identifier(namespace=stack.catalog, name=stack.table(name), type="TABLE")
    return {"symlinks": symlinks_dataset.SymlinksDatasetFacet(identifiers=[one])}


def _statistics(rows: Any = None, size: Any = None) -> dict[str, Any]:  # noqa: ANN401  (numbers of the ledger)
    if rows is None and size is None:
        return {}
    made = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet
    return {"outputStatistics": made(rowCount=_number(rows), size=_number(size))}


def _number(value: Any) -> int | None:  # noqa: ANN401
    return None if value is None else int(value)


def _error(item: Item) -> error_message_run.ErrorMessageRunFacet:
    said = f"{item.get('error', '')}: {str(item.get('cause', ''))[:_CAUSE]}"
    return error_message_run.ErrorMessageRunFacet(message=said, programmingLanguage="Python")
