"""`lakeferry tenants`: who is served, and how one leaves."""

from typing import Annotated, Any

import typer

from cli.calling import Call, command, group
from cli.leaving.erasing import erase
from cli.leaving.remains import Remains, prefixes_of, remains_of, reported_runs, versions_under
from cli.problems import DONE, FAILED, NothingMatchedError
from cli.stack import Stack
from lakeferry.counting import count_of
from lakeferry.ledger.queries import feed_documents, feed_ids

tenants = typer.Typer(help="Who is served; `tenants remove TENANT` erases one that leaves.")

_COLUMNS = {"tenant": "tenant", "feeds": "feeds", "disabled": "disabled", "failing": "failing", "datasets": "datasets"}


@group(tenants)
def listing(call: Call) -> None:
    """The tenants, how many feeds each has, and how many fail."""
    _list(call)


@command(tenants, "list")
def listed(call: Call) -> None:
    """The same as `lakeferry tenants`."""
    _list(call)


@command(tenants, "remove")
def remove(
    call: Call,
    tenant: Annotated[str, typer.Argument(metavar="TENANT", help="Who leaves.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without it nothing is changed.")] = False,
) -> int:
    """Erase what a stack has of a tenant: feeds, files in all zones with all their versions, catalog, ledger, promises.

    Without --yes it says what there is, and changes nothing. Secrets are named, and are yours to delete. Erased is
    erased: nothing brings it back.
    """
    with call.stack(writes=True, runs=True) as stack:
        remains = remains_of(stack, tenant)
        objects, runs = _counts(stack, tenant), reported_runs(stack, tenant)
        if remains.is_empty and not objects:
            known = {feed_id.partition("/")[0] for feed_id in feed_ids(stack.feeds)}
            raise NothingMatchedError.of("tenant", tenant, known, "lakeferry tenants")
        _tell(call, remains, objects)
        _tell_operators(call, stack, runs)
        if problem := _hindrance(stack, remains):
            call.out.warn(f"{problem} Nothing was erased.")
            return FAILED
        if not yes:
            call.out.say(f"Nothing was erased. To erase it: lakeferry tenants remove {tenant} --yes {call.where}")
            return DONE
        for what, count in erase(stack, remains):
            call.out.data({"tenant": tenant, "erased": what, "count": count})
            call.out.say(f"erased: {count} {what}")
    for name in sorted(remains.secrets):
        call.out.say(f"yours to delete: aws secretsmanager delete-secret --secret-id {name}")
    for table in remains.iceberg:
        statement = f"DELETE FROM {table} WHERE tenant = '{tenant}'"  # noqa: S608  (names of the catalog, for a person)
        call.out.say(f"yours to run in Athena: {statement}; VACUUM {table}")
    call.out.say("Logs and executions of Step Functions name its files until they expire (LogRetentionDays, 90 days),")
    call.out.say("and so do messages of functions that failed (UndeliveredQueue, 14 days).")
    return DONE


def _tell(call: Call, remains: Remains, objects: dict[str, int]) -> None:
    partitions = sum(map(len, remains.partitions.values()))
    found: dict[str, Any] = {
        **{"tenant": remains.tenant, "feeds": [one["feed"] for one in remains.feeds]},
        **{"secrets": sorted(remains.secrets), "ledger_items": len(remains.ledger), "promises": len(remains.sla)},
        **{"raw_tables": remains.raw_tables, "partitions": partitions, "object_versions": objects},
        **{"datasets": [one.dataset for one in remains.owned], "iceberg_tables": remains.iceberg},
    }
    call.out.data(found)
    call.out.say(f"{remains.tenant}: {count_of(len(remains.feeds), 'feed')}: {', '.join(found['feeds']) or 'none'}")
    for place, count in objects.items():
        call.out.say(f"  {place}: {count_of(count, 'object version')}")
    call.out.say(
        f"  catalog: {count_of(len(remains.raw_tables), 'raw table')}, {count_of(partitions, 'curated partition')}"
    )
    call.out.say(
        f"  tables: {count_of(len(remains.ledger), 'ledger item')}, {count_of(len(remains.sla), 'promise')}, "
        f"{count_of(len(remains.owned), 'dataset')}"
    )


def _tell_operators(call: Call, stack: Stack, runs: list[str]) -> None:
    """Reports of whole runs are the operator's, and other tenants are in them: they are not erased."""
    if not runs:
        return
    bucket = stack.physical("LakeBucket")
    where = f"{call.lake}/reports/operator" if call.lake is not None else f"s3://{bucket}/reports/operator"
    until = "until you delete them" if call.lake is not None else "until they expire (400 days)"
    call.out.data({"operator_reports": runs})
    what = count_of(len(runs), "report")
    call.out.say(
        f"  kept: {what} of yours that {'names' if len(runs) == 1 else 'name'} its files {until}, {where}/RUN/:"
    )
    call.out.say(f"    {', '.join(runs[:5])}{f' and {len(runs) - 5:,} more' if len(runs) > 5 else ''}")


def _counts(stack: Stack, tenant: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for bucket, prefix in prefixes_of(stack, tenant):
        count = sum(map(len, versions_under(stack, bucket, prefix)))
        if count:
            found[f"{bucket} {prefix}"] = count
    return found


def _hindrance(stack: Stack, remains: Remains) -> str:
    """Why it cannot be erased now; empty where it can."""
    others = [one for one in remains.owned if set(one.tenants) - {remains.tenant}]
    if others:
        names = ", ".join(one.dataset for one in others)
        return f"Others write to {names}: give them an owner first (lakeferry datasets give DATASET --to TENANT)."
    if running := [run.name for run in stack.runs(20) if run.status == "RUNNING"]:
        return f"Runs are going ({', '.join(running[:3])}) and may have files of it: disable its feeds, and wait."
    return ""


def _list(call: Call) -> None:
    found: dict[str, dict[str, Any]] = {}
    with call.stack() as stack:
        documents = list(feed_documents(stack.feeds))
        states = stack.ledger.feeds.known([f"{one['tenant']}/{one['feed']}" for one in documents])
    for document in documents:
        tenant = document["tenant"]
        row = found.setdefault(tenant, {"tenant": tenant, "feeds": 0, "disabled": 0, "failing": 0, "datasets": set()})
        row["feeds"] += 1
        row["disabled"] += not document.get("enabled", True)
        row["failing"] += "failed_polls" in states.get(f"{tenant}/{document['feed']}", {})
        row["datasets"].add(str(document.get("dataset", "")))
    rows = [{**row, "datasets": sorted(row["datasets"])} for _, row in sorted(found.items())]
    call.out.rows(rows, _COLUMNS, empty="no tenants yet: a feed brings the first (feeds put)")
