"""What failed is taken again, by hand and by itself, and goes on where it stopped."""

import shutil
import time
from typing import Any

import pytest

from local import faults
from local.faults import Call, Fault
from local.stack import Event
from tests.e2e.conftest import Tenant, World


def _break(tenant: Tenant) -> None:
    """The feed's checks refuse every file."""
    tenant.document["checks"]["rows"] = {"min": 1000}
    tenant.put()


def _mend(tenant: Tenant) -> None:
    tenant.document["checks"]["rows"] = {"min": 1}
    tenant.put()


def _wait(world: World, told: dict[str, Any]) -> None:
    assert told["executions"], told
    for run in told["executions"]:
        end = world.aws.wait(run, timeout=240)
        assert end["status"] == "SUCCEEDED", (end.get("error"), end.get("cause"))


@pytest.mark.timeout(600)
def test_a_mended_file_goes_on_from_the_inbox_though_the_partner_has_deleted_it(world: World) -> None:
    tenant = world.tenant()
    tenant.configure()
    _break(tenant)
    tenant.deliver("sales_20261101_a.csv")
    tenant.run()
    assert tenant.files()["sales_20261101_a.csv"]["status"] == "FAILED"
    assert len(tenant.letters()) == 1
    _mend(tenant)
    assert tenant.run()["status"] == "SUCCEEDED"
    assert tenant.files()["sales_20261101_a.csv"]["status"] == "FAILED", "a poll leaves it alone"
    shutil.rmtree(tenant.folder)

    told = world.reprocess(feed=tenant.feed_id, dry_run=True)
    assert (told["start"], told["executions"]) == (1, [])
    before = len(world.aws.events)
    _wait(world, world.reprocess(feed=tenant.feed_id))
    states = [event.state for event in world.aws.events[before:] if event.kind == "entered"]
    assert "Poll server" in states
    entry = tenant.files()["sales_20261101_a.csv"]
    assert (entry["status"], entry["attempts"]) == ("CURATED", 2)
    assert len(tenant.curated()) == 3
    # the message is hidden until a pass finds its file settled; the queue is read beside its API
    assert len(world.queued(tenant.name)) == 1
    world.show_messages()
    assert world.reprocess(feed=tenant.feed_id)["settled"] == 1
    assert world.queued(tenant.name) == []


@pytest.mark.timeout(600)
def test_a_rerun_that_is_killed_or_fails_comes_back(world: World) -> None:
    tenant = world.tenant()
    tenant.configure()
    _break(tenant)
    tenant.deliver("sales_20261101_a.csv")
    tenant.run()
    # killed
    started: list[str] = []

    def here(event: Event) -> bool:
        return event.kind == "entered" and event.state == "Validate files" and event.item.startswith(tenant.feed_id)

    world.aws.kill_at(here)
    started = world.reprocess(feed=tenant.feed_id)["executions"]
    assert world.aws.wait(started[0])["status"] == "ABORTED"
    world.show_messages()
    assert len(world.queued(tenant.name)) == 1
    # fails again: two messages, of which the newer one stays
    _wait(world, world.reprocess(feed=tenant.feed_id))
    world.show_messages()
    told = world.reprocess(feed=tenant.feed_id, dry_run=True)
    assert (told["start"], told["settled"]) == (1, 0)
    _mend(tenant)
    _wait(world, world.reprocess(feed=tenant.feed_id))
    assert len(world.queued(tenant.name)) == 1
    assert len(tenant.curated()) == 3
    world.show_messages()
    world.reprocess(feed=tenant.feed_id)
    assert world.queued(tenant.name) == []


@pytest.mark.timeout(600)
def test_a_backfill_takes_landed_files_anew_from_inbox_server_and_raw_zone(world: World) -> None:
    tenant = world.tenant()
    tenant.configure()
    for day in (1, 2, 3):
        tenant.deliver(f"sales_2026110{day}_a.csv")
    assert tenant.run()["status"] == "SUCCEEDED"
    before = {name: entry["uploaded_at"] for name, entry in tenant.files().items()}
    # the feed learns to filter otherwise: the Glue job alone
    tenant.document["transform"] = {"filter": "amount > 2"}
    tenant.put()
    asked = {"feed": tenant.feed_id, "from": "2026-11-01", "to": "2026-11-02"}
    _wait(world, world.reprocess(backfill={**asked, "source": "raw"}))
    assert len(tenant.curated()) == 2 + 2 + 3
    assert {name: entry["uploaded_at"] for name, entry in tenant.files().items()} == before
    # the inbox: no byte comes from the server
    shutil.move(tenant.folder, f"{tenant.folder}.away")
    _wait(world, world.reprocess(backfill={**asked, "source": "inbox"}))
    again = {name for name, entry in tenant.files().items() if entry["uploaded_at"] != before[name]}
    assert again == {"sales_20261101_a.csv", "sales_20261102_a.csv"}
    assert len(tenant.curated()) == 2 + 2 + 3
    # the server, which has one file no more: what is in the lake stays
    shutil.move(f"{tenant.folder}.away", tenant.folder)
    (tenant.folder / "sales_20261101_a.csv").unlink()
    _wait(world, world.reprocess(backfill={**asked, "source": "server"}))
    files = tenant.files()
    assert files["sales_20261101_a.csv"]["error"] == "RemoteAccessError"
    assert files["sales_20261102_a.csv"]["status"] == "CURATED"
    assert len(tenant.raw()) == 3
    assert len(tenant.curated()) == 2 + 2 + 3
    assert world.open_uploads() == []


@pytest.mark.timeout(600)
def test_a_scheduled_event_delivered_twice_makes_one_runs_work(world: World) -> None:
    tenant = world.tenant()
    tenant.configure()
    tenant.deliver("sales_20261101_a.csv")
    before = len(world.aws.events)
    tick = {"trigger": "schedule", "time": time.strftime("%Y-%m-%dT%H:%M:%SZ")}
    runs = [world.aws.start_execution(tick) for _ in range(2)]
    assert {world.aws.wait(run, timeout=240)["status"] for run in runs} == {"SUCCEEDED"}
    entered = [event for event in world.aws.events[before:] if event.kind == "entered"]
    assert [event.item for event in entered if event.state == "Poll server"].count(tenant.feed_id) == 1
    assert len(tenant.curated()) == 3


@pytest.mark.timeout(600)
def test_an_outage_is_one_mail_and_its_end_another(world: World) -> None:
    tenant = world.tenant()
    port = tenant.document["server"]["port"]
    tenant.document["server"]["port"] = 1
    tenant.configure()
    for _ in range(3):
        assert tenant.run()["status"] == "SUCCEEDED"
    assert [mail.attributes["event"] for mail in tenant.mails()] == ["feed_failed"]
    letters = world.queued(tenant.name)
    assert [letter["attempt"] for letter in letters] == [1, 2, 3]
    told = world.reprocess(feed=tenant.feed_id, dry_run=True)
    assert told["start"] == 1
    tenant.document["server"]["port"] = port
    tenant.put()
    assert tenant.run()["status"] == "SUCCEEDED"
    assert [mail.attributes["event"] for mail in tenant.mails()] == ["feed_failed", "feed_recovered"]
    assert "3 failed polls" in tenant.mails()[1].message
    tenant.run()
    assert len(tenant.mails()) == 2
    assert world.reprocess(feed=tenant.feed_id)["settled"] == 1
    assert world.queued(tenant.name) == []


@pytest.mark.timeout(600)
def test_the_schedule_takes_a_passing_failure_again_when_it_is_due(world: World) -> None:
    tenant = world.tenant()
    tenant.configure()
    tenant.deliver("sales_20261101_a.csv")

    def down(call: Call) -> Fault | None:
        return Fault("error", "ServerUnavailableError") if call.function == "FetchFunction" else None

    faults.install(world.aws, down)
    assert tenant.run()["status"] == "SUCCEEDED"
    faults.install(world.aws, None)
    (mail,) = tenant.mails()
    assert mail.attributes["severity"] == "warning"
    assert mail.subject.endswith("sales_20261101_a.csv delayed")
    assert world.aws.invoke("ReprocessFunction", {"by": "schedule"})["start"] == 0
    table = world.aws.resource("dynamodb").Table(world.aws.resources["LedgerTable"])
    entry = tenant.files()["sales_20261101_a.csv"]
    table.update_item(
        Key={"feed_id": entry["feed_id"], "file_id": entry["file_id"]},
        UpdateExpression="SET failed_at = :then",
        ExpressionAttributeValues={":then": "2026-01-01T00:00:00Z"},
    )
    world.show_messages()
    _wait(world, world.aws.invoke("ReprocessFunction", {"by": "schedule"}))
    assert len(tenant.curated()) == 3
