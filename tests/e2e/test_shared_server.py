"""Tenants that share a server share its connections."""

from typing import Any

import pytest

from tests.e2e.conftest import World
from tests.servers.proxy import Proxy


@pytest.mark.parametrize("most", [1, 50])
def test_feeds_of_several_tenants_never_have_more_connections_than_their_server_allows(world: World, most: int) -> None:
    with Proxy(world.partner.port) as proxy:
        tenants = [world.tenant() for _ in range(3)]
        for tenant in tenants:
            server: dict[str, Any] = tenant.document["server"]
            server |= {"port": proxy.port, "max_connections": 2}
            tenant.document["files"]["batch"] = {"max_files": most}
            tenant.document["files"]["after"] = {"action": "move", "to": f"/{tenant.name}/done"}
            tenant.configure()
            for letter in "abc":
                tenant.deliver(f"sales_20261101_{letter}.csv")
        run = world.aws.start_execution({"trigger": "test", "feeds": [tenant.feed_id for tenant in tenants]})
        assert world.aws.wait(run, timeout=240)["status"] == "SUCCEEDED"
        for tenant in tenants:
            files = tenant.files().values()
            assert [entry["status"] for entry in files] == ["CURATED"] * 3
            assert not any("after_error" in entry for entry in files)
            assert len(list((tenant.folder / "done").iterdir())) == 3
            assert tenant.letters() == []
        # a poll each, and one connection a batch to fetch and one to move
        assert proxy.connections == (21 if most == 1 else 9)
        assert proxy.most_at_once == 2
