"""A failure that neither queue nor topic take makes the execution FAILED, with the original error in sight."""

import pytest

from tests.e2e.conftest import World


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
