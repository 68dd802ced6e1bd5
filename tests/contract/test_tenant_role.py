"""What IAM denies a session of one tenant, by the policies as they are deployed."""

import itertools
import re

import pytest

from tests.contract.policies import Context, allowed, listed
from tests.contract.rendered import ROOT, Rendered, render

ON, OFF = render(TenantRoles="on"), render()
ROLE = ON.policies("TenantRole")
STAGES = ("PollFunctionRole", "FetchFunctionRole", "ValidateFunctionRole", "UploadFunctionRole", "DeliverFunctionRole")
PLACES = {
    "InboxBucket": ["{}/sales/2a5f/a.csv"],
    "LakeBucket": [
        "raw/{}_sales/dt=2026-11-01/a.csv",
        "fallout/{}_sales/dt=2026-11-01/a.json",
        "outputs/{}_sales/1.json",
    ],
    "WorkBucket": ["staging/{}_sales/2a5f/1", "polls/{}/sales", "runs/7d1e/{}/sales.json"],
}
ACTIONS = ("s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:ListMultipartUploadParts", "s3:AbortMultipartUpload")
ITEMS = (
    *("dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query", "dynamodb:UpdateItem"),
    *("dynamodb:ConditionCheckItem", "dynamodb:PutItem", "dynamodb:DeleteItem", "dynamodb:BatchWriteItem"),
)
SHARED = (
    "!connections",
    "!runs",
    "!aside",
    "!delivered",
    "!begun",
    "!lease",
    "!dataset",
    "!address",
    "!document",
    "!seeded",
)
"""Partition keys of the ledger that are no tenant's."""
NAMES = ("acme", "acmeb", "acm", "globex", "sales")
"""Some are how others begin, and one is called as a feed is."""


REPORTS = ("reports/tenants/acme/run-1/index.html", "reports/operator/run-1/index.html")


def session(tenant: str, *keys: str) -> Context:
    return {"aws:PrincipalTag/tenant": tenant} | ({"dynamodb:LeadingKeys": keys} if keys else {})


def objects(tenant: str) -> list[str]:
    return [f"{ON.arns[bucket]}/{key.format(tenant)}" for bucket, keys in PLACES.items() for key in keys]


def secret(tenant: str) -> str:
    return f"arn:aws:secretsmanager:eu-west-1:123456789012:secret:lakeferry/{tenant}/sales-1a2b3c"


@pytest.mark.parametrize(("mine", "other"), list(itertools.permutations(NAMES, 2)))
def test_a_tenants_session_may_nothing_of_anothers(mine: str, other: str) -> None:
    for action, key in itertools.product(ACTIONS, objects(other)):
        assert not allowed(ROLE, action, key, session(mine)), (action, key)
    assert not allowed(ROLE, "secretsmanager:GetSecretValue", secret(other), session(mine))


@pytest.mark.parametrize(("mine", "other"), list(itertools.permutations(NAMES, 2)))
def test_a_tenants_session_may_nothing_with_anothers_items(mine: str, other: str) -> None:
    ledger, feeds, sla = (ON.arns[name] for name in ("LedgerTable", "FeedsTable", "SlaTable"))
    for action in ITEMS:
        for key in (f"{other}/sales", f"{other}/{mine}", other, *SHARED):
            assert not allowed(ROLE, action, ledger, session(mine, key)), (action, key)
            assert not allowed(ROLE, action, ledger, session(mine, f"{mine}/sales", key)), "nor beside its own"
        assert not allowed(ROLE, action, feeds, session(mine, other)), action
        assert not allowed(ROLE, action, feeds, session(mine, f"{mine}/sales")), "a feed's key is the tenant's name"
        for key in (f"{other}/sales", f"{mine}/sales"):
            assert not allowed(ROLE, action, sla, session(mine, key)), "no stage works with promises"
            for index in ("by_run", "by_partition", "pending", "outbox", "unfinished"):
                assert not allowed(ROLE, action, f"{ledger}/index/{index}", session(mine, key)), (action, index)


def test_what_has_no_partition_key_is_no_tenants() -> None:
    tables = [ON.arns[name] for name in ("LedgerTable", "FeedsTable", "SlaTable")]
    for role in ("TenantRole", *STAGES):
        for action, table in itertools.product((*ITEMS, "dynamodb:Scan", "dynamodb:PartiQLSelect"), tables):
            assert not allowed(ON.policies(role), action, table, session("acme")), (role, action, table)


@pytest.mark.parametrize("tenant", NAMES)
def test_it_may_what_is_its_own(tenant: str) -> None:
    for action in ITEMS[:5]:
        assert allowed(ROLE, action, ON.arns["LedgerTable"], session(tenant, f"{tenant}/sales", f"{tenant}/other")), (
            action
        )
    assert allowed(ROLE, "dynamodb:GetItem", ON.arns["FeedsTable"], session(tenant, tenant))
    for key in objects(tenant):
        assert allowed(ROLE, "s3:PutObject", key, session(tenant)), key
    assert allowed(ROLE, "secretsmanager:GetSecretValue", secret(tenant), session(tenant))


@pytest.mark.parametrize("wild", ["*", "?cme", "", "acme_sales/*"])
def test_a_tag_that_is_a_pattern_or_nothing_opens_nothing(wild: str) -> None:
    for action, key in itertools.product(ACTIONS, objects("acme")):
        assert not allowed(ROLE, action, key, session(wild)), (action, key)
        assert not allowed(ROLE, action, key, {}), "nor does a session without one"
    assert not allowed(ROLE, "secretsmanager:GetSecretValue", secret("acme"), session(wild))
    for action, key in itertools.product(ITEMS, ("acme/sales", "acme", *SHARED)):
        assert not allowed(ROLE, action, ON.arns["LedgerTable"], session(wild, key)), (action, key)
        assert not allowed(ROLE, action, ON.arns["FeedsTable"], session(wild, key)), (action, key)


def test_no_other_zone_is_open_to_it() -> None:
    for key in (
        "curated/sales/tenant=acme/feed=sales/a.parquet",
        "ledger/dt=1/a",
        "reference/stores.csv",
        "iceberg/a",
        *REPORTS,
    ):
        assert not any(allowed(ROLE, action, f"{ON.arns['LakeBucket']}/{key}", session("acme")) for action in ACTIONS)
    for key in ("scripts/curate.py", "athena/1.csv", "runs/7d1e/feeds.json"):
        assert not any(allowed(ROLE, action, f"{ON.arns['WorkBucket']}/{key}", session("acme")) for action in ACTIONS)
    services = {action.partition(":")[0] for found in ROLE for action in listed(found["Action"])}
    assert services == {"s3", "secretsmanager", "dynamodb", "kms"}


@pytest.mark.parametrize("stack", [ON, OFF], ids=["on", "off"])
def test_reports_are_written_by_one_function_and_read_by_none(stack: Rendered) -> None:
    for role, action, key in itertools.product(stack.of_type("AWS::IAM::Role"), ACTIONS, REPORTS):
        may = allowed(stack.policies(role), action, f"{stack.arns['LakeBucket']}/{key}")
        assert may is ((role, action) == ("ReportRunFunctionRole", "s3:PutObject")), (role, action)


@pytest.mark.parametrize("role", STAGES)
def test_a_stages_own_role_may_nothing_of_any_tenant_once_it_is_on(role: str) -> None:
    for tenant in NAMES:
        for action, key in itertools.product(ACTIONS, objects(tenant)):
            assert not allowed(ON.policies(role), action, key), (action, key)
        assert not allowed(ON.policies(role), "secretsmanager:GetSecretValue", secret(tenant))
        assert allowed(OFF.policies(role), "secretsmanager:GetSecretValue", secret(tenant)), "as before where it is off"
        for action, table in itertools.product(ITEMS, ("LedgerTable", "FeedsTable", "SlaTable")):
            for key in (tenant, f"{tenant}/sales"):
                context: Context = {"dynamodb:LeadingKeys": ["!connections", key]}
                assert not allowed(ON.policies(role), action, ON.arns[table], context), (action, table, key)


@pytest.mark.parametrize(
    ("role", "may"),
    [
        *((f"{stage}FunctionRole", {"!connections", "!runs"}) for stage in ("Poll", "Fetch", "Upload")),
        ("ValidateFunctionRole", {"!runs"}),
        ("DeliverFunctionRole", {"!aside", "!delivered"}),
    ],
)
def test_a_stages_own_role_may_use_exactly_those_items_of_no_tenant_that_it_works_with(
    role: str, may: set[str]
) -> None:
    found = {
        key
        for key in SHARED
        if any(
            allowed(ON.policies(role), action, ON.arns["LedgerTable"], {"dynamodb:LeadingKeys": [key]})
            for action in ITEMS
        )
    }
    assert found == may


def test_the_keys_of_no_tenant_are_those_that_the_code_has() -> None:
    """One that is added is thought of here: its first letter keeps it from being any tenant's."""
    written = {
        found
        for path in (ROOT / "functions/lakeferry/ledger").glob("*.py")
        for found in re.findall(r'= "(![a-z]+)"', path.read_text())
    }
    assert written - {"!feed"} == set(SHARED), "but for !feed, which is a sort key"


def test_exactly_the_stages_assume_it_and_only_with_the_one_tag() -> None:
    (statement,) = ON.resources["TenantRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert set(statement["Principal"]["AWS"]) == {ON.arns[role] for role in STAGES}
    assert statement["Action"] == ["sts:AssumeRole", "sts:TagSession"]
    trust = [{name: value for name, value in statement.items() if name != "Principal"} | {"Resource": "*"}]
    for context, may in (
        ({"aws:RequestTag/tenant": "acme", "aws:TagKeys": ["tenant"]}, True),
        ({"aws:RequestTag/tenant": "", "aws:TagKeys": ["tenant"]}, False),
        ({"aws:RequestTag/tenant": "acme", "aws:TagKeys": ["tenant", "team"]}, False),
        ({}, False),
    ):
        assert allowed(trust, "sts:AssumeRole", "*", context) is may, context


def test_where_it_is_off_there_is_no_such_role_and_functions_know_of_none() -> None:
    assert "TenantRole" not in OFF.resources
    for found, arn in ((OFF, ""), (ON, ON.arns["TenantRole"])):
        for function in found.of_type("AWS::Lambda::Function").values():
            assert function["Environment"]["Variables"]["TENANT_ROLE_ARN"] == arn
