"""Tenants that share a server share its connections."""

from typing import Any

from tests.e2e.conftest import World
from tests.servers.proxy import Proxy


def test_feeds_of_several_tenants_never_have_more_connections_than_their_server_allows(world: World) -> None:
    with Proxy(world.partner.port) as proxy:
        tenants = [world.tenant() for _ in range(3)]
        for tenant in tenants:
            server: dict[str, Any] = tenant.document["server"]
            server |= {"port": proxy.port, "max_connections": 2}
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
        # a poll, three fetches and three moves each
        assert proxy.connections == 21
        assert proxy.most_at_once == 2
