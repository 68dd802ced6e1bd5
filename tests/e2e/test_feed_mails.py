"""A feed that asks for it has a success mail of its own; one that cannot be sent makes the run FAILED."""

from typing import Any

import pytest

from local import faults
from local.faults import Fault
from tests.e2e.conftest import World
from tests.e2e.faults_by_state import ALWAYS, OF_SERVICES, Case, Injector, cases, split, table

ASKS = {"emails": ["data@x.example"], "success": "feed"}


@pytest.mark.timeout(600)
def test_a_feeds_own_mail_is_sent_and_one_that_cannot_be_is_not_silent(world: World) -> None:
    told, quiet, failing = world.tenant(notify=ASKS), world.tenant(), world.tenant(notify=ASKS)
    tenants = [told, quiet, failing]
    for tenant in tenants:
        tenant.configure()
        tenant.deliver("sales_20261101_a.csv")
    injector = Injector()
    case = Case("Send mail", "lasting error", Fault("error", "AccessDeniedException"), ALWAYS)
    injector.of_tenants[failing.name] = case
    faults.install(world.aws, injector)
    run = world.aws.start_execution({"trigger": "test", "feeds": [tenant.feed_id for tenant in tenants]})
    end = world.aws.wait(run, timeout=500)
    faults.install(world.aws, None)

    assert case.injected > 1, "it is retried"
    assert (end["status"], end["error"]) == ("FAILED", "FailuresNotDelivered"), end.get("cause")
    # so that the rule on failed executions mails it
    assert end["cause"].startswith("Not mailed. 1 messages")
    (mail,) = told.mails()
    assert (mail.attributes["event"], mail.attributes["severity"]) == ("feed_succeeded", "info")
    assert (mail.attributes["feed_id"], mail.attributes["feed"]) == (told.feed_id, "sales")
    assert mail.subject == f"[Lakeferry] {told.feed_id}: sales_20261101_a.csv is in the lake"
    assert "- sales_20261101_a.csv: 3 rows (1 dropped by filter)" in mail.message
    assert "- dt=2026-11-01: 1 file" in mail.message
    assert quiet.mails() == failing.mails() == []
    assert [mail.attributes["event"] for mail in world.aws.mails()].count("run_succeeded") == 1
    for tenant in tenants:
        assert len(tenant.curated()) == 3
        assert tenant.letters() == []

    failing.deliver("sales_20261102_a.csv")
    assert failing.run()["status"] == "SUCCEEDED"
    assert [mail.subject for mail in failing.mails()] == [
        f"[Lakeferry] {failing.feed_id}: sales_20261102_a.csv is in the lake"
    ]


@pytest.mark.timeout(900)
def test_after_any_fault_of_a_feeds_mail_it_is_sent_or_the_run_is_failed(world: World) -> None:
    found = cases("Send mail", OF_SERVICES)
    for group, status in zip(split(found), ("SUCCEEDED", "FAILED"), strict=True):
        injector = Injector()
        tenants = {}
        for case in group:
            tenant = world.tenant(notify=ASKS)
            tenant.configure()
            tenant.deliver("sales_20261101_a.csv")
            injector.of_tenants[tenant.name] = case
            tenants[tenant.name] = tenant
        faults.install(world.aws, injector)
        feeds = [tenant.feed_id for tenant in tenants.values()]
        end: dict[str, Any] = world.aws.wait(world.aws.start_execution({"trigger": "test", "feeds": feeds}), 500)
        faults.install(world.aws, None)
        assert end["status"] == status, (end.get("error"), end.get("cause"))
        for name, case in injector.of_tenants.items():
            mails = len(tenants[name].mails())
            assert case.injected, case
            case.outcome = f"{status.lower():<10} {mails} mails"
            # what got lost may have been an answer only: the one case of a mail that comes twice
            most = {"answer lost, once": 2, "answer lost": 99}.get(case.kind, 1)
            assert mails <= most, case
            assert mails >= 1 or status == "FAILED", case
            assert tenants[name].files()["sales_20261101_a.csv"]["status"] == "CURATED"
            assert tenants[name].letters() == []
    print("\n".join(["", *table(found)]))
