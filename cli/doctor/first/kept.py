"""What keeps data, and how: key, tables, buckets, log groups, queues."""

import json
from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError

from cli.calling import Call
from cli.doctor.finding import FAIL, OK, WARN, Finding
from cli.doctor.first.resources import judged, key_id, parameters
from cli.doctor.of_feeds import named_secrets
from cli.stack import Stack
from lakeferry.counting import count_of

TABLES = ("FeedsTable", "LedgerTable", "SlaTable")
BUCKETS = {"LakeBucket": True, "InboxBucket": False, "WorkBucket": True}
"""Whether earlier versions of an object are kept."""
LOG_GROUPS = ("FunctionLogGroup", "IngestLogGroup")
QUEUES = ("DeadLetterQueue", "UndeliveredQueue")
_BLOCKED = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
_PUBLISHERS = ("events.amazonaws.com", "cloudwatch.amazonaws.com")
_AGAIN = "somebody changed it beside the stack: aws cloudformation detect-stack-drift, then deploy again"


def key(call: Call, stack: Stack) -> Iterator[Finding]:
    """Enabled, turned every year, and open for those that publish to the encrypted topic."""
    client, key_of_stack = stack.client("kms"), stack.physical("DataKey")
    state = client.describe_key(KeyId=key_of_stack)["KeyMetadata"]["KeyState"]
    odd = [] if state == "Enabled" else [f"it is {state}"]
    if not client.get_key_rotation_status(KeyId=key_of_stack)["KeyRotationEnabled"]:
        odd.append("it is not rotated")
    document = json.loads(client.get_key_policy(KeyId=key_of_stack, PolicyName="default")["Policy"])
    for service in _PUBLISHERS:
        granted = [one for one in document["Statement"] if _service_of(one) == service and one["Effect"] == "Allow"]
        if not granted:
            odd.append(f"{service} may not use it, so its mails do not come")
        elif service == _PUBLISHERS[0] and all("Condition" in one for one in granted):
            # EventBridge sends neither aws:SourceAccount nor aws:SourceArn to KMS (Amazon SNS Developer Guide,
            # "Managing Amazon SNS encryption keys and costs")
            odd.append(f"{service} meets a condition that it cannot fulfil, so the mail of last resort does not come")
    yield from judged("key", odd, "enabled, rotated; EventBridge and CloudWatch may publish", _AGAIN)


def _service_of(statement: dict[str, Any]) -> str:
    principal = statement.get("Principal", {})
    return str(principal.get("Service", "")) if isinstance(principal, dict) else ""


def tables(call: Call, stack: Stack) -> Iterator[Finding]:
    """Active, under the stack's key, recoverable to any second of 35 days."""
    client, wanted = stack.client("dynamodb"), key_id(stack.physical("DataKey"))
    odd, unprotected = [], []
    for logical in TABLES:
        name = stack.physical(logical)
        found = client.describe_table(TableName=name)["Table"]
        backups = client.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
        recovery = backups.get("PointInTimeRecoveryDescription", {}).get("PointInTimeRecoveryStatus")
        odd += [] if found["TableStatus"] == "ACTIVE" else [f"{logical} is {found['TableStatus']}"]
        odd += [] if recovery == "ENABLED" else [f"{logical} has no point-in-time recovery"]
        used = key_id(found.get("SSEDescription", {}).get("KMSMasterKeyArn"))
        odd += [] if used == wanted else [f"{logical} is not under the stack's key"]
        unprotected += [] if found.get("DeletionProtectionEnabled") else [logical]
    yield from judged("tables", odd, f"{len(TABLES)} active, encrypted, with point-in-time recovery", _AGAIN)
    if unprotected:
        do = "deploy with DeletionProtection=yes, now that the first deployment is through"
        yield Finding("deletion", WARN, f"nothing keeps {', '.join(unprotected)} from being deleted", do)
    else:
        yield Finding("deletion", OK, "the tables are protected")


def buckets(call: Call, stack: Stack) -> Iterator[Finding]:
    """Private, under the stack's key, with their rules."""
    s3, wanted, odd = stack.client("s3"), key_id(stack.physical("DataKey")), []
    for logical, is_versioned in BUCKETS.items():
        name = stack.physical(logical)
        blocked = _unless(s3, "get_public_access_block", name, "NoSuchPublicAccessBlockConfiguration")
        if not all(blocked.get("PublicAccessBlockConfiguration", {}).get(one) for one in _BLOCKED):
            odd.append(f"{logical} may be made public")
        rules = s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"]
        if key_id(rules[0]["ApplyServerSideEncryptionByDefault"].get("KMSMasterKeyID")) != wanted:
            odd.append(f"{logical} is not under the stack's key")
        if is_versioned and s3.get_bucket_versioning(Bucket=name).get("Status") != "Enabled":
            odd.append(f"{logical} keeps no earlier versions")
        lifecycle = _unless(s3, "get_bucket_lifecycle_configuration", name, "NoSuchLifecycleConfiguration")
        if not any(one["Status"] == "Enabled" for one in lifecycle.get("Rules", [])):
            odd.append(f"{logical} has no lifecycle rules")
        if "aws:SecureTransport" not in str(_unless(s3, "get_bucket_policy", name, "NoSuchBucketPolicy")):
            odd.append(f"{logical} takes connections in the clear")
    yield from judged("buckets", odd, f"{len(BUCKETS)} private, encrypted, with their rules", _AGAIN)


def _unless(s3: Any, method: str, bucket: str, missing: str) -> dict[str, Any]:  # noqa: ANN401
    """What a bucket has; empty where it has none."""
    try:
        found: dict[str, Any] = getattr(s3, method)(Bucket=bucket)
    except ClientError as error:
        if error.response["Error"]["Code"] != missing:
            raise
        return {}
    return found


def log_groups(call: Call, stack: Stack) -> Iterator[Finding]:
    """Under the stack's key, and not kept for ever."""
    client, wanted, odd = stack.client("logs"), key_id(stack.physical("DataKey")), []
    days = parameters(stack).get("LogRetentionDays", "30")
    for logical in LOG_GROUPS:
        name = stack.physical(logical)
        found = [
            one
            for one in client.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
            if one["logGroupName"] == name
        ]
        if not found:
            odd.append(f"{logical} is not there")
            continue
        odd += [] if str(found[0].get("retentionInDays")) == days else [f"{logical} is not kept for {days} days"]
        odd += [] if key_id(found[0].get("kmsKeyId")) == wanted else [f"{logical} is not under the stack's key"]
    yield from judged("log groups", odd, f"encrypted, kept for {days} days", _AGAIN)


def refusals(call: Call, stack: Stack) -> Iterator[Finding]:
    """Calls that IAM refused a function of the stack: there should be none."""
    found = stack.client("logs").filter_log_events(
        logGroupName=stack.physical("FunctionLogGroup"), filterPattern="?AccessDenied ?UnauthorizedOperation", limit=1
    )["events"]
    odd = [found[0]["message"][:300].strip()] if found else []
    do = "look at what it names: a boundary or an organisation's policy may deny what the role allows"
    yield from judged("refusals", odd, "no log line tells of a call that IAM refused", do)


def queues(call: Call, stack: Stack) -> Iterator[Finding]:
    """Empty, and under the stack's key."""
    client, wanted, odd = stack.client("sqs"), key_id(stack.physical("DataKey")), []
    waiting = []
    for logical in QUEUES:
        names = ["ApproximateNumberOfMessages", "KmsMasterKeyId"]
        found = client.get_queue_attributes(QueueUrl=stack.physical(logical), AttributeNames=names)["Attributes"]
        odd += [] if key_id(found.get("KmsMasterKeyId")) == wanted else [f"{logical} is not under the stack's key"]
        count = int(found["ApproximateNumberOfMessages"])
        waiting += [f"{count_of(count, 'message')} in {logical}"] if count else []
    yield from judged("encryption of queues", odd, "under the stack's key", _AGAIN)
    do = f"lakeferry failures {call.where}; of the undelivered queue, docs/runbook.md#undeliveredalarm"
    yield from judged("messages", waiting, "none in either queue", do, WARN)


def readable_secrets(call: Call, stack: Stack) -> Iterator[Finding]:
    """Whether the key that a feed's secret is under is one that the functions may use."""
    manager, own, odd = stack.client("secretsmanager"), key_id(stack.physical("DataKey")), []
    for name, feed_id in sorted(named_secrets(stack).items()):
        try:
            found = key_id(manager.describe_secret(SecretId=name).get("KmsKeyId"))
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise
            continue  # a finding of its own
        if found not in {"", own, "secretsmanager"}:
            odd.append(f"{feed_id}: {name} is under another key, which the functions may not use")
    if odd:
        do = "aws secretsmanager update-secret --secret-id NAME --kms-key-id alias/aws/secretsmanager"
        yield from judged("keys of secrets", odd, "", do, FAIL)
