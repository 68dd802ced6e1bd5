"""Failures are delivered without our own words; what neither queue nor topic take makes the execution FAILED."""

import pytest

from tests.e2e.conftest import World


@pytest.mark.timeout(300)
def test_no_failure_goes_unreported_because_words_failed(world: World) -> None:
    """Of a file, a feed and the run itself: with function `describe` gone, and `reconcile` for the run to fail."""
    broken, closed = world.tenant(), world.tenant()
    closed.document["server"]["username"] = "somebody"
    for tenant in (broken, closed):
        tenant.configure()
        tenant.deliver("sales_20261101_a.csv")
    broken.deliver("sales_20261102_a.csv.gz", truncate=True)
    functions = world.aws.client("lambda")
    for name in ("DescribeFunction", "ReconcileFunction"):
        functions.delete_function(FunctionName=world.aws.resources[name])
    run = world.aws.start_execution({"trigger": "test", "feeds": [broken.feed_id, closed.feed_id]})
    end = world.aws.wait(run)

    assert end["status"] == "FAILED"
    assert end["cause"].startswith("Mailed. Reconcile run: ")
    (letter,) = broken.letters()
    assert (letter["kind"], letter["error"]) == ("file", "FileRejectedError")
    (mail,) = broken.mails()
    assert mail.attributes["event"] == "file_failed"
    assert mail.attributes["feed_id"] == broken.feed_id
    assert mail.subject.startswith(f"[Lakeferry] {broken.feed_id} failed in For each batch")
    (letter,) = closed.letters()
    (mail,) = closed.mails()
    assert (mail.attributes["event"], mail.attributes["severity"]) == ("feed_failed", "error")
    assert mail.subject == f"[Lakeferry] {closed.feed_id} failed in Poll server: LoginRejectedError"
    assert letter["cause"] in mail.message
    assert mail.message.endswith(run)
    (letter,) = world.queued_runs()
    (mail,) = [mail for mail in world.aws.mails() if mail.attributes["event"].startswith("run_")]
    assert (mail.attributes["event"], mail.attributes["severity"]) == ("run_failed", "critical")
    assert letter["stage"] == "Reconcile run"
    assert letter["error"] in mail.subject
    assert mail.message.endswith(run)


@pytest.mark.timeout(300)
def test_a_broken_queue_cannot_hide_a_failed_file(world: World) -> None:
    tenant = world.tenant()
    tenant.configure()
    tenant.deliver("sales_20261101_a.csv.gz", truncate=True)
    world.aws.client("sqs").delete_queue(QueueUrl=world.aws.resources["DeadLetterQueue"])
    end = tenant.run()
    assert end["status"] == "FAILED"
    assert end["error"] == "FailuresNotDelivered"
    assert tenant.files()["sales_20261101_a.csv.gz"]["error"] == "FileRejectedError"
    assert "File failure was not delivered" in [event.state for event in tenant.events()]
