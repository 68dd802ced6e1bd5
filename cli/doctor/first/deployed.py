"""Whether all that the template names is there and ready."""

from collections.abc import Iterator

from botocore.exceptions import ClientError

from cli.calling import Call
from cli.doctor.finding import FAIL, OK, WARN, Finding
from cli.doctor.first.resources import judged, of_type, parameters
from cli.stack import Stack
from lakeferry.catalog.putting import find_table
from lakeferry.catalog.standing import inputs
from lakeferry.counting import count_of

OUTPUTS = (
    *("StateMachineArn", "LakeBucketName", "InboxBucketName", "WorkBucketName", "FeedsTableName", "LedgerTableName"),
    *("SlaTableName", "DeadLetterQueueUrl", "NotificationTopicArn", "QueryWorkGroupName", "DatabaseName"),
)
_DONE = {"CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"}
_FOREIGN = "lakeferry-of-another-stack/"
"""Begins the name of a secret that no role of this stack may read."""


def outputs(call: Call, stack: Stack) -> Iterator[Finding]:
    """What the stack says of itself."""
    (found,) = stack.client("cloudformation").describe_stacks(StackName=stack.name)["Stacks"]
    told = {one["OutputKey"]: one["OutputValue"] for one in found.get("Outputs", [])}
    missing = [f"no {name}" for name in OUTPUTS if not told.get(name)]
    yield from judged(
        "outputs", missing, f"all {len(OUTPUTS)}", "deploy again from this version: sam build, sam deploy"
    )


def nested(call: Call, stack: Stack) -> Iterator[Finding]:
    """Alarms and saved queries are stacks of their own."""
    formation = stack.client("cloudformation")
    odd = []
    found = of_type(stack, "AWS::CloudFormation::Stack")
    for logical, name in sorted(found.items()):
        (one,) = formation.describe_stacks(StackName=name)["Stacks"]
        if one["StackStatus"] not in _DONE:
            odd.append(f"{logical} is {one['StackStatus']}")
    do = "see why: aws cloudformation describe-stack-events --stack-name NAME, with the nested stack's name"
    yield from judged("nested stacks", odd, f"{count_of(len(found), 'stack')} complete", do)


def functions(call: Call, stack: Stack) -> Iterator[Finding]:
    """Whether each may be called, and is of the architecture that was asked for."""
    client, wanted = stack.client("lambda"), parameters(stack).get("Architecture", "arm64")
    found, odd = of_type(stack, "AWS::Lambda::Function"), []
    for logical, name in sorted(found.items()):
        one = client.get_function_configuration(FunctionName=name)
        state, update = one.get("State", "Active"), one.get("LastUpdateStatus", "Successful")
        # a function that nobody called for weeks is Inactive until the next call ("Lambda function states")
        if state not in {"Active", "Inactive"} or update != "Successful":
            reason = one.get("StateReason") or one.get("LastUpdateStatusReason") or ""
            odd.append(f"{logical} is {state}, {update} {reason}".rstrip())
        elif one.get("Architectures", [wanted]) != [wanted]:
            odd.append(f"{logical} is of {one['Architectures'][0]}, the stack of {wanted}")
    do = "sam build, sam deploy; in a VPC, look whether its subnets have free addresses"
    yield from judged("functions", odd, f"{count_of(len(found), 'function')} active, {wanted}", do)


def boundaries(call: Call, stack: Stack) -> Iterator[Finding]:
    """The permissions boundary on every role, where one was given."""
    wanted, iam = parameters(stack).get("PermissionsBoundary", ""), stack.client("iam")
    if not wanted:
        return
    found = of_type(stack, "AWS::IAM::Role")
    odd = []
    for logical, name in sorted(found.items()):
        role = iam.get_role(RoleName=name)["Role"]
        if role.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn") != wanted:
            odd.append(f"{logical} is not bounded")
    yield from judged(
        "boundary", odd, f"on all {count_of(len(found), 'role')}", "deploy again with PermissionsBoundary"
    )


def foreign_secrets(call: Call, stack: Stack) -> Iterator[Finding]:
    """IAM's own verdict on a secret that is not a feed's, for the role that reads partners' secrets.

    With TenantRoles=on that is the role of a tenant, by its tag, and another tenant's secret is foreign, too.
    """
    iam, roles = stack.client("iam"), of_type(stack, "AWS::IAM::Role")
    is_tagged = parameters(stack).get("TenantRoles") == "on"
    who = "a tenant's role" if is_tagged else "function poll"
    arn = iam.get_role(RoleName=roles["TenantRole" if is_tagged else "PollFunctionRole"])["Role"]["Arn"]
    _, partition, _, _, account, _ = arn.split(":", 5)
    region, prefix = stack.client("secretsmanager").meta.region_name, stack.secret_prefix
    own, *foreign = (
        f"arn:{partition}:secretsmanager:{region}:{account}:secret:{name}/daily_sales-AbCdEf"
        for name in (f"{prefix}acme", f"{_FOREIGN}acme", *([f"{prefix}globex"] if is_tagged else []))
    )
    tag = {"ContextKeyName": "aws:PrincipalTag/tenant", "ContextKeyValues": ["acme"], "ContextKeyType": "string"}
    answer = iam.simulate_principal_policy(
        PolicySourceArn=arn,
        ActionNames=["secretsmanager:GetSecretValue"],
        ResourceArns=[own, *foreign],
        ContextEntries=[tag] if is_tagged else [],
    )
    allowed = {
        one["EvalResourceName"] for one in answer["EvaluationResults"] if one["EvalDecision"].lower() == "allowed"
    }
    odd = [] if own in allowed else [f"{who} may not read the secrets of its own feeds"]
    odd += [f"{who} may read any secret"] if foreign[0] in allowed else []
    odd += [f"{who} may read another tenant's secret"] if allowed & set(foreign[1:]) else []
    do = "look at the policies of its role, the boundary and the organisation's policies"
    yield from judged("permissions", odd, f"{who} may read the secrets of its own feeds, and no other", do)


def lake_formation(call: Call, stack: Stack) -> Iterator[Finding]:
    """What works on the tables is granted them, where Lake Formation governs the catalog."""
    if parameters(stack).get("LakeFormation") != "yes":
        return
    client, iam, odd = stack.client("lakeformation"), stack.client("iam"), []
    for logical in ("CurateJobRole", "CurateSmallFunctionRole", "JobFilesFunctionRole", "CrawlerRole"):
        arn = iam.get_role(RoleName=stack.physical(logical))["Role"]["Arn"]
        resource = {"Database": {"Name": stack.physical("GlueDatabase")}}
        answer = client.list_permissions(Principal={"DataLakePrincipalIdentifier": arn}, Resource=resource)
        if not answer["PrincipalResourcePermissions"]:
            odd.append(f"{logical} is granted nothing on the database")
    yield from judged(
        "Lake Formation", odd, "job, functions and crawler are granted the tables", "see docs/security.md"
    )


def job_files(call: Call, stack: Stack) -> Iterator[Finding]:
    """Script, modules and packages of the Glue job, where it looks for them."""
    job = stack.client("glue").get_job(JobName=stack.physical("CurateJob"))["Job"]
    arguments = job.get("DefaultArguments", {})
    wanted = [
        job["Command"]["ScriptLocation"],
        *(one for name in ("--extra-py-files", "--packages") for one in arguments.get(name, "").split(",")),
    ]
    odd = []
    for location in wanted:
        bucket, _, key = location.removeprefix("s3://").partition("/")
        try:
            stack.client("s3").head_object(Bucket=bucket, Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] not in {"404", "NoSuchKey", "NoSuchBucket", "NotFound"}:
                raise
            odd.append(f"{location} is not there")
    do = "sam build, sam deploy: the stack's resource JobFiles puts them"
    yield from judged("job's files", odd, f"{count_of(len(wanted), 'file')} in place, Glue {job['GlueVersion']}", do)


def crawler(call: Call, stack: Stack) -> Iterator[Finding]:
    """Ready, and its last crawl went well."""
    found = stack.client("glue").get_crawler(Name=stack.physical("RawCrawler"))["Crawler"]
    last = found.get("LastCrawl", {})
    if last.get("Status") == "FAILED":
        do = "read its log group /aws-glue/crawlers; mostly a permission of the role CrawlerRole"
        yield Finding("crawler", FAIL, f"its last crawl FAILED: {last.get('ErrorMessage', '')}".rstrip(": "), do)
    else:
        yield Finding("crawler", OK, f"{found['State']}, last crawl {last.get('Status', 'not yet')}")


def database(call: Call, stack: Stack) -> Iterator[Finding]:
    """The database, and the tables that every stack has."""
    name = stack.physical("GlueDatabase")
    try:
        stack.client("glue").get_database(Name=name)
    except ClientError as error:
        if error.response["Error"]["Code"] != "EntityNotFoundException":
            raise
        yield Finding(
            "database", FAIL, f"{name} is not in the Data Catalog", "deploy again, or adopt it: docs/deploy.md"
        )
        return
    glue, bucket = stack.client("glue"), stack.physical("LakeBucket")
    wanted = [table["Name"] for table in inputs(name, bucket)]
    odd = [f"{table} is not in {name}" for table in wanted if find_table(glue, name, table) is None]
    do = "sam build, sam deploy: the stack's resource StandingTables makes them"
    yield from judged("database", odd, f"{name} is in the Data Catalog, with {', '.join(wanted)}", do)


def machine(call: Call, stack: Stack) -> Iterator[Finding]:
    """Active, traced, and its errors are logged."""
    found = stack.client("stepfunctions").describe_state_machine(stateMachineArn=stack.physical("IngestStateMachine"))
    odd = [] if found["status"] == "ACTIVE" else [f"it is {found['status']}"]
    odd += [] if found.get("loggingConfiguration", {}).get("level", "OFF") != "OFF" else ["its errors are not logged"]
    odd += [] if found.get("tracingConfiguration", {}).get("enabled") else ["it is not traced"]
    do = "deploy again: sam build, sam deploy"
    yield from judged("state machine", odd, f"{found['name']} is ACTIVE, logged and traced", do)


def rules(call: Call, stack: Stack) -> Iterator[Finding]:
    """Every rule but the one that starts runs, which has a finding of its own."""
    client, odd = stack.client("events"), []
    found = of_type(stack, "AWS::Events::Rule")
    for logical, name in sorted(found.items()):
        if logical != "HourlyRule" and client.describe_rule(Name=name.rsplit("|", 1)[-1])["State"] != "ENABLED":
            odd.append(f"{logical} is disabled")
    do = "aws events enable-rule --name NAME, with the name in the stack's resources"
    yield from judged("rules", odd, f"{count_of(len(found) - 1, 'other rule')} enabled", do, WARN)
