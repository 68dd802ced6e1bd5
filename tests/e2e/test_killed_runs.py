"""A run that is killed between any two states leaves no half file, and the next run finishes its work, once."""

import threading

import pytest

from local.aws import LocalAws
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


class _Kill:
    """Ends a run between two states: those of the run itself, or those of every feed at once."""

    SECONDS = 60

    def __init__(self, aws: LocalAws, kind: str, state: str, tenants: list[Tenant]) -> None:
        self._aws, self._kind, self._state = aws, kind, state
        of_run = state in {*RUN_STATES, *LATE_STATES}
        self._missing = {""} if of_run else {tenant.name for tenant in tenants}
        self._lock = threading.Lock()
        self._all_are_here = threading.Event()
        self.run = ""

    def __call__(self, event: Event) -> bool:
        """True for the last that comes here; others wait for it, and never go on."""
        if (event.kind, event.state) != (self._kind, self._state) or self.run not in {"", event.run}:
            return False
        with self._lock:
            who = event.item.partition("/")[0]
            if who not in self._missing:
                return False  # a second batch of a feed is wherever it is
            self._missing.remove(who)
            if not self._missing:
                self._all_are_here.set()
                return True
        if self._all_are_here.wait(self.SECONDS):
            self._aws.stop(event.run)
        return False


def _kill(world: World, kind: str, state: str) -> list[Tenant]:
    """Two tenants, whose files travel alone and together, and whose run was killed."""
    tenants = []
    for most in (1, 50):
        tenant = world.tenant()
        tenant.document["files"]["batch"] = {"max_files": most}
        tenant.document["notify"] = {"emails": ["data@x.example"], "success": "feed"}
        tenant.configure()
        for name in NAMES:
            tenant.deliver(name)
        tenants.append(tenant)
    kill = _Kill(world.aws, kind, state, tenants)
    world.aws.kill_at(kill)
    kill.run = world.aws.start_execution({"trigger": "test", "feeds": [tenant.feed_id for tenant in tenants]})
    status = world.aws.wait(kill.run)["status"]
    assert status == "ABORTED", f"killed as {state} was {kind}: {status}"
    return tenants


@pytest.mark.slow(seconds=80)
@pytest.mark.timeout(900)
def test_killed_between_any_two_states_every_file_is_ingested_exactly_once(world: World) -> None:
    killed: list[tuple[str, Tenant]] = []
    for kind, state in POINTS:
        for tenant in _kill(world, kind, state):
            most = tenant.document["files"]["batch"]["max_files"]
            where = f"{most} files a batch, killed as {state} was {kind}"
            killed.append((where, tenant))
            # complete and checked, or not at all
            for key, data in tenant.raw().items():
                assert data == DATA, f"{key}, {where}"
    feeds = [tenant.feed_id for _, tenant in killed]
    final = world.aws.wait(world.aws.start_execution({"trigger": "test", "feeds": feeds}), timeout=600)
    assert final["status"] == "SUCCEEDED", (final.get("error"), final.get("cause"))
    rows = curated(world.aws, [tenant for _, tenant in killed])
    for where, tenant in killed:
        wanted = dict.fromkeys(NAMES, "CURATED")
        assert {name: entry["status"] for name, entry in tenant.files().items()} == wanted, where
        assert list(tenant.raw().values()) == [DATA, DATA], where
        assert [row[0] for row in rows[tenant.name]] == [1, 1, 2, 2, 3, 3], where
        assert tenant.letters() == [], where
    assert world.open_uploads() == []
