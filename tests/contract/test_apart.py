"""What keeps a stack apart: its own key, a boundary on its roles, what Glue and Lake Formation ask for."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.policies import allowed, listed
from tests.contract.rendered import REGIONS, Rendered, nested, render

BOUNDARY = "arn:aws:iam::123456789012:policy/bounds"
PLAIN = render()
KEY = PLAIN.arns["DataKey"]


def test_every_role_has_the_boundary_that_is_given_and_none_otherwise() -> None:
    bounded = render(PermissionsBoundary=BOUNDARY).of_type("AWS::IAM::Role")
    assert len(bounded) >= 20
    assert {role.get("PermissionsBoundary") for role in bounded.values()} == {BOUNDARY}
    assert not any("PermissionsBoundary" in role for role in PLAIN.of_type("AWS::IAM::Role").values())


def test_all_that_holds_something_is_under_the_stacks_key() -> None:
    for bucket in PLAIN.of_type("AWS::S3::Bucket").values():
        (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert rule["ServerSideEncryptionByDefault"]["KMSMasterKeyID"] == KEY
    for table in PLAIN.of_type("AWS::DynamoDB::Table").values():
        assert table["SSESpecification"]["KMSMasterKeyId"] == KEY
    (queue,) = (one for one in PLAIN.of_type("AWS::SQS::Queue").values() if one.get("FifoQueue"))
    assert queue["KmsMasterKeyId"] == PLAIN.names["DataKey"]
    (topic,) = PLAIN.of_type("AWS::SNS::Topic").values()
    assert topic["KmsMasterKeyId"] == PLAIN.names["DataKey"]
    groups = PLAIN.of_type("AWS::Logs::LogGroup")
    assert {group["KmsKeyId"] for group in groups.values()} == {KEY}
    assert {function["KmsKeyArn"] for function in PLAIN.of_type("AWS::Lambda::Function").values()} == {KEY}
    (group,) = PLAIN.of_type("AWS::Athena::WorkGroup").values()
    results = group["WorkGroupConfiguration"]["ResultConfiguration"]
    assert results["EncryptionConfiguration"]["KmsKey"] == KEY


def test_every_function_may_use_the_key_of_its_variables() -> None:
    for name, function in PLAIN.of_type("AWS::Lambda::Function").items():
        (role,) = (role for role, arn in PLAIN.arns.items() if arn == function["Role"])
        assert allowed(PLAIN.policies(role), "kms:Decrypt", KEY), name


@pytest.mark.parametrize("partition", REGIONS)
def test_cloudwatch_logs_may_use_the_key_for_this_stacks_groups_alone(partition: str) -> None:
    found = render("Acme", partition)
    (key,) = found.of_type("AWS::KMS::Key").values()
    (statement,) = (one for one in key["KeyPolicy"]["Statement"] if one["Sid"] == "LogsEncrypt")
    domain = "amazonaws.com.cn" if partition == "aws-cn" else "amazonaws.com"
    assert statement["Principal"] == {"Service": f"logs.{REGIONS[partition]}.{domain}"}
    groups = statement["Condition"]["ArnEquals"]["kms:EncryptionContext:aws:logs:arn"]
    assert {f"{group}:*" for group in groups} == {found.arns[name] for name in found.of_type("AWS::Logs::LogGroup")}


def test_a_stack_reads_secrets_below_its_own_prefix_alone() -> None:
    secret = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:{}acme/daily_sales-1a2b3c"
    for found, own, other in (
        (PLAIN, "lakeferry/", "acme-prod/"),
        (render(SecretPrefix="acme-prod/"), "acme-prod/", "lakeferry/"),
    ):
        for name in ("PollFunctionRole", "FetchFunctionRole", "ValidateFunctionRole", "UploadFunctionRole"):
            assert allowed(found.policies(name), "secretsmanager:GetSecretValue", secret.format(own))
            assert not allowed(found.policies(name), "secretsmanager:GetSecretValue", secret.format(other))
        for function in found.of_type("AWS::Lambda::Function").values():
            assert function["Environment"]["Variables"]["SECRET_PREFIX"] == own


def test_an_older_script_of_the_job_can_be_had_back() -> None:
    work = PLAIN.of_type("AWS::S3::Bucket")["WorkBucket"]
    assert work["VersioningConfiguration"] == {"Status": "Enabled"}
    assert any("NoncurrentVersionExpiration" in rule for rule in work["LifecycleConfiguration"]["Rules"])


@pytest.mark.parametrize(
    ("role", "bucket"),
    [("CrawlerRole", "LakeBucket"), ("CurateJobRole", "LakeBucket"), ("CurateJobRole", "WorkBucket")],
)
def test_glue_may_what_its_documentation_asks_for(role: str, bucket: str) -> None:
    for action in ("s3:GetBucketLocation", "s3:ListBucket", "s3:GetBucketAcl"):
        assert allowed(PLAIN.policies(role), action, PLAIN.arns[bucket]), action


def test_lake_formation_grants_what_works_on_the_tables_and_only_when_asked() -> None:
    assert "LakeFormationGrants" not in PLAIN.resources
    found = render(LakeFormation="yes")
    (database,) = (found.names[name] for name in found.of_type("AWS::Glue::Database"))
    granted: dict[str, set[str]] = {}
    grants = nested(found, "LakeFormationGrants").of_type("AWS::LakeFormation::PrincipalPermissions")
    for grant in grants.values():
        ((kind, resource),) = grant["Resource"].items()
        assert resource["Name" if kind == "Database" else "DatabaseName"] == database
        granted.setdefault(grant["Principal"]["DataLakePrincipalIdentifier"], set()).add(kind)
    # exactly the roles that may write tables by IAM
    tables = [f"arn:aws:glue:eu-west-1:123456789012:table/{database}/{name}" for name in ("raw_acme_sales", "sla")]
    writing = {
        found.arns[role]
        for role in found.of_type("AWS::IAM::Role")
        if any(allowed(found.policies(role), "glue:UpdateTable", table) for table in tables)
    }
    assert granted == {arn: {"Database", "Table"} for arn in writing}
    assert len(writing) == 4


def test_no_statement_of_a_role_is_for_everything_but_for_what_knows_no_resources() -> None:
    for role in PLAIN.of_type("AWS::IAM::Role"):
        for statement in PLAIN.policies(role):
            if statement["Effect"] == "Allow" and "*" in listed(statement["Resource"]):
                services = {action.partition(":")[0] for action in listed(statement["Action"])}
                assert services <= {"logs", "xray", "cloudwatch"}, json.dumps(statement)


OTHER = render("Other-Stack", SecretPrefix="other/")
KINDS = {
    "AWS::S3::Bucket": ("s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:ListBucket"),
    "AWS::DynamoDB::Table": ("dynamodb:GetItem", "dynamodb:Scan", "dynamodb:Query", "dynamodb:UpdateItem"),
    "AWS::SQS::Queue": ("sqs:SendMessage", "sqs:ReceiveMessage", "sqs:DeleteMessage"),
    "AWS::SNS::Topic": ("sns:Publish", "sns:Subscribe"),
    "AWS::KMS::Key": ("kms:Decrypt", "kms:GenerateDataKey"),
    "AWS::StepFunctions::StateMachine": ("states:StartExecution", "states:ListExecutions"),
    "AWS::Lambda::Function": ("lambda:InvokeFunction",),
}


def targets(found: Rendered) -> Iterator[tuple[str, str]]:
    """Everything that a stack has, with what one would do to it."""
    for kind, actions in KINDS.items():
        for name in found.of_type(kind):
            for action in actions:
                is_object = action.startswith("s3:") and action != "s3:ListBucket"
                for below in ("raw/acme_sales/x", "runs/r/feeds.json", "x") if is_object else ("",):
                    yield action, f"{found.arns[name]}/{below}" if below else found.arns[name]
    (database,) = (found.names[name] for name in found.of_type("AWS::Glue::Database"))
    yield "glue:UpdateTable", f"arn:aws:glue:eu-west-1:123456789012:table/{database}/raw_acme_sales"
    prefix = next(iter(found.of_type("AWS::Lambda::Function").values()))["Environment"]["Variables"]["SECRET_PREFIX"]
    yield "secretsmanager:GetSecretValue", f"arn:aws:secretsmanager:eu-west-1:123456789012:secret:{prefix}acme/x-1a2b3c"


def test_no_role_of_a_stack_may_do_anything_to_another_stack() -> None:
    """Attacks from within: whatever runs with a role of one stack, against all that the other one has."""
    tried = reached = 0
    for role in PLAIN.of_type("AWS::IAM::Role"):
        statements = PLAIN.policies(role)
        for action, resource in targets(OTHER):
            assert not allowed(statements, action, resource), (role, action, resource)
            tried += 1
        reached += sum(allowed(statements, action, resource) for action, resource in targets(PLAIN))
    assert tried > 1_000
    assert reached > 50, "these attacks would do something if they were allowed"


NEEDED = {
    "lambda:invoke": "lambda:InvokeFunction",
    "sqs:sendMessage": "sqs:SendMessage",
    "sns:publish": "sns:Publish",
    "dynamodb:updateItem": "dynamodb:UpdateItem",
    "aws-sdk:dynamodb:query": "dynamodb:Query",
    "aws-sdk:glue:startCrawler": "glue:StartCrawler",
    "aws-sdk:glue:getCrawler": "glue:GetCrawler",
    "glue:startJobRun.sync": "glue:StartJobRun",
    "s3:getObject": "s3:GetObject",
}
BESIDE = {
    "states:StartExecution": "a Distributed Map starts its children",
    "states:DescribeExecution": "and looks after them",
    "states:StopExecution": "and stops them",
    "states:RedriveExecution": "and redrives them",
    "glue:GetJobRun": ".sync polls the job",
    "glue:GetJobRuns": ".sync polls the job",
    "glue:BatchStopJobRun": ".sync stops the job",
    "kms:Decrypt": "what it reads and writes is encrypted",
    "kms:GenerateDataKey": "what it reads and writes is encrypted",
}
"""What no state names ("IAM policies for integrated services", and for Distributed Map, in the Developer Guide)."""


def test_the_state_machine_may_what_its_states_do_and_nothing_else() -> None:
    statements = PLAIN.policies("IngestStateMachineRole")
    used = set(BESIDE)
    for body in _bodies(json.loads(PLAIN.definition())):
        action = NEEDED[body["Resource"].partition(":::")[2]]
        resource = _resource(action, body["Arguments"])
        assert allowed(statements, action, resource), (action, resource)
        used.add(action)
    granted = {action for statement in statements for action in listed(statement["Action"])}
    unnamed = {action for action in granted - used if action.partition(":")[0] not in {"logs", "xray"}}
    assert unnamed == set()
    assert used <= granted


def _bodies(value: Any) -> Iterator[dict[str, Any]]:
    """States, and Maps' readers, that call a service."""
    if isinstance(value, dict):
        if "Resource" in value and "Arguments" in value:
            yield value
        for item in value.values():
            yield from _bodies(item)
    elif isinstance(value, list):
        for item in value:
            yield from _bodies(item)


def _resource(action: str, arguments: Any) -> str:
    """What the call of a state is about; lists that the functions wrote are in the work bucket."""
    place = "arn:aws:{}:eu-west-1:123456789012:"
    if action == "s3:GetObject":
        return f"{PLAIN.arns['WorkBucket']}/runs/r1/feeds.json"
    if action == "lambda:InvokeFunction":
        return str(arguments["FunctionName"])
    if action == "sns:Publish":
        return str(arguments["TopicArn"])
    if action == "sqs:SendMessage":
        return place.format("sqs") + str(arguments["QueueUrl"]).rpartition("/")[2]
    if action.startswith("dynamodb:"):
        index = f"/index/{arguments['IndexName']}" if "IndexName" in arguments else ""
        return f"{place.format('dynamodb')}table/{arguments['TableName']}{index}"
    kind, name = ("job", arguments["JobName"]) if "JobName" in arguments else ("crawler", arguments["Name"])
    return f"{place.format('glue')}{kind}/{name}"
