"""`TenantRoles=on`: each stage works with a session of its tenant's, which may nothing that is another tenant's."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from local.aws import LocalAws
from local.partners import SftpPartner
from tests.contract.policies import allowed
from tests.e2e.conftest import PASSWORD, World
from tests.e2e.recorded import TENANT, Recorder, recording, refused, statements_of


@pytest.fixture
def apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, Recorder]]:
    root, folder = tmp_path_factory.mktemp("partner"), tmp_path_factory.mktemp("lake")
    with (
        SftpPartner(root, username="lake", password=PASSWORD) as partner,
        LocalAws(folder=folder, time_scale=0.001, parameters={"TenantRoles": "on", "SmallRuns": "lambda"}) as aws,
        recording() as recorder,
    ):
        yield World(aws, partner, root), recorder


@pytest.mark.timeout(300)
def test_files_secrets_and_items_are_used_with_the_tenants_own_session_which_may_nothing_of_anothers(
    apart: tuple[World, Recorder],
) -> None:
    world, recorder = apart
    tenants = [world.tenant(), world.tenant()]
    for tenant in tenants:
        tenant.configure()
        tenant.deliver("sales_20261101_a.csv")
        tenant.deliver("sales_20261102_b.csv.gz", truncate=True)
    run = world.aws.start_execution({"trigger": "test", "feeds": [tenant.feed_id for tenant in tenants]})
    assert world.aws.wait(run, 240)["status"] == "SUCCEEDED"
    for tenant in tenants:
        assert sorted(str(entry["status"]) for entry in tenant.files().values()) == ["CURATED", "FAILED"]

    assert (refused(world.aws, recorder.needs), recorder.unknown) == ([], set())
    stages = [world.aws.resources[f"{name}Function"] for name in ("Poll", "Fetch", "Validate", "Upload")]
    apart_from_the_run = {need for need in recorder.needs if need.action.split(":")[0] in {"s3", "secretsmanager"}}
    assert {need for need in apart_from_the_run if need.caller in stages} == set(), (
        "their own roles are used for nothing"
    )
    shared = {key for need in recorder.needs if need.caller in stages for key in need.keys}
    assert "!connections" in shared
    assert shared <= {"!connections", "!runs"}, "nor for any item that is a tenant's"
    assert set(recorder.assumed) >= {(stage, tenant.name) for stage in stages for tenant in tenants}
    assert len(recorder.assumed) <= 4 * len(stages) * len(tenants), "a session is kept by a warm process"

    statements = statements_of(world.aws)[TENANT]
    names = {tenant.name for tenant in tenants}
    done = {need for need in recorder.needs if need.caller == TENANT and need.action != "s3:ListBucket"}
    assert {need.tenant for need in done} == names
    assert {"secretsmanager:GetSecretValue", "s3:PutObject", "s3:GetObject"} <= {need.action for need in done}
    of_items = {"dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:UpdateItem", "dynamodb:Query"}
    assert of_items <= {need.action for need in done}
    for need in done:
        (other,) = names - {need.tenant}
        stolen = replace(need, tenant=other)
        assert allowed(statements, need.action, need.resource, need.context), need
        assert not allowed(statements, stolen.action, stolen.resource, stolen.context), stolen
