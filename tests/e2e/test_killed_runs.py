"""A run that is killed between any two states leaves no half file, and the next run finishes its work, once."""

import pytest

from local.stack import Event
from tests.e2e.conftest import Tenant, World, curated

BATCH_STATES = ["Fetch files", "Which stage is next?", "Validate files", "Upload files", "Batch is done"]
FEED_STATES = ["Poll server", "Any news of feed?", "For each batch"]
RUN_STATES = ["List feeds", "For each feed", "Look for pending files", "Anything new?"]
LATE_STATES = [
    "Plan crawl",
    "Is crawl due?",
    "Start crawler",
    "Wait for crawler",
    "Read crawler",
    "Has crawler ended?",
    "Run Glue job",
    "Did crawl fail?",
    "Reconcile run",
    "For each mail",
    "Was everything delivered?",
]
POINTS = [(kind, state) for state in RUN_STATES + FEED_STATES + BATCH_STATES for kind in ("entered", "exited")]
POINTS += [("entered", state) for state in LATE_STATES]

DATA = b"order_id,amount\n1,1.50\n2,2.50\n3,3.50\n0,-1.00\n"
NAMES = ["sales_20261101_a.csv", "sales_20261101_b.csv.gz"]


def _kill(tenant: Tenant, kind: str, state: str, most: int) -> str:
    tenant.document["files"]["batch"] = {"max_files": most}
    tenant.document["notify"] = {"emails": ["data@x.example"], "success": "feed"}
    tenant.configure()
    for name in NAMES:
        tenant.deliver(name)
    started: list[str] = []

    def here(event: Event) -> bool:
        return event.kind == kind and event.state == state and (not started or event.run == started[0])

    tenant.aws.kill_at(here)
    run = tenant.start()
    started.append(run)
    return str(tenant.aws.wait(run)["status"])


@pytest.mark.slow(seconds=80)
@pytest.mark.timeout(900)
@pytest.mark.parametrize("most", [1, 50])
def test_killed_between_any_two_states_every_file_is_ingested_exactly_once(world: World, most: int) -> None:
    killed: dict[tuple[str, str], Tenant] = {}
    for kind, state in POINTS:
        tenant = killed[kind, state] = world.tenant()
        status = _kill(tenant, kind, state, most)
        assert status == "ABORTED", f"killed as {state} was {kind}: {status}"
        # complete and checked, or not at all
        for key, data in tenant.raw().items():
            assert data == DATA, f"{key} after the kill as {state} was {kind}"
    feeds = [tenant.feed_id for tenant in killed.values()]
    final = world.aws.wait(world.aws.start_execution({"trigger": "test", "feeds": feeds}), timeout=600)
    assert final["status"] == "SUCCEEDED", (final.get("error"), final.get("cause"))
    rows = curated(world.aws, killed.values())
    for (kind, state), tenant in killed.items():
        where = f"killed as {state} was {kind}"
        assert {name: entry["status"] for name, entry in tenant.files().items()} == dict.fromkeys(NAMES, "CURATED"), (
            where
        )
        assert list(tenant.raw().values()) == [DATA, DATA], where
        assert [row[0] for row in rows[tenant.name]] == [1, 1, 2, 2, 3, 3], where
        assert tenant.letters() == [], where
    assert world.open_uploads() == []
