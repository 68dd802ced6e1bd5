"""Runs that overlap share the work; no file is taken twice."""

import time

import pytest

from tests.e2e.conftest import World


@pytest.mark.timeout(600)
def test_two_runs_at_once_ingest_each_file_once(world: World) -> None:
    tenant = world.tenant()
    tenant.document["files"]["batch"] = {"max_files": 1}  # so that each call names its file
    tenant.configure()
    names = [f"sales_20261101_{number:02}.csv" for number in range(12)]
    for name in names:
        tenant.deliver(name)
    runs = [tenant.start() for _ in range(2)]
    ends = [tenant.aws.wait(run) for run in runs]
    assert [end["status"] for end in ends] == ["SUCCEEDED"] * 2, [end.get("cause") for end in ends]
    files = tenant.files()
    assert {name: entry["status"] for name, entry in files.items()} == dict.fromkeys(names, "CURATED")
    assert {entry["attempts"] for entry in files.values()} == {1}
    fetched = [event.item for event in tenant.events() if event.state == "Fetch files"]
    assert sorted(fetched) == sorted(f"{tenant.feed_id} {name}" for name in names)
    assert len(tenant.curated()) == 3 * len(names)


@pytest.mark.timeout(600)
def test_a_second_run_takes_nothing_again_and_starts_no_job(world: World) -> None:
    tenant = world.tenant()
    tenant.configure()
    tenant.deliver("sales_20261101_a.csv")
    assert tenant.run()["status"] == "SUCCEEDED"
    before, entered = tenant.raw(), len(world.aws.events)
    started = time.monotonic()
    assert tenant.run()["status"] == "SUCCEEDED"
    later = [event.state for event in world.aws.events[entered:]]
    assert "Fetch files" not in later
    assert "Run Glue job" not in later
    assert tenant.raw() == before
    assert time.monotonic() > started


@pytest.mark.timeout(600)
def test_a_redelivered_file_replaces_its_rows(world: World) -> None:
    tenant = world.tenant()
    tenant.configure()
    tenant.deliver("sales_20261101_a.csv", rows=2)
    assert tenant.run()["status"] == "SUCCEEDED"
    assert len(tenant.curated()) == 2
    tenant.deliver("sales_20261101_a.csv", rows=5)
    assert tenant.run()["status"] == "SUCCEEDED"
    assert len(tenant.curated()) == 5
    assert len(tenant.raw()) == 1
