"""The reading of policies that the tests on permissions rest on: IAM's examples, and what must not pass."""

import pytest

from tests.contract.policies import allowed

LEDGER = "arn:aws:dynamodb:eu-west-1:123456789012:table/ledger"
OWN, NOBODYS = "arn:aws:s3:::b/${aws:PrincipalTag/tenant}/*", "arn:aws:s3:::b/${aws:PrincipalTag/other}/*"
TENANT = {"aws:PrincipalTag/tenant": "acme"}


def allow(action: str, resource: str, **more: object) -> dict[str, object]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


@pytest.mark.parametrize(
    ("statement", "action", "resource", "is_allowed"),
    [
        (allow("s3:GetObject", "arn:aws:s3:::b/raw/*"), "s3:GetObject", "arn:aws:s3:::b/raw/x/y", True),
        (allow("s3:GetObject", "arn:aws:s3:::b/raw/*"), "s3:GetObject", "arn:aws:s3:::b/rawx", False),
        (allow("s3:Get*", "*"), "s3:GetObject", "arn:aws:s3:::b/x", True),
        (allow("s3:getobject", "*"), "s3:GetObject", "arn:aws:s3:::b/x", True),
        (allow("s3:GetObject", "*"), "s3:GetObjectAcl", "arn:aws:s3:::b/x", False),
        (allow("s3:GetObject", "arn:aws:s3:::b/?"), "s3:GetObject", "arn:aws:s3:::b/xy", False),
        (allow("s3:GetObject", "arn:aws:s3:::b/[a]"), "s3:GetObject", "arn:aws:s3:::b/a", False),
        (allow("s3:GetObject", OWN), "s3:GetObject", "arn:aws:s3:::b/acme/x", True),
        (allow("s3:GetObject", OWN), "s3:GetObject", "arn:aws:s3:::b/globex/x", False),
        (allow("s3:GetObject", NOBODYS), "s3:GetObject", "arn:aws:s3:::b/acme/x", False),
    ],
)  # fmt: skip
def test_a_statement_allows_what_it_says(
    statement: dict[str, object], action: str, resource: str, is_allowed: bool
) -> None:
    assert allowed([statement], action, resource, TENANT) is is_allowed


def test_a_denial_wins_and_nothing_is_nothing() -> None:
    both = [allow("s3:*", "*"), {**allow("s3:DeleteObject", "*"), "Effect": "Deny"}]
    assert allowed(both, "s3:GetObject", "x")
    assert not allowed(both, "s3:DeleteObject", "x")
    assert not allowed([], "s3:GetObject", "x")


@pytest.mark.parametrize(
    ("keys", "is_allowed"), [(["acme/sales"], True), (["acme/sales", "globex/sales"], False), ([], True)]
)
def test_all_values_have_to_fit(keys: list[str], is_allowed: bool) -> None:
    condition = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["${aws:PrincipalTag/tenant}/*"]}}
    statement = allow("dynamodb:GetItem", LEDGER, Condition=condition)
    assert allowed([statement], "dynamodb:GetItem", LEDGER, {**TENANT, "dynamodb:LeadingKeys": keys}) is is_allowed


def test_a_tag_with_stars_is_no_pattern() -> None:
    statement = allow("s3:GetObject", OWN)
    assert not allowed([statement], "s3:GetObject", "arn:aws:s3:::b/acme/x", {"aws:PrincipalTag/tenant": "*"})


def test_what_is_not_known_is_refused() -> None:
    with pytest.raises(AssertionError):
        allowed([{"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"}], "s3:GetObject", "x")
    with pytest.raises(KeyError):
        allowed([allow("s3:*", "*", Condition={"IpAddress": {"aws:SourceIp": "1.2.3.4"}})], "s3:GetObject", "x")
