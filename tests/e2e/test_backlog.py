"""A backlog drains in one run, within the limits of Step Functions ("Step Functions service quotas")."""

import json
from collections import Counter

import pytest

from tests.e2e.conftest import World

FILES = 120
MOST_FILES = 10_000
MAX_EVENTS = 25_000
MAX_PAYLOAD = 262_144
EVENTS_A_STATE = 7
"""A Lambda task writes entered, scheduled, started, succeeded, exited; retries and a Map's run some more."""


@pytest.mark.timeout(600)
@pytest.mark.parametrize("most", [1, 50])
def test_a_feeds_events_and_payload_do_not_grow_with_its_files(world: World, most: int) -> None:
    tenant = world.tenant()
    tenant.document["server"]["max_connections"] = 4
    tenant.document["files"]["batch"] = {"max_files": most}
    tenant.configure()
    for number in range(FILES):
        tenant.deliver(f"sales_20261101_{number:04}.csv")
    world.aws.kill_at(lambda event: event.kind == "entered" and event.state == "Look for pending files")
    tenant.run()
    assert Counter(entry["status"] for entry in tenant.files().values()) == {"UPLOADED": FILES}

    by_item = Counter(event.item for event in tenant.events())
    feed = by_item.pop(tenant.feed_id)
    assert len(by_item) == (FILES if most == 1 else 4), "batches, dealt to all connections"
    assert feed * EVENTS_A_STATE < 100, "states of the feed itself"
    assert max(by_item.values()) * EVENTS_A_STATE < 100, "states of one batch"
    # what the feed's own execution holds for each file is one word of its Map's result
    words = ["UPLOADED"] * MOST_FILES if most == 1 else [" ".join(["UPLOADED"] * most)] * (MOST_FILES // most)
    assert len(json.dumps(words)) < MAX_PAYLOAD
    # a large file's execution goes around fetch, choice once for each 14 minutes of transfer
    rounds = (MAX_EVENTS - 100) // (2 * EVENTS_A_STATE)
    assert rounds * 14 / 60 / 24 > 14, "days one file may take"
