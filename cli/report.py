"""The report of a run: the one that its end left in the lake, or one written now."""

import tempfile
from datetime import datetime, timedelta
from pathlib import Path

from cli.calling import Call
from cli.lake import LakeStack, RunningLake
from cli.problems import CommandError
from cli.stack import Run, Stack
from lakeferry.models import link_of, report_folder, report_key
from lakeferry.reports.facts import RunFacts
from lakeferry.reports.gather import Sources
from lakeferry.reports.writing import write_reports
from lakeferry.sla.table import SlaTable


def report_of(call: Call, stack: Stack, run: Run, tenant: str, to: Path | None) -> Path:
    """The file of a run's report, on this machine.

    Args:
        tenant: Whose part; empty for the whole run.
        to: Folder it is put into; None for where it is in a lake, or else a new one among temporary files.

    Raises:
        CommandError: the tenant had no feed in the run.
    """
    facts = facts_of(run)
    folder, key = report_folder(run.arn, tenant), report_key(run.arn, tenant)
    if isinstance(stack, LakeStack) and to is None and (stack.folder / key).exists():
        return stack.folder / key
    to = to or Path(tempfile.mkdtemp(prefix="lakeferry-report-"))
    to.mkdir(parents=True, exist_ok=True)
    index = to / key.removeprefix(folder)
    if not _copied(stack, folder, key, to):
        _written(call, stack, facts, folder, to)
    if not index.exists():
        raise CommandError(f"{tenant} had no feed in the run {run.name}")
    return index


def write_in_lake(call: Call, stack: RunningLake, run: Run) -> Path:
    """Writes the reports of a run of this process into its lake; the operator's."""
    from local.report import write_report

    return write_report(stack.aws, stack.folder, facts_of(run), call.where)


def facts_of(run: Run) -> RunFacts:
    """What the report shows of the run as a whole."""
    started = datetime.fromisoformat(run.started)
    ended = started + timedelta(seconds=run.seconds) if run.seconds is not None else None
    return RunFacts(run.arn, run.status, started, ended, run.error, run.cause)


def _copied(stack: Stack, folder: str, index: str, to: Path) -> bool:
    """Whether the lake had it; it is copied page by page."""
    s3, bucket = stack.client("s3"), stack.physical("LakeBucket")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=folder)
    keys = {found["Key"] for page in pages for found in page.get("Contents", ())}
    for key in keys:
        (to / key.removeprefix(folder)).write_bytes(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    return index in keys


def _written(call: Call, stack: Stack, run: RunFacts, folder: str, to: Path) -> None:
    """One that is not there is written from what the tables have now."""

    def put(key: str, body: bytes) -> None:
        if key.startswith(folder):
            (to / key.removeprefix(folder)).write_bytes(body)

    sources = Sources(stack.ledger, stack.feeds, SlaTable(stack.sla), stack.client("stepfunctions"))
    if call.lake is None:
        write_reports(sources, run, put, link=link_of(run.arn))
        return
    from local.words import lake_words

    write_reports(sources, run, put, words=lake_words(call.lake, call.where))
