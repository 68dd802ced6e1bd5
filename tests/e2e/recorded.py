"""Which calls of AWS the functions and the job make on this machine, and whether their roles may.

Each process signs with a key of its own name, so the server knows whose a call is. What a call needs is read from the
request as it arrives: "Actions, resources, and condition keys for AWS services" in the Service Authorization Reference.
"""

import ast
import contextlib
import html
import io
import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qs, unquote

from moto.moto_server.werkzeug_app import DomainDispatcherApplication

from local.aws import LocalAws
from local.session import ACCOUNT, REGION
from tests.contract.policies import Statement, allowed, applies, listed

ROOT = f"{REGION}:{ACCOUNT}"
JOB = "glue-job"
TENANT = "tenant-role"
"""Who calls with a session of the stack's role for tenants."""
ENCRYPTED = {"s3", "dynamodb", "sns"}
"""Services whose stores here have the stack's own key, which whoever calls them needs, too."""
TRANSACTED = {"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem", "ConditionCheck": "ConditionCheckItem"}
TOGETHER = {"glue", "sns"}
TARGETED = {"dynamodb", "sqs", "states", "glue", "secretsmanager", "events"}


@dataclass(frozen=True, order=True)
class Need:
    """What a call needs: of whom, which action, on what.

    Attributes:
        caller: The function's name, or `JOB`.
        prefix: Of a listing, what it asks for.
        keys: Partition keys, of a call of DynamoDB.
        tenant: Whose session it is, where the caller is `TENANT`.
    """

    caller: str
    action: str
    resource: str
    prefix: str = ""
    keys: tuple[str, ...] = ()
    tenant: str = ""

    @property
    def context(self) -> dict[str, str | Sequence[str]]:
        """What the request tells of itself."""
        found: dict[str, str | Sequence[str]] = {"s3:prefix": self.prefix}
        if self.keys:
            found["dynamodb:LeadingKeys"] = self.keys
        return found | ({"aws:PrincipalTag/tenant": self.tenant} if self.tenant else {})


@dataclass
class Recorder:
    """The calls so far.

    Attributes:
        sessions: The tenants of sessions, by access key.
        assumed: Who assumed the role for which tenant, each time.
    """

    needs: set[Need] = field(default_factory=set)
    unknown: set[str] = field(default_factory=set)
    sessions: dict[str, str] = field(default_factory=dict)
    assumed: list[tuple[str, str]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, environ: Mapping[str, Any], body: bytes, status: int) -> None:
        signed = re.search(r"Credential=([^/]+)/\d+/[^/]+/([^/]+)/", environ.get("HTTP_AUTHORIZATION", ""))
        if signed is None or signed[1] == "local":
            return  # a test's own
        caller, service = signed[1], signed[2]
        tenant = self.sessions.get(caller, "")
        caller = TENANT if tenant else caller
        try:
            found = [replace(Need(caller, *one), tenant=tenant) for one in needs_of(service, environ, body, status)]
        except (KeyError, ValueError) as error:
            with self._lock:
                self.unknown.add(f"{caller} {service} {environ.get('HTTP_X_AMZ_TARGET')} {error!r}")
            return
        with self._lock:
            self.needs.update(found)

    def note_session(self, environ: Mapping[str, Any], body: bytes, answer: bytes) -> None:
        form = {key: values[0] for key, values in parse_qs(body.decode()).items()}
        assert (form["Action"], form["Tags.member.1.Key"]) == ("AssumeRole", "tenant"), form
        key = re.search(rb"<AccessKeyId>(.*?)</AccessKeyId>", answer)
        signed = re.search(r"Credential=([^/]+)/", environ["HTTP_AUTHORIZATION"])
        assert key is not None
        assert signed is not None
        with self._lock:
            self.sessions[key[1].decode()] = form["Tags.member.1.Value"]
            self.assumed.append((signed[1], form["Tags.member.1.Value"]))


@contextlib.contextmanager
def recording() -> Iterator[Recorder]:
    """Notes what is called while the block runs."""
    recorder, before = Recorder(), DomainDispatcherApplication.__call__

    def heard(self: Any, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        body = b""
        if "/s3/" not in environ.get("HTTP_AUTHORIZATION", "") or "delete" in environ.get("QUERY_STRING", ""):
            body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            environ["wsgi.input"] = io.BytesIO(body)
        kept = {key: environ.get(key) for key in KEPT if environ.get(key)}

        def started(status: str, *rest: Any) -> Any:
            recorder.note(kept, body, int(status.split()[0]))
            return start_response(status, *rest)

        if "/sts/" in str(kept.get("HTTP_AUTHORIZATION")):
            answer = list(before(self, environ, start_response))
            recorder.note_session(kept, body, b"".join(answer))
            return answer
        return before(self, environ, started)

    DomainDispatcherApplication.__call__ = heard
    try:
        yield recorder
    finally:
        DomainDispatcherApplication.__call__ = before


KEPT = (
    *("HTTP_AUTHORIZATION", "HTTP_X_AMZ_TARGET", "HTTP_X_AMZ_COPY_SOURCE", "REQUEST_METHOD"),
    *("PATH_INFO", "QUERY_STRING"),
)


def needs_of(service: str, environ: Mapping[str, Any], body: bytes, status: int) -> Iterator[tuple[Any, ...]]:
    """Action and resource, a listing's prefix, and partition keys, of each permission that a request needs."""
    if service == "s3":
        yield from _s3(environ, body, status)
        return
    if service == "sns":
        form = {key: values[0] for key, values in parse_qs(body.decode()).items()}
        arn = form.get("TopicArn") or form["SubscriptionArn"]
        yield f"sns:{form['Action']}", arn
        return
    if service not in TARGETED:
        raise KeyError(service)
    yield from _targeted(service, environ["HTTP_X_AMZ_TARGET"].rpartition(".")[2], json.loads(body))


def _s3(environ: Mapping[str, Any], body: bytes, status: int) -> Iterator[tuple[str, ...]]:
    method, query = environ["REQUEST_METHOD"], parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)
    bucket, _, key = environ["PATH_INFO"].lstrip("/").partition("/")
    if not key:
        if method == "POST" and "delete" in query:
            for named in re.findall(r"<Key>(.*?)</Key>", body.decode()):
                yield "s3:DeleteObject", f"arn:aws:s3:::{bucket}/{html.unescape(named)}"
        elif method == "GET" and "uploads" in query:
            yield "s3:ListBucketMultipartUploads", f"arn:aws:s3:::{bucket}"
        else:
            assert method in {"GET", "HEAD"}, method
            yield "s3:ListBucket", f"arn:aws:s3:::{bucket}", query.get("prefix", [""])[0]
        return
    resource = f"arn:aws:s3:::{bucket}/{key}"
    by_method = {
        "GET": "GetObject",
        "HEAD": "GetObject",
        "PUT": "PutObject",
        "POST": "PutObject",
        "DELETE": "DeleteObject",
    }
    action = by_method[method]
    if "uploadId" in query:
        action = {"GET": "ListMultipartUploadParts", "DELETE": "AbortMultipartUpload"}.get(method, action)
    yield f"s3:{action}", resource
    if source := environ.get("HTTP_X_AMZ_COPY_SOURCE"):
        yield "s3:GetObject", f"arn:aws:s3:::{unquote(source).lstrip('/')}"
    if action == "GetObject" and status == 404:  # without it the answer is 403, whatever the reason
        yield "s3:ListBucket", f"arn:aws:s3:::{bucket}", key


def _targeted(service: str, operation: str, asked: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
    action = f"{service}:{operation}"
    if service == "dynamodb":
        yield from _dynamodb(operation, asked)
    elif service == "sqs":
        yield action.removesuffix("Batch"), f"arn:aws:sqs:{ROOT}:{asked['QueueUrl'].rpartition('/')[2]}"
    elif service == "events":
        for entry in asked["Entries"]:
            yield action, f"arn:aws:events:{ROOT}:event-bus/{entry['EventBusName']}"
    elif service == "states":
        yield action, asked.get("stateMachineArn") or asked.get("mapRunArn") or asked["executionArn"]
    elif service == "secretsmanager":
        yield action, f"arn:aws:secretsmanager:{ROOT}:secret:{asked['SecretId']}-1a2b3c"
    elif "Crawler" in operation:
        yield action, f"arn:aws:glue:{ROOT}:crawler/{asked['Name']}"
    else:
        database = asked.get("DatabaseName") or asked["Name"]
        table = asked.get("TableName") or asked.get("TableInput", {}).get("Name") or asked.get("Name")
        yield action, f"arn:aws:glue:{ROOT}:catalog"
        yield action, f"arn:aws:glue:{ROOT}:database/{database}"
        if "Database" not in operation:
            yield action, f"arn:aws:glue:{ROOT}:table/{database}/{table}"


def _dynamodb(operation: str, asked: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
    if operation == "TransactWriteItems":
        for item in asked["TransactItems"]:
            ((kind, what),) = item.items()
            yield f"dynamodb:{TRANSACTED[kind]}", _table(what["TableName"]), "", _keys(what.get("Key") or what["Item"])
    elif operation == "BatchGetItem":
        for table, of_table in asked["RequestItems"].items():
            yield f"dynamodb:{operation}", _table(table), "", _keys(*of_table["Keys"])
    elif operation == "BatchWriteItem":
        for table, writes in asked["RequestItems"].items():
            items = [
                write["PutRequest"]["Item"] if "PutRequest" in write else write["DeleteRequest"]["Key"]
                for write in writes
            ]
            yield f"dynamodb:{operation}", _table(table), "", _keys(*items)
    elif operation == "Scan":
        yield f"dynamodb:{operation}", _table(asked["TableName"])
    elif operation == "Query":
        table, index = _table(asked["TableName"]), asked.get("IndexName")
        # of the two, the partition's key is compared first
        equal = re.search(r"= (:\w+)", asked["KeyConditionExpression"])
        assert equal is not None, asked
        (key,) = asked["ExpressionAttributeValues"][equal[1]].values()
        yield f"dynamodb:{operation}", f"{table}/index/{index}" if index else table, "", (key,)
    else:
        item = asked.get("Key") or asked["Item"]
        yield f"dynamodb:{operation}", _table(asked["TableName"]), "", _keys(item)


def _keys(*items: Mapping[str, Any]) -> tuple[str, ...]:
    """Partition keys of items: of the feeds table it is the tenant, of the others the feed."""
    return tuple(sorted({item["feed_id" if "feed_id" in item else "tenant"]["S"] for item in items}))


def _table(name: str) -> str:
    return f"arn:aws:dynamodb:{ROOT}:table/{name}"


# -- roles


def statements_of(aws: LocalAws) -> dict[str, list[Statement]]:
    """The statements of each function's role, and of the job's, as they were deployed; by the caller's name."""
    iam, functions = aws.client("iam"), aws.client("lambda")
    roles = {
        found["FunctionName"]: found["Role"].rpartition("/")[2]
        for page in functions.get_paginator("list_functions").paginate()
        for found in page["Functions"]
    }
    roles[JOB] = aws.resources["CurateJobRole"]
    if aws.resources.get("TenantRole"):
        roles[TENANT] = aws.resources["TenantRole"]
    return {
        caller: [
            statement
            for name in iam.list_role_policies(RoleName=role)["PolicyNames"]
            for statement in listed(_document(iam.get_role_policy(RoleName=role, PolicyName=name))["Statement"])
            if statement is not None  # moto keeps AWS::NoValue in a list, CloudFormation leaves it out
        ]
        for caller, role in roles.items()
    }


def _document(answer: Mapping[str, Any]) -> dict[str, Any]:
    found = answer["PolicyDocument"]
    return dict(ast.literal_eval(found) if isinstance(found, str) else found)  # moto's, as Python writes it


def refused(aws: LocalAws, needs: set[Need]) -> list[str]:
    """What was called and the caller's role does not allow: AWS would answer AccessDenied."""
    roles = statements_of(aws)
    key = f"arn:aws:kms:{ROOT}:key/{aws.resources['DataKey']}"
    found = set[str]()
    for need in needs:
        statements = roles[need.caller]
        if not allowed(statements, need.action, need.resource, need.context):
            found.add(f"{need.caller} may not {need.action} on {need.resource} {need.prefix}")
        if need.action.split(":")[0] in ENCRYPTED:
            for action in ("kms:Decrypt", "kms:GenerateDataKey"):
                if not allowed(statements, action, key):
                    found.add(f"{need.caller} may not {action}")
    return sorted(found)


def unused(aws: LocalAws, needs: set[Need]) -> set[str]:
    """What a role allows and nobody called: `caller action resource`, with logical names."""
    logical = {physical: name for name, physical in aws.resources.items()}
    lines = set[str]()
    for caller, statements in statements_of(aws).items():
        mine = [need for need in needs if need.caller == caller]
        encrypted = any(need.action.split(":")[0] in ENCRYPTED for need in mine)
        for statement in statements:
            if statement["Effect"] != "Allow":
                continue
            for action in listed(statement["Action"]):
                service = action.split(":")[0]
                if service == "kms" and encrypted:
                    continue
                resources = listed(statement["Resource"])
                # Glue looks at catalog, database and table for one call, SNS at the topic or the subscription
                for some in [resources] if service in TOGETHER else [[resource] for resource in resources]:
                    alone = {"Effect": "Allow", "Action": action, "Resource": some}
                    if not any(applies(alone, need.action, need.resource, {}) for need in mine):
                        lines.add(f"{logical.get(caller, caller)} {action} {_readable(some[-1], logical)}")
    return lines


def _readable(resource: str, logical: Mapping[str, str]) -> str:
    for physical, name in sorted(logical.items(), key=lambda pair: -len(pair[0])):
        if physical and name != "GlueDatabase" and physical in resource:
            return re.sub(r"^arn:aws:\w+:[\w-]*:\d*:(\w+[/:])?", "", resource).replace(physical, name)
    return resource
