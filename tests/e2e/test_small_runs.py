"""`SmallRuns: lambda`: a function curates what is small and on the list; the Glue job the rest, or all if it fails."""

from collections.abc import Iterator, Mapping

import pytest

from local import faults, glue
from local.aws import LocalAws
from local.partners import SftpPartner
from tests.e2e.conftest import PASSWORD, Tenant, World
from tests.e2e.faults_by_state import ALWAYS, OF_FUNCTIONS, Injector, cases, table

pytestmark = pytest.mark.timeout(600)


STATES = {"Who curates?", "Curate small", "Is anything left?", "Run Glue job"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    root = tmp_path_factory.mktemp("partner")
    with (
        SftpPartner(root, username="lake", password=PASSWORD) as partner,
        LocalAws(folder=tmp_path_factory.mktemp("lake"), time_scale=0.01, parameters={"SmallRuns": "lambda"}) as aws,
    ):
        yield World(aws, partner, root)


def states(world: World, run: str) -> list[str]:
    """Those of the run itself from the crawl on."""
    entered = [event.state for event in world.aws.events if event.run == run and event.kind == "entered"]
    return [state for state in entered if state in STATES]


def run(world: World, *tenants: Tenant) -> list[str]:
    arn = world.aws.start_execution({"trigger": "test", "feeds": [tenant.feed_id for tenant in tenants]})
    assert world.aws.wait(arn, 400)["status"] == "SUCCEEDED"
    return states(world, arn)


def engines(tenant: Tenant) -> list[str]:
    return [str(entry["curated_by"]) for entry in tenant.files().values()]


def test_a_small_partition_is_the_functions_and_one_that_is_not_on_the_list_the_jobs(world: World) -> None:
    small = world.tenant()
    other = world.tenant(transform={"deduplicate": {"keys": ["order_id"]}})
    for tenant in (small, other):
        tenant.configure()
        tenant.deliver("sales_20261101_a.csv")
    assert run(world, small, other) == ["Who curates?", "Curate small", "Is anything left?", "Run Glue job"]
    assert (engines(small), engines(other)) == (["arrow"], ["spark"])
    assert [str(entry["curated_in"]) for one in (small, other) for entry in one.files().values()] == [
        *("Curate small", "Run Glue job")
    ]
    assert (len(small.curated()), len(other.curated())) == (3, 4)
    small.deliver("sales_20261102_a.csv")
    small.deliver("sales_20261101_b.csv")
    assert run(world, small) == ["Who curates?", "Curate small", "Is anything left?"], "no job is paid for"
    assert len(small.curated()) == 9


def test_where_the_function_fails_the_job_does_it_all(world: World) -> None:
    tenant = world.tenant()
    tenant.configure()
    tenant.deliver("sales_20261101_a.csv")
    asked = []

    def kill(call: faults.Call) -> faults.Fault | None:
        asked.append(call.function)
        return faults.Fault("killed") if call.function == "CurateSmallFunction" else None

    faults.install(world.aws, kill)
    try:
        entered = run(world, tenant)
    finally:
        faults.install(world.aws, None)
    assert "CurateSmallFunction" in asked
    assert entered[-1] == "Run Glue job"
    assert len(tenant.curated()) == 3


def _pend(world: World, tenant: Tenant) -> None:
    """The tenant's only file is on the work list again, as after its delivery."""
    (entry,) = tenant.files().values()
    world.aws.resource("dynamodb").Table(world.aws.resources["LedgerTable"]).update_item(
        Key={"feed_id": entry["feed_id"], "file_id": entry["file_id"]},
        UpdateExpression="SET #status = :landed, pending = :raw REMOVE curated_run, curated_by",
        ExpressionAttributeNames={"#status": "status"},
        ExpressionAttributeValues={":landed": "UPLOADED", ":raw": "raw"},
    )


def test_after_any_fault_of_the_function_its_work_is_done_once_by_it_or_by_the_job(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant = world.tenant()
    tenant.configure()
    tenant.deliver("sales_20261101_a.csv")
    assert run(world, tenant)[-1] == "Is anything left?"
    real, jobs = glue.hooks.run_job, list[str]()
    assert real is not None

    def run_job(name: str, arguments: Mapping[str, str]) -> tuple[bool, str]:
        jobs.append(arguments["--run"])
        return real(name, arguments)

    monkeypatch.setattr(glue.hooks, "run_job", run_job)
    injector = Injector()
    faults.install(world.aws, injector)
    found = cases("Curate small", OF_FUNCTIONS)
    try:
        for case in found:
            _pend(world, tenant)
            injector.of_run = case
            arn = world.aws.start_execution({"trigger": "test", "feeds": []})
            end = world.aws.wait(arn, 400)
            (entry,) = tenant.files().values()
            case.outcome = f"{end['status'].lower()}, by {entry.get('curated_by')}, {jobs.count(arn)} job runs"
            assert end["status"] == "SUCCEEDED", (case, end.get("error"), end.get("cause"))
            assert case.injected, case
            assert entry["status"] == "CURATED", case
            assert "pending" not in entry, case
            assert len(tenant.curated()) == 3, case
            assert (states(world, arn)[-1] == "Run Glue job") == (jobs.count(arn) == 1), case
            if case.kind != "killed":  # it may be done before that
                assert (jobs.count(arn) == 1) == (case.times == ALWAYS), case
    finally:
        faults.install(world.aws, None)
        print("\n".join(["", *table(found)]))
