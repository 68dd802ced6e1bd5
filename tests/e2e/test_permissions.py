"""What the roles allow beside what functions and job call: nothing is missing, and nothing is there for no reason.

Every test that uses the `world` of this folder looks that nothing was called which the caller's role does not allow.
This one goes through all that a stack does, and looks at the other side, too: what nobody called stands in `RESERVED`
with its reason.
"""

import io
import json
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fnmatch import fnmatch
from pathlib import Path

import pytest

from lakeferry.ledger import Ledger
from lakeferry.ledger.addresses import Approval
from local.aws import LocalAws
from local.endings import ended_event
from local.partners import SftpPartner
from local.sla import check_sla, export_sla
from local.stack import Event
from tests.e2e.conftest import PASSWORD, Tenant, World
from tests.e2e.recorded import Recorder, recording, refused, unused

RESERVED = {
    # a role's own right to decrypt its function's variables, where it calls nothing that is encrypted
    **dict.fromkeys(
        ["DescribeFunction kms:*", "JobFilesFunction kms:*"],
        "its variables are encrypted, and the job's files (tests/unit/test_job_files.py)",
    ),
    "JobFilesFunction s3:*": "called by CloudFormation alone: tests/unit/test_job_files.py",
    "JobFilesFunction glue:*": "called by CloudFormation alone: tests/unit/test_standing_tables.py",
    "* events:PutEvents *": "Lambda itself calls it with the role, when the function has failed three times",
    "* sqs:SendMessage *UndeliveredQueue*": "Lambda itself calls it with the role, for what arrives nowhere",
    "glue-job s3:*": "here its buckets are folders (--path_map); in AWS Spark and the job read and write them over S3",
    "glue-job logs:*": "Glue itself calls them with the job's role",
    "glue-job cloudwatch:*": "Glue itself calls it with the job's role",
    "glue-job glue:GetDatabase *": "Spark's catalog of Iceberg tables: tests/glue/test_iceberg.py",
    "* glue:GetPartitions *": "an older table is brought to the form of today: tests/glue/test_tables.py",
    "* glue:UpdateTable *": "a column that is new: tests/glue/test_tables.py",
    "* dynamodb:Scan FeedsTable": "once, for datasets that had no owner: tests/unit/test_datasets.py",
    "CurateSmallFunction s3:* LakeBucket/fallout/*": "rows that a rule drops: tests/glue/test_engines_agree.py",
    "CurateSmallFunction s3:GetObject LakeBucket/reference/*": "reference tables: tests/glue/test_transforms.py",
    "CurateSmallFunction s3:GetObject LakeBucket/outputs/*": "archives of many members: tests/unit/test_archives.py",
    # what was set aside, and is taken up or given up
    "CheckSlaFunction dynamodb:*Item LedgerTable": "arrivals; feeds set aside: tests/unit/test_check_sla.py",
    "ListFeedsFunction dynamodb:* *": "feeds that were set aside, and are taken up: tests/unit/test_set_aside.py",
    "ReconcileFunction dynamodb:UpdateItem LedgerTable": "feeds set aside are told: tests/unit/test_set_aside.py",
    "ReconcileFunction dynamodb:Query LedgerTable/index/unfinished": "whose an upload is: tests/unit/test_sweep.py",
    "ReconcileFunction s3:GetObject LakeBucket/outputs/*": "whose an upload is: tests/unit/test_sweep.py",
    "ReconcileFunction s3:ListBucketMultipartUploads *": "uploads that nobody goes on with: tests/unit/test_sweep.py",
    "UploadFunction dynamodb:ConditionCheckItem LedgerTable": "two versions at once: tests/unit/test_ledger.py",
    "ReconcileFunction sqs:SendMessage *": "feeds set aside: tests/unit/test_set_aside.py",
    "DeliverFunction dynamodb:DeleteItem LedgerTable": "a channel that works again: tests/unit/test_deliver.py",
    "RetainFunction *": "what feeds do not keep any longer: tests/unit/test_retention.py",
    "SubscribeFunction *": "addresses that change, go or are refused: tests/unit/test_subscribe.py",
    # what a killed function, or a large file, leaves to the next
    "* s3:AbortMultipartUpload *": "uploads that a killed call left: tests/e2e/test_killed_runs.py",
    "* s3:ListMultipartUploadParts *": "uploads in parts, of large files and lists: tests/unit/test_stages.py",
    "FetchFunction s3:* InboxBucket*": "a transfer that goes on, or whose checksum is wrong: tests/unit/test_stages.py",
    "FetchFunction dynamodb:Query LedgerTable": "other versions of a path that failed: tests/unit/test_stages.py",
    "ValidateFunction s3:* *": "large files, and such as a killed call left half-way: tests/unit/test_stages.py",
    "ValidateFunction secretsmanager:GetSecretValue *": "keys of encrypted files: tests/unit/test_decode_pgp.py",
    "UploadFunction s3:* *": "large files, and such as a killed call left half-way: tests/unit/test_stages.py",
    "UploadFunction dynamodb:GetItem LedgerTable": "who is connected to the server, and a claim that was lost",
    "EmitFunction dynamodb:* SlaTable*": "promises that are kept or broken: tests/unit/test_emit.py",
    "ReprocessFunction states:DescribeExecution *": "whether a killed run's claim holds: tests/unit/test_reprocess.py",
    "PollFunction states:DescribeExecution *": "whether a killed run's claim holds: tests/e2e/test_killed_runs.py",
}
"""By a pattern of caller, action and resource, why the role has what this test's hour did not need."""


@pytest.fixture
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, Recorder]]:
    root = tmp_path_factory.mktemp("partner")
    with (
        SftpPartner(root, username="lake", password=PASSWORD) as partner,
        LocalAws(folder=tmp_path_factory.mktemp("lake"), time_scale=0.001, parameters={"SmallRuns": "lambda"}) as aws,
        recording() as recorder,
    ):
        yield World(aws, partner, root), recorder


def archive(folder: Path, members: int) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        for number in range(members):
            made.writestr(f"part_{number}.csv", f"order_id,amount\n{number},1.00\n")
    (folder / "sales_20261103_a.csv.zip").write_bytes(buffer.getvalue())


def run(world: World, *tenants: Tenant) -> str:
    feeds = [tenant.feed_id for tenant in tenants]
    return str(world.aws.wait(world.aws.start_execution({"trigger": "test", "feeds": feeds}), 400)["status"])


def statuses(tenant: Tenant) -> list[str]:
    return [str(entry["status"]) for entry in tenant.files().values()]


def again(world: World, **event: object) -> None:
    for execution in world.reprocess(**event)["executions"]:
        world.aws.wait(execution, 240)
    world.show_messages()


@pytest.mark.timeout(900)
def test_a_role_allows_what_is_called_and_nothing_without_a_reason(recorded: tuple[World, Recorder]) -> None:
    world, recorder = recorded
    aws = world.aws
    channel = {"channels": [{"type": "slack", "url_secret": "slack_url"}], "emails": ["ops@acme.example"]}
    sla = {"expected_by": "06:30", "timezone": "UTC", "grace_minutes": 30}
    plain = world.tenant(sla=sla, notify={"success": "feed"})
    for_job = world.tenant(transform={"deduplicate": {"keys": ["order_id"]}})
    broken = world.tenant(notify=channel)
    packed = world.tenant()
    packed.document["files"]["after"] = {"action": "delete"}
    aside = world.tenant(transform={"filter": "amuont > 0"})
    tenants = [plain, for_job, broken, packed, aside]
    for tenant in tenants:
        tenant.document["server"]["port"] = world.partner.port  # one server: who waits for a place reads who has one
        tenant.document["checks"]["bad_rows"] = {"action": "quarantine", "max_ratio": Decimal("0.9")}
        tenant.configure()
        tenant.deliver("sales_20261101_a.csv")
    aws.client("secretsmanager").put_secret_value(
        SecretId=f"lakeferry/{broken.name}/sales",
        SecretString=json.dumps({"password": PASSWORD, "slack_url": "https://hooks.slack.example/services/T/B/x"}),
    )
    for_job.deliver("sales_20261102_a.csv")
    (for_job.folder / "sales_20261102_a.csv").write_text("order_id,amount\n1,1.00\nx,y\n")
    broken.deliver("sales_20261102_b.csv.gz", truncate=True)
    archive(packed.folder, 101)
    assert run(world, *tenants) == "SUCCEEDED"
    assert {status for one in (plain, for_job, packed) for status in statuses(one)} == {"CURATED"}
    assert sorted(statuses(broken)) == ["CURATED", "FAILED"]
    # a redelivery, an archive with fewer members, a corrected document
    plain.deliver("sales_20261101_a.csv", rows=9)
    archive(packed.folder, 1)
    aside.document["transform"] = {}
    aside.put()
    assert run(world, *tenants) == "SUCCEEDED"
    # a run that is killed, and the next that takes its files over
    plain.deliver("sales_20261105_a.csv", rows=7)

    def here(event: Event) -> bool:
        return event.kind == "entered" and event.state == "Validate files" and event.item.startswith(plain.feed_id)

    aws.kill_at(here)
    killed = run(world, plain)
    assert killed == "ABORTED"
    assert run(world, plain) == "SUCCEEDED"
    for source in ("raw", "inbox", "server"):
        again(world, backfill={"feed": plain.feed_id, "from": "2026-11-01", "to": "2026-11-01", "source": source})
    again(world, feed=broken.feed_id)
    again(world, by="schedule")
    # what is beside the runs
    Ledger(aws.resource("dynamodb").Table(aws.resources["LedgerTable"])).addresses.approve(
        Approval(broken.name, "ops@acme.example")
    )
    check_sla(aws)
    check_sla(aws, since=datetime.now(UTC) - timedelta(days=2))
    export_sla(aws)
    # waiting for a run leaves it out: a lake's process writes its reports itself
    states = aws.client("stepfunctions")
    for status in ("SUCCEEDED", "ABORTED"):
        ended = states.list_executions(stateMachineArn=aws.state_machine, statusFilter=status)["executions"]
        event = ended_event(states.describe_execution(executionArn=ended[0]["executionArn"]))
        assert aws.invoke("ReportRunFunction", event)["reports"] >= 1
    aws.tick()
    aws.settle()

    assert (refused(aws, recorder.needs), recorder.unknown) == ([], set())
    found = unused(aws, recorder.needs)
    assert {one for one in found if not any(fnmatch(one, pattern) for pattern in RESERVED)} == set()
    granted = unused(aws, set())
    assert {pattern for pattern in RESERVED if not any(fnmatch(one, pattern) for one in granted)} == set()
