"""`lakeferry doctor --first` over the local stack: well as deployed, and each thing that it looks at broken once.

moto's CloudFormation passes over much of what the template says of a resource, and moto has no IAM that decides: the
fixture makes up for both, from the template itself.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from moto.kms.models import kms_backends

from cli.calling import Call
from cli.doctor import account, of_feeds, of_stack
from cli.doctor.command import _first, doctor
from cli.doctor.finding import FAIL, LOOK, OK, WARN, Finding
from cli.doctor.first import deployed, kept, working
from cli.doctor.first.steps import STEPS
from cli.output import Output
from cli.problems import WrongUseError
from cli.stack import Stack
from local.aws import LocalAws
from local.session import ACCOUNT, REGION
from local.template import load
from tests.conftest import ROOT, feed_document

NAME = "lakeferry"
TEMPLATE = load(ROOT / "template.yaml")["Resources"]
BLOCKED = dict.fromkeys(("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"), True)
TLS_ONLY = {"Bool": {"aws:SecureTransport": "false"}}
Answer = Callable[..., Any]
MISSING = object()


class Deployed:
    """The local stack's clients; what a test puts into `answers` is answered in AWS's place."""

    def __init__(self, aws: LocalAws) -> None:
        self.aws, self.answers = aws, dict[tuple[str, str], Answer]()

    @property
    def resources(self) -> Mapping[str, str]:
        return self.aws.resources

    def resource(self, name: str) -> Any:
        return self.aws.resource(name)

    def client(self, name: str) -> Any:
        made, answers = self.aws.client(name), self.answers

        class Client:
            def __getattr__(self, method: str) -> Any:
                return answers.get((name, method)) or getattr(made, method)

        return Client()

    def changed(self, service: str, method: str, **changes: Any) -> None:
        """What the emulator answers, but for that."""
        asked = getattr(self.aws.client(service), method)
        self.answers[service, method] = lambda **given: {**asked(**given), **changes}


@pytest.fixture(scope="module")
def local() -> Iterator[LocalAws]:
    with LocalAws(time_scale=0.01) as aws:
        as_the_template_says(aws)
        yield aws


def as_the_template_says(aws: LocalAws) -> None:
    """What moto's CloudFormation leaves out."""
    s3, names = aws.client("s3"), aws.resources
    made = kms_backends[ACCOUNT][REGION].keys[names["DataKey"]]
    made.policy = json.dumps(made.policy)  # moto's CloudFormation keeps what was parsed, and its KMS cannot read that
    key = made.arn
    for logical, is_versioned in kept.BUCKETS.items():
        said, bucket = TEMPLATE[logical]["Properties"], names[logical]
        assert said["PublicAccessBlockConfiguration"] == BLOCKED
        s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=BLOCKED)
        if is_versioned:
            s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration=said["VersioningConfiguration"])
        rules = [{"ID": one["Id"], "Status": one["Status"]} for one in said["LifecycleConfiguration"]["Rules"]]
        expiring = [{**one, "Filter": {"Prefix": ""}, "Expiration": {"Days": 90}} for one in rules]
        s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": expiring})
    for logical in kept.TABLES:
        assert TEMPLATE[logical]["Properties"]["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"]
        recovery = {"PointInTimeRecoveryEnabled": True}
        dynamodb = aws.client("dynamodb")
        dynamodb.update_continuous_backups(TableName=names[logical], PointInTimeRecoverySpecification=recovery)
    aws.client("kms").enable_key_rotation(KeyId=key)
    topic = names["NotificationTopic"]
    aws.client("sns").subscribe(TopicArn=topic, Protocol="email", Endpoint="ops@acme.example")
    work = names["WorkBucket"]
    for name in ("start.py", "lakeferry-job.zip", "packages.zip"):
        s3.put_object(Bucket=work, Key=f"scripts/1/{name}", Body=b"")


@pytest.fixture
def world(local: LocalAws) -> Deployed:
    """The stack as it is well; every test has its own answers."""
    found = Deployed(local)
    found.answers["lambda", "get_account_settings"] = lambda: {
        "AccountLimit": {"UnreservedConcurrentExecutions": 1_000}
    }
    found.answers["iam", "simulate_principal_policy"] = lambda **given: {
        "EvaluationResults": [
            {
                "EvalResourceName": one,
                "EvalDecision": "allowed" if ":secret:lakeferry/" in one else "implicitDeny",
            }
            for one in given["ResourceArns"]
        ]
    }
    logged = {"level": "ERROR"}
    found.changed(
        "stepfunctions", "describe_state_machine", loggingConfiguration=logged, tracingConfiguration={"enabled": True}
    )
    # moto's CloudFormation makes functions of x86_64, whatever the template says
    functions = local.client("lambda").get_function_configuration
    found.answers["lambda", "get_function_configuration"] = lambda FunctionName: {
        **functions(FunctionName=FunctionName),
        "Architectures": ["arm64"],
    }
    # the job runs from its source here, not from the work bucket
    job, scripts = local.client("glue").get_job, f"s3://{local.resources['WorkBucket']}/scripts/1"
    found.answers["glue", "get_job"] = lambda JobName: {
        "Job": {
            **job(JobName=JobName)["Job"],
            "Command": {"ScriptLocation": f"{scripts}/start.py"},
            "DefaultArguments": {
                "--extra-py-files": f"{scripts}/lakeferry-job.zip",
                "--packages": f"{scripts}/packages.zip",
            },
        }
    }
    groups = local.client("logs").describe_log_groups
    key = f"arn:aws:kms:eu-west-1:123456789012:key/{local.resources['DataKey']}"
    found.answers["logs", "describe_log_groups"] = lambda **given: {
        "logGroups": [{**one, "kmsKeyId": key} for one in groups(**given)["logGroups"]]
    }
    tables = local.client("dynamodb").describe_table
    found.answers["dynamodb", "describe_table"] = lambda TableName: {
        "Table": {**tables(TableName=TableName)["Table"], "SSEDescription": {"KMSMasterKeyArn": key}}
    }
    # moto leaves out conditions and enforces the rest: the local stack has no policies of that kind
    found.answers["s3", "get_bucket_policy"] = lambda Bucket: {"Policy": json.dumps({"Condition": TLS_ONLY})}
    return found


def stack_of(world: Deployed) -> Stack:
    return Stack(NAME, world)


def seen(look: Any, world: Deployed) -> list[Finding]:
    return list(look(Call(Output(), stack_name=NAME), stack_of(world)))


def test_a_stack_as_deployed_is_well_but_for_what_a_first_day_lacks(
    world: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    found = list(_first(Call(Output(), stack_name=NAME), stack_of(world)))
    odd = {one.check: (one.status, one.told) for one in found if one.status in {WARN, FAIL}}
    assert odd == {
        "8. deletion": (WARN, "nothing keeps FeedsTable, LedgerTable, SlaTable from being deleted"),
        "15. feeds": (WARN, "there is none yet"),
        "15. last run": (WARN, "there was none yet"),
    }
    by_number = {number: [one for one in found if one.check.startswith(f"{number}. ")] for number in range(1, 21)}
    assert all(by_number.values())
    for number, step in enumerate(STEPS, 1):
        assert {one.status == LOOK for one in by_number[number]} == {not step.looks}
    assert "{" not in "".join(one.do for one in found if one.status == LOOK).replace("{date", "")
    assert world.resources["EmitFunction"] in by_number[18][0].do


def nothing_of(lists: str) -> Answer:
    return lambda **given: {lists: []}


def without_condition_broken(world: Deployed) -> None:
    """The mistake that is made in every account: a key policy with aws:SourceAccount for EventBridge."""
    key = world.resources["DataKey"]
    policy = json.loads(world.aws.client("kms").get_key_policy(KeyId=key, PolicyName="default")["Policy"])
    for one in policy["Statement"]:
        if one.get("Sid") == "EventsPublish":
            one["Condition"] = {"StringEquals": {"aws:SourceAccount": "123456789012"}}
    world.answers["kms", "get_key_policy"] = lambda **given: {"Policy": json.dumps(policy)}


def without_publisher(world: Deployed) -> None:
    key = world.resources["DataKey"]
    policy = json.loads(world.aws.client("kms").get_key_policy(KeyId=key, PolicyName="default")["Policy"])
    policy["Statement"] = [one for one in policy["Statement"] if one.get("Sid") != "AlarmsPublish"]
    world.answers["kms", "get_key_policy"] = lambda **given: {"Policy": json.dumps(policy)}


def missing_function_state(world: Deployed) -> None:
    poll = world.resources["PollFunction"]
    asked = world.answers["lambda", "get_function_configuration"]

    def answer(FunctionName: str) -> dict[str, Any]:
        found: dict[str, Any] = asked(FunctionName=FunctionName)
        if FunctionName == poll:
            found |= {"State": "Pending", "StateReason": "The subnet has no free address."}
        return found

    world.answers["lambda", "get_function_configuration"] = answer


def status_of(kind: str, status: str) -> Callable[[Deployed], None]:
    def broken(world: Deployed) -> None:
        asked = world.aws.client("cloudformation").describe_stacks
        name = NAME if kind == "own" else world.resources["Monitoring"]

        def answer(StackName: str) -> dict[str, Any]:
            found: dict[str, Any] = asked(StackName=StackName)
            if StackName == name:
                found["Stacks"][0]["StackStatus"] = status
            return found

        world.answers["cloudformation", "describe_stacks"] = answer

    return broken


def parameter(**values: str) -> Callable[[Deployed], None]:
    def broken(world: Deployed) -> None:
        asked = world.aws.client("cloudformation").describe_stacks

        def answer(StackName: str) -> dict[str, Any]:
            found: dict[str, Any] = asked(StackName=StackName)
            given = [{"ParameterKey": name, "ParameterValue": value} for name, value in values.items()]
            kept_ = [one for one in found["Stacks"][0].get("Parameters", []) if one["ParameterKey"] not in values]
            found["Stacks"][0]["Parameters"] = kept_ + given
            return found

        world.answers["cloudformation", "describe_stacks"] = answer

    return broken


def without_outputs(world: Deployed) -> None:
    asked = world.aws.client("cloudformation").describe_stacks

    def answer(StackName: str) -> dict[str, Any]:
        found: dict[str, Any] = asked(StackName=StackName)
        found["Stacks"][0]["Outputs"] = found["Stacks"][0]["Outputs"][1:]
        return found

    world.answers["cloudformation", "describe_stacks"] = answer


def answers(service: str, method: str, answer: Any) -> Callable[[Deployed], None]:
    def broken(world: Deployed) -> None:
        world.answers[service, method] = lambda **given: answer

    return broken


def changed(service: str, method: str, **changes: Any) -> Callable[[Deployed], None]:
    return lambda world: world.changed(service, method, **changes)


def of_table(**changes: Any) -> Callable[[Deployed], None]:
    def broken(world: Deployed) -> None:
        asked = world.answers["dynamodb", "describe_table"]

        def answer(TableName: str) -> dict[str, Any]:
            return {"Table": {**asked(TableName=TableName)["Table"], **changes}}

        world.answers["dynamodb", "describe_table"] = answer

    return broken


def refuses(service: str, method: str, code: str) -> Callable[[Deployed], None]:
    """AWS's error of that code."""

    def broken(world: Deployed) -> None:
        from botocore.exceptions import ClientError

        def answer(**given: Any) -> Any:
            raise ClientError({"Error": {"Code": code, "Message": code}}, method)

        world.answers[service, method] = answer

    return broken


def feed_with_secret(key: str | None) -> Callable[[Deployed], None]:
    def broken(world: Deployed) -> None:
        world.answers["secretsmanager", "describe_secret"] = lambda **given: {"KmsKeyId": key} if key else {}

    return broken


def job_with(**changes: Any) -> Callable[[Deployed], None]:
    def broken(world: Deployed) -> None:
        job = world.answers["glue", "get_job"](JobName=world.resources["CurateJob"])["Job"]
        world.answers["glue", "get_job"] = lambda **given: {"Job": {**job, **changes}}

    return broken


LOGS = {"logGroups": [{"logGroupName": "/lakeferry/lakeferry/functions", "retentionInDays": 30}]}
REFUSED = {"events": [{"message": "AccessDeniedException: not authorized to perform s3:PutObject"}]}
QUEUE = {"Attributes": {"ApproximateNumberOfMessages": "2", "KmsMasterKeyId": "alias/aws/sqs"}}
FEW = {"AccountLimit": {"UnreservedConcurrentExecutions": 10}}
GOING = {"KeyMetadata": {"KeyState": "PendingDeletion"}}
RULE = {"State": "DISABLED"}
CRAWLED = {"Crawler": {"State": "READY", "LastCrawl": {"Status": "FAILED", "ErrorMessage": "no s3:GetBucketAcl"}}}
ALLOWED_ALL = {
    "EvaluationResults": [{"EvalResourceName": "foreign", "EvalDecision": "allowed"}],
}
BROKEN: list[tuple[Any, Callable[[Deployed], None], str, str]] = [
    (of_stack.health, status_of("own", "UPDATE_ROLLBACK_FAILED"), FAIL, "UPDATE_ROLLBACK_FAILED"),
    (deployed.nested, status_of("nested", "CREATE_FAILED"), FAIL, "Monitoring is CREATE_FAILED"),
    (deployed.outputs, without_outputs, FAIL, "no StateMachineArn"),
    (deployed.functions, missing_function_state, FAIL, "PollFunction is Pending, Successful The subnet has no free"),
    (deployed.functions, parameter(Architecture="x86_64"), FAIL, "is of arm64, the stack of x86_64"),
    (account.quotas, answers("lambda", "get_account_settings", FEW), WARN, "10 functions"),
    (deployed.boundaries, parameter(PermissionsBoundary="arn:aws:iam::123456789012:policy/bound"), FAIL, "not bounded"),
    (deployed.lake_formation, parameter(LakeFormation="yes"), FAIL, "CurateJobRole is granted nothing"),
    (deployed.job_files, job_with(Command={"ScriptLocation": "s3://lakeferry/none/start.py"}), FAIL, "is not there"),
    (deployed.crawler, answers("glue", "get_crawler", CRAWLED), FAIL, "FAILED: no s3:GetBucketAcl"),
    (deployed.database, refuses("glue", "get_database", "EntityNotFoundException"), FAIL, "is not in the Data Catalog"),
    (deployed.database, refuses("glue", "get_table", "EntityNotFoundException"), FAIL, "sla is not in "),
    (deployed.machine, changed("stepfunctions", "describe_state_machine", status="DELETING"), FAIL,
     "it is DELETING; its errors are not logged; it is not traced"),
    (of_stack.schedule, answers("events", "describe_rule", RULE), WARN, "the rule is disabled"),
    (deployed.rules, answers("events", "describe_rule", RULE), WARN, "CheckSlaFunctionEveryQuarterHour is disabled"),
    (kept.key, without_condition_broken, FAIL, "a condition that it cannot fulfil"),
    (kept.key, without_publisher, FAIL, "cloudwatch.amazonaws.com may not use it"),
    (kept.key, answers("kms", "get_key_rotation_status", {"KeyRotationEnabled": False}), FAIL, "not rotated"),
    (kept.key, answers("kms", "describe_key", GOING), FAIL, "PendingDeletion"),
    (kept.tables, answers("dynamodb", "describe_continuous_backups", {"ContinuousBackupsDescription": {}}), FAIL,
     "LedgerTable has no point-in-time recovery"),
    (kept.tables, of_table(TableStatus="UPDATING"), FAIL, "LedgerTable is UPDATING"),
    (kept.tables, of_table(SSEDescription={}), FAIL, "LedgerTable is not under the stack's key"),
    (kept.buckets, refuses("s3", "get_public_access_block", "NoSuchPublicAccessBlockConfiguration"), FAIL,
     "LakeBucket may be made public"),
    (kept.buckets, refuses("s3", "get_bucket_lifecycle_configuration", "NoSuchLifecycleConfiguration"), FAIL,
     "LakeBucket has no lifecycle rules"),
    (kept.buckets, refuses("s3", "get_bucket_policy", "NoSuchBucketPolicy"), FAIL, "takes connections in the clear"),
    (kept.buckets, answers("s3", "get_bucket_versioning", {}), FAIL, "LakeBucket keeps no earlier versions"),
    (kept.buckets,
     answers("s3", "get_bucket_encryption", {"ServerSideEncryptionConfiguration": {
         "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}}),
     FAIL, "LakeBucket is not under the stack's key"),
    (kept.log_groups, answers("logs", "describe_log_groups", LOGS), FAIL,
     "FunctionLogGroup is not under the stack's key; IngestLogGroup is not there"),
    (kept.log_groups, parameter(LogRetentionDays="7"), FAIL, "FunctionLogGroup is not kept for 7 days"),
    (kept.refusals, answers("logs", "filter_log_events", REFUSED), FAIL, "not authorized to perform s3:PutObject"),
    (kept.queues, answers("sqs", "get_queue_attributes", QUEUE), FAIL, "DeadLetterQueue is not under the stack's key"),
    (of_stack.subscriptions, lambda world: world.answers.update(
        {("sns", "get_paginator"): lambda name: SimpleNamespace(paginate=lambda **given: [{"Subscriptions": []}])}),
     WARN, "nobody gets any"),
    (working.alarms_there, lambda world: world.answers.update(
        {("cloudwatch", "get_paginator"): lambda name: SimpleNamespace(paginate=lambda **given: [{"MetricAlarms": [
            {"AlarmName": "lakeferry/DeadLetterAlarm", "ActionsEnabled": False}]}])}),
     FAIL, "RunMissingAlarm is not there"),
    (of_stack.alarms, lambda world: world.aws.client("cloudwatch").set_alarm_state(
        AlarmName="lakeferry/DeadLetterAlarm", StateValue="ALARM", StateReason="test"), WARN, "DeadLetterAlarm"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("look", "break_it", "status", "told"), BROKEN, ids=[f"{one[0].__name__}-{at}" for at, one in enumerate(BROKEN)]
)
def test_what_is_broken_is_found_and_comes_with_advice(
    world: Deployed, look: Any, break_it: Callable[[Deployed], None], status: str, told: str
) -> None:
    break_it(world)
    found = seen(look, world)
    (odd,) = [one for one in found if told in one.told]
    assert odd.status == status
    assert odd.do


def test_messages_in_the_queues_are_found(world: Deployed) -> None:
    world.answers["sqs", "get_queue_attributes"] = lambda **given: QUEUE
    _, messages = seen(kept.queues, world)
    assert (messages.status, messages.told) == (WARN, "2 messages in DeadLetterQueue; 2 messages in UndeliveredQueue")


@pytest.mark.parametrize(
    ("allowed", "told"),
    [("lakeferry", "poll may read any secret"), ("nothing", "may not read the secrets of its own feeds")],
)
def test_what_iam_says_of_secrets(world: Deployed, allowed: str, told: str) -> None:
    world.answers["iam", "simulate_principal_policy"] = lambda **given: {
        "EvaluationResults": [
            {"EvalResourceName": one, "EvalDecision": "allowed" if f":secret:{allowed}" in one else "implicitDeny"}
            for one in given["ResourceArns"]
        ]
    }
    (found,) = seen(deployed.foreign_secrets, world)
    assert (found.status, told in found.told) == (FAIL, True)


@pytest.mark.parametrize(("allowed", "status"), [("lakeferry/acme/", OK), ("lakeferry/", FAIL)])
def test_a_tenants_role_is_asked_with_its_tag_and_for_another_tenants_secret(
    world: Deployed, allowed: str, status: str
) -> None:
    parameter(TenantRoles="on")(world)
    found = {**world.resources, "TenantRole": world.resources["PollFunctionRole"]}
    asked: list[Any] = []

    def answer(**given: Any) -> dict[str, Any]:
        asked.append(given["ContextEntries"])
        decided = {one: "allowed" if f":secret:{allowed}" in one else "implicitDeny" for one in given["ResourceArns"]}
        return {"EvaluationResults": [{"EvalResourceName": o, "EvalDecision": d} for o, d in decided.items()]}

    world.answers["iam", "simulate_principal_policy"] = answer
    listed = [
        {"LogicalResourceId": name, "PhysicalResourceId": made, "ResourceType": "AWS::IAM::Role"}
        for name, made in found.items()
    ]
    pages = SimpleNamespace(paginate=lambda **given: [{"StackResourceSummaries": listed}])
    world.answers["cloudformation", "get_paginator"] = lambda name: pages
    (seen_,) = seen(deployed.foreign_secrets, world)
    assert (seen_.status, "another tenant's secret" in seen_.told) == (status, status == FAIL)
    assert asked[0][0]["ContextKeyValues"] == ["acme"]


@pytest.mark.parametrize(
    ("key", "is_odd"),
    [(None, False), ("alias/aws/secretsmanager", False), ("own", False), ("arn:aws:kms:eu-west-1:1:key/other", True)],
)
def test_a_secret_under_a_key_that_functions_may_not_use_is_found(
    world: Deployed, key: str | None, is_odd: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(of_feeds, "feed_documents", lambda table: iter([feed_document()]))
    given = f"arn:aws:kms:eu-west-1:1:key/{world.resources['DataKey']}" if key == "own" else key
    world.answers["secretsmanager", "describe_secret"] = lambda **asked: {"KmsKeyId": given} if given else {}
    assert bool(seen(kept.readable_secrets, world)) is is_odd


def test_a_function_that_does_not_start_is_found(world: Deployed) -> None:
    payload = {"errorType": "Runtime.ImportModuleError", "errorMessage": "No module named 'pydantic_core'"}
    body = SimpleNamespace(read=lambda: json.dumps(payload).encode())
    world.answers["lambda", "invoke"] = lambda **given: {"FunctionError": "Unhandled", "Payload": body}
    (found,) = seen(working.first_call, world)
    assert (found.status, found.told) == (FAIL, "reprocess: No module named 'pydantic_core'")


@pytest.mark.parametrize(
    ("statuses", "status", "told"),
    [
        ([], WARN, "it took no file"),
        (["CURATED", "CURATED"], OK, "2 of its 2 files curated"),
        (["CURATED", "FAILED"], WARN, "1 of its 2 files failed"),
    ],
)
def test_what_the_first_files_came_to(world: Deployed, statuses: list[str], status: str, told: str) -> None:
    stack: Any = SimpleNamespace(
        runs=lambda limit: [SimpleNamespace(arn="run")],
        ledger=SimpleNamespace(of_run=lambda run, attributes: [{"status": one} for one in statuses]),
    )
    (found,) = working.first_files(Call(Output(), stack_name=NAME), stack)
    assert (found.status, found.told) == (status, told)


def test_every_look_of_the_steps_is_broken_once() -> None:
    elsewhere = {
        deployed.foreign_secrets, kept.readable_secrets, working.first_call, working.first_files,
        of_feeds.documents, of_feeds.secrets, of_feeds.polls, of_stack.last_run,
    }  # above, or in tests/unit/test_doctor.py  # fmt: skip
    assert {look for step in STEPS for look in step.looks} == {one[0] for one in BROKEN} | elsewhere


def test_what_these_credentials_may_not_look_at_is_a_finding_and_the_rest_goes_on(world: Deployed) -> None:
    refuses("iam", "simulate_principal_policy", "AccessDenied")(world)
    found = [one for one in _first(Call(Output(), stack_name=NAME), stack_of(world)) if one.check.startswith("3. ")]
    assert [(one.check, one.status) for one in found] == [("3. foreign secrets", WARN)]
    assert "cannot be looked at" in found[0].told


def test_a_lake_has_no_first_deployment(tmp_path: Any) -> None:
    with pytest.raises(WrongUseError, match="--first is about a deployment in AWS"):
        doctor(Call(Output(), lake=tmp_path), first=True)
