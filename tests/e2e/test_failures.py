"""Each failure has its own name, a message to reprocess from, a mail a person understands; the rest goes on."""

import socket
from typing import Any

import pytest

from tests.e2e.conftest import Tenant, World


def _server(tenant: Tenant, **changes: Any) -> Tenant:
    tenant.document["server"] |= changes
    return tenant


def _dead_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


OTHER_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB0jzL2cHqD1L3oHT2P6xNc8iK0x5f0mSg2j8uVvJ3aR"


@pytest.mark.timeout(600)
def test_each_failure_is_named_queued_and_mailed_and_the_other_feeds_go_on(world: World) -> None:
    good, truncated, short = world.tenant(), world.tenant(), world.tenant()
    tenants = {
        "HostKeyMismatchError": _server(world.tenant(), host_keys=[OTHER_KEY]),
        "ServerUnavailableError": _server(world.tenant(), port=_dead_port()),
        "LoginRejectedError": _server(world.tenant(), username="somebody"),
        "SecretMissingError": world.tenant(),
        "FeedInvalidError": world.tenant(format={"type": "scroll"}),
        "RemoteAccessError": world.tenant(),
    }
    tenants["RemoteAccessError"].document["files"]["directory"] = "/nowhere"
    short.document["checks"]["rows"] = {"min": 100}
    for error, tenant in tenants.items():
        tenant.configure(secret=error != "SecretMissingError")
        tenant.deliver("sales_20261101_a.csv")
    for tenant in (good, truncated, short):
        tenant.configure()
        tenant.deliver("sales_20261101_a.csv.gz")
    truncated.deliver("sales_20261102_a.csv.gz", truncate=True)
    everybody = [good, truncated, short, *tenants.values()]
    run = world.aws.start_execution({"trigger": "test", "feeds": [tenant.feed_id for tenant in everybody]})
    end = world.aws.wait(run)

    assert end["status"] == "SUCCEEDED", (end.get("error"), end.get("cause"))
    assert len(good.curated()) == 3
    assert good.letters() == []
    for error, tenant in tenants.items():
        (letter,) = tenant.letters()
        assert (letter["version"], letter["kind"], letter["error"], letter["stage"]) == (
            1,
            "feed",
            error,
            "Poll server",
        )
        assert letter["run"] == run
        assert letter["resume"]["feeds"] == [tenant.feed_id]
        (mail,) = tenant.mails()
        assert mail.attributes["event"] == "feed_failed"
        assert tenant.feed_id in mail.subject
        assert error in mail.message
        assert "Traceback" not in mail.message
        assert letter["cause"] in mail.message
        assert tenant.raw() == {}
    for tenant, name in ((truncated, "sales_20261102_a.csv.gz"), (short, "sales_20261101_a.csv.gz")):
        (letter,) = tenant.letters()
        assert (letter["kind"], letter["error"], letter["stage"]) == ("file", "FileRejectedError", "Validate files")
        assert letter["file"]["path"].endswith(name)
        assert name in letter["cause"]
        (mail,) = tenant.mails()
        assert mail.attributes["event"] == "file_failed"
        assert name in mail.subject
        entry = tenant.files()[name]
        assert (entry["status"], entry["error"], entry["stage"]) == ("FAILED", "FileRejectedError", "Validate files")
        assert entry["retryable"] is False
        report = f"s3://{world.aws.resources['LakeBucket']}/{entry['report_key']}"
        assert report in mail.message
        assert report in letter["cause"]
    assert len(truncated.raw()) == 1
    assert len(truncated.curated()) == 3
    assert short.raw() == {}
    assert world.open_uploads() == []


@pytest.mark.timeout(600)
def test_a_feed_that_is_mended_is_taken_by_the_next_run(world: World) -> None:
    tenant = _server(world.tenant(), host_keys=[OTHER_KEY])
    tenant.configure()
    tenant.deliver("sales_20261101_a.csv")
    tenant.run()
    assert tenant.files() == {}
    tenant.document["server"]["host_keys"] = [world.partner.host_key]
    world.aws.resource("dynamodb").Table(world.aws.resources["FeedsTable"]).put_item(Item=tenant.document)
    assert tenant.run()["status"] == "SUCCEEDED"
    assert len(tenant.curated()) == 3
