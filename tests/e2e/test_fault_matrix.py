"""Each state × each kind of fault: nothing is lost, nothing is there twice, and reprocess brings everything home.

`pytest -s tests/e2e/test_fault_matrix.py` prints the table.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from lakeferry.ledger.feed_states import FEED_ITEM
from local import faults, glue
from tests.e2e.conftest import Tenant, World, curated
from tests.e2e.faults_by_state import OF_FUNCTIONS, OF_SERVICES, Case, Injector, cases, split, table

BROKEN = {"Validate files": "ValueError"}
DOWN = {"Poll server": "LoginRejectedError"}
Placed = dict[str, tuple[Tenant, Case]]
"""Files by their names."""
DATA = b"order_id,amount\n1,1.50\n2,2.50\n3,3.50\n0,-1.00\n"


@pytest.fixture
def injector(world: World) -> Iterator[Injector]:
    found = Injector()
    faults.install(world.aws, found)
    yield found
    faults.install(world.aws, None)


def _tenant(world: World, most: int = 1) -> Tenant:
    tenant = world.tenant()
    tenant.document["server"]["max_connections"] = 8
    tenant.document["files"]["batch"] = {"max_files": most}
    tenant.configure()
    return tenant


def _files(world: World, injector: Injector, found: list[Case], first: int, letters: str = "a") -> Placed:
    """One tenant with a batch for each case, of so many files as there are letters."""
    tenant = _tenant(world, len(letters))
    placed = {}
    for number, case in enumerate(found, first):
        for letter in letters:
            name = f"sales_20261101_{number:03}{letter}.csv"
            tenant.deliver(name)
            injector.of_files[name] = case
            placed[name] = (tenant, case)
    return placed


def _feeds(world: World, injector: Injector, found: list[Case]) -> list[tuple[Tenant, Case]]:
    """A tenant for each case."""
    placed = []
    for case in found:
        tenant = _tenant(world)
        tenant.deliver("sales_20261101_a.csv")
        injector.of_tenants[tenant.name] = case
        placed.append((tenant, case))
    return placed


def _run(world: World, tenants: list[Tenant]) -> dict[str, Any]:
    feeds = sorted({tenant.feed_id for tenant in tenants})
    return world.aws.wait(world.aws.start_execution({"trigger": "test", "feeds": feeds}), timeout=500)


def _check_file(entry: dict[str, Any] | None, name: str, case: Case, letters: list[dict[str, Any]]) -> None:
    """In the lake once, or in the queue once, or free for the next poll."""
    status = "NEVER CLAIMED" if entry is None else entry["status"]
    queued = sum(letter["kind"] == "file" and letter["file"]["path"].endswith(name) for letter in letters)
    landed = status in {"UPLOADED", "CURATED"}
    case.outcome = f"{status.lower():<14} {queued} in the queue"
    assert queued <= 1, case
    if landed:
        assert queued == 0, case
    elif status == "FAILED":
        assert queued == 1 or case.state == "Send file to dead-letter queue", case
    else:
        # the next poll takes it: released, or claimed by a run that has ended
        assert status in {"RELEASED", "CLAIMED", "FETCHED", "VALIDATED", "NEVER CLAIMED"}, case


def _of_files() -> tuple[list[Case], list[Case]]:
    found = [case for state in ("Fetch files", "Validate files", "Upload files") for case in cases(state, OF_FUNCTIONS)]
    found += cases("Record file failure", OF_SERVICES, BROKEN)
    reported, undelivered = split(cases("Send file to dead-letter queue", OF_SERVICES, BROKEN))
    return found + reported, undelivered


def _of_feeds() -> tuple[list[Case], list[Case]]:
    found = cases("Poll server", OF_FUNCTIONS) + cases("Record feed failure", OF_SERVICES, DOWN)
    found += cases("Read failures", OF_SERVICES, BROKEN)
    found += cases("Describe failure", OF_FUNCTIONS, DOWN) + cases("Describe failure", OF_FUNCTIONS, BROKEN)
    undelivered = []
    for state, before in (("Send feed to dead-letter queue", DOWN), ("Mail failure", DOWN), ("Mail failure", BROKEN)):
        one, other = split(cases(state, OF_SERVICES, before))
        found += one
        undelivered += other
    return found, undelivered


@pytest.mark.slow(seconds=60)
@pytest.mark.timeout(1500)
@pytest.mark.parametrize("what", ["files", "batches", "feeds"])
def test_after_any_fault_they_come_home_once(world: World, injector: Injector, what: str) -> None:
    reported, undelivered = _of_feeds() if what == "feeds" else _of_files()
    files: Placed = {}
    feeds: list[tuple[Tenant, Case]] = []
    # what cannot be delivered makes the run FAILED
    for found, status in ((reported, "SUCCEEDED"), (undelivered, "FAILED")):
        before = set(files), len(feeds)
        if what == "feeds":
            feeds += _feeds(world, injector, found)
        else:
            files |= _files(world, injector, found, len(files), "abc" if what == "batches" else "a")
        tenants = [files[name][0] for name in files.keys() - before[0]] + [tenant for tenant, _ in feeds[before[1] :]]
        end = _run(world, tenants)
        assert end["status"] == status, (end.get("error"), end.get("cause"))
        if status == "FAILED":
            assert end["error"] == "FailuresNotDelivered"
    injector.of_files.clear()
    injector.of_tenants.clear()

    everything = [(tenant, name, case) for name, (tenant, case) in files.items()]
    everything += [(tenant, "sales_20261101_a.csv", case) for tenant, case in feeds]
    by_name = {tenant.name: tenant for tenant, _, _ in everything}
    queued = {name: world.queued(name) for name in by_name}
    entries = {name: tenant.files() for name, tenant in by_name.items()}
    for tenant, name, case in everything:
        assert case.injected, case
        _check_file(entries[tenant.name].get(name), name, case, queued[tenant.name])
        assert sum(letter["kind"] == "feed" for letter in queued[tenant.name]) <= 1, case
    for tenant, case in feeds:
        _check_mails(tenant, case)

    assert all(set(tenant.raw().values()) <= {DATA} for tenant in by_name.values())
    for run in world.reprocess(all=True)["executions"]:
        assert world.aws.wait(run, timeout=500)["status"] == "SUCCEEDED"
    end = _run(world, list(by_name.values()))
    assert end["status"] == "SUCCEEDED", (end.get("error"), end.get("cause"))
    world.show_messages()
    world.reprocess(all=True)
    lost = doubled = 0
    landed = curated(world.aws, by_name.values())
    for tenant in by_name.values():
        mine = [name for found, name, _ in everything if found is tenant]
        assert {name: entry["status"] for name, entry in tenant.files().items()} == dict.fromkeys(mine, "CURATED")
        assert list(tenant.raw().values()) == [DATA] * len(mine)
        assert world.queued(tenant.name) == []
        rows = len(landed[tenant.name])
        lost += max(0, 3 * len(mine) - rows)
        doubled += max(0, rows - 3 * len(mine))
    assert world.open_uploads() == []
    found = reported + undelivered
    print("\n".join(["", *table(found)]))
    print(f"{_counted(found)}, lost {lost}, doubled {doubled}")
    assert (lost, doubled) == (0, 0)


def _counted(found: list[Case]) -> str:
    injected = sum(case.injected for case in found)
    return f"faults tried {len(found)} (injected {injected}), survived {len(found)}"


def _check_mails(tenant: Tenant, case: Case) -> None:
    """One mail where something failed and could be mailed; a lost answer of SNS is a second one."""
    mails = [mail.attributes["event"] for mail in tenant.mails()]
    failed = any(letter["run"] for letter in tenant.letters())
    most = 1
    if case.state.startswith("Mail"):
        most = {"answer lost, once": 2, "answer lost": 99, "bad payload": 1}.get(case.kind, 1)
    assert len(mails) <= most, (case, mails)
    # where queue or topic take nothing, or seem to, the rule on failed executions mails the run
    could = not case.state.startswith(("Mail", "Send")) or case in split([case])[0]
    if failed and could:
        assert mails, case


@pytest.mark.slow(seconds=60)
@pytest.mark.timeout(900)
def test_after_any_fault_a_run_goes_on_or_is_reported_and_its_work_is_done_later(
    world: World, injector: Injector, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant = _tenant(world)
    tenant.deliver("sales_20261101_a.csv")
    world.aws.kill_at(lambda event: event.kind == "entered" and event.state == "Look for pending files")
    assert tenant.run()["status"] == "ABORTED"
    landed = tenant.files()["sales_20261101_a.csv"]
    assert landed["status"] == "UPLOADED"
    # a schema no crawl has seen, whenever that was: each run has to crawl
    world.aws.resource("dynamodb").Table(world.aws.resources["LedgerTable"]).update_item(
        Key={"feed_id": tenant.feed_id, "file_id": FEED_ITEM},
        UpdateExpression="SET #schema = :later",
        ExpressionAttributeNames={"#schema": f"schema_{landed['schema_fingerprint']}"},
        ExpressionAttributeValues={":later": "2999-01-01T00:00:00.000Z"},
    )
    # the crawler and the job have tests of their own; here they end well, and leave the file to the last run
    real = glue.hooks.crawl, glue.hooks.run_job
    monkeypatch.setattr(glue.hooks, "crawl", lambda name: None)
    monkeypatch.setattr(glue.hooks, "run_job", lambda name, arguments: (True, ""))
    without_kill = [one for one in OF_FUNCTIONS if one[0] != "killed"]
    found = [case for state in ("List feeds", "Plan crawl", "Reconcile run") for case in cases(state, without_kill)]
    for state in ("Look for pending files", "Start crawler", "Read crawler", "Run Glue job", "Send mail"):
        found += cases(state, OF_SERVICES)
    for state in ("Send run to dead-letter queue", "Mail run failure"):
        found += cases(state, OF_SERVICES, {"Reconcile run": "ValueError"})
    found += cases("Describe run failure", without_kill, {"Reconcile run": "ValueError"})
    for case in found:
        injector.of_run = case
        before = len(world.aws.mails())
        run = world.aws.start_execution({"trigger": "test", "feeds": []})
        end = world.aws.wait(run)
        mails = [mail.attributes["event"] for mail in world.aws.mails()[before:]]
        letters = [letter for letter in world.queued_runs() if letter["run"] == run]
        case.outcome = f"{end['status'].lower():<10} {len(letters)} in the queue, {len(mails)} mails"
        assert case.injected, case
        _check_run(case, end, letters, mails)
    injector.of_run = None
    assert tenant.files()["sales_20261101_a.csv"]["status"] == "UPLOADED"

    monkeypatch.setattr(glue.hooks, "crawl", real[0])
    monkeypatch.setattr(glue.hooks, "run_job", real[1])
    told = world.reprocess(runs=True)
    assert told["start"] > 0
    for run in told["executions"]:
        world.aws.wait(run, timeout=500)
    assert world.queued_runs() == []
    assert tenant.files()["sales_20261101_a.csv"]["status"] == "CURATED"
    assert len(tenant.curated()) == 3
    print("\n".join(["", *table(found)]))
    print(f"{_counted(found)}, lost 0, doubled 0")


def _check_run(case: Case, end: dict[str, Any], letters: list[dict[str, Any]], mails: list[str]) -> None:
    assert end["status"] in {"SUCCEEDED", "FAILED"}, case
    if end["status"] == "SUCCEEDED":
        assert letters == [], case
        assert set(mails) <= {"run_succeeded"}, case
        return
    mailed = end["cause"].startswith("Mailed. ")
    if (
        case.state != "Send run to dead-letter queue"
        or case.kind in {"throttled, once", "bad payload"}
        or "lost" in case.kind
    ):
        assert len(letters) == 1, case
    if mailed:
        assert mails.count("run_failed") in {1, 2}, case
        assert mails.count("run_failed") == 1 or case.kind == "answer lost, once", case
    else:
        assert case.state == "Mail run failure", case
        assert end["cause"].startswith("Not mailed. "), case
        # the rule on failed executions did
        assert mails[-1:] == ["run_failed"], case
