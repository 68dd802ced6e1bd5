"""Clients of one tenant: the role is assumed when it is needed, once, with the tenant as its tag, and anew in time."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from boto3.dynamodb.conditions import ConditionExpressionBuilder

from lakeferry.aws.tenants import session_of
from lakeferry.clients import TENANTS, Clients
from lakeferry.ledger import Ledger
from tests.unit.conftest import SETTINGS

ROLE = "arn:aws:iam::123456789012:role/lakeferry-TenantRole"


class Sts:
    """Gives sessions that last for so long."""

    def __init__(self, minutes: float = 60) -> None:
        self.minutes = minutes
        self.asked: list[dict[str, Any]] = []

    def assume_role(self, **asked: Any) -> dict[str, Any]:
        self.asked.append(asked)
        return {
            "Credentials": {
                "AccessKeyId": f"ASIA{len(self.asked)}",
                "SecretAccessKey": "secret",
                "SessionToken": "token",
                "Expiration": datetime.now(UTC) + timedelta(minutes=self.minutes),
            }
        }


def key_of(session: Any) -> str:
    return str(session.get_credentials().get_frozen_credentials().access_key)


def test_the_role_is_assumed_with_the_tenant_as_its_one_tag_and_not_before_it_is_needed() -> None:
    sts = Sts()
    session = session_of("acme", ROLE, lambda: sts)
    session.client("s3", region_name="eu-west-1")
    assert sts.asked == []
    assert [key_of(session), key_of(session)] == ["ASIA1", "ASIA1"]
    (asked,) = sts.asked
    assert asked == {
        "RoleArn": ROLE,
        "RoleSessionName": "acme",
        "DurationSeconds": 3600,
        "Tags": [{"Key": "tenant", "Value": "acme"}],
    }


def test_a_session_that_ends_soon_is_had_anew_by_the_clients_that_are_there() -> None:
    sts = Sts(minutes=5)
    session = session_of("acme", ROLE, lambda: sts)
    assert key_of(session) == "ASIA1"
    sts.minutes = 60
    assert [key_of(session), key_of(session)] == ["ASIA2", "ASIA2"]


def test_no_other_credentials_are_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "the-functions-own")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "its-secret")
    assert key_of(session_of("acme", ROLE, Sts)) == "ASIA1"


def test_where_the_stack_has_no_such_role_a_function_works_as_itself() -> None:
    aws = Clients(SETTINGS)
    assert aws.for_tenant("acme") is aws


def test_all_tables_of_a_function_are_asked_by_one_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    aws = Clients(replace(SETTINGS, sla_table="promises"))
    tables: list[Any] = [aws.feeds, aws.ledger.table, aws.table(SETTINGS.ledger_table), aws.table("promises")]
    assert [table.name for table in tables] == [
        *(SETTINGS.feeds_table, SETTINGS.ledger_table, SETTINGS.ledger_table, "promises"),
    ]
    assert len({id(table.meta.client) for table in tables}) == 1
    assert Clients(SETTINGS).feeds.name == SETTINGS.feeds_table


def test_clients_are_kept_by_tenant_and_those_used_last_are_kept() -> None:
    aws = Clients(replace(SETTINGS, tenant_role=ROLE))
    first = aws.for_tenant("acme")
    assert aws.for_tenant("acme") is first
    assert aws.for_tenant("globex") is not first
    for number in range(TENANTS - 1):
        aws.for_tenant(f"t{number}")
        assert aws.for_tenant("acme") is first
    other = aws.for_tenant("globex")
    assert len(aws._tenants) == TENANTS
    for number in range(TENANTS):
        aws.for_tenant(f"u{number}")
    assert aws.for_tenant("globex") is not other


def test_files_secrets_and_items_are_the_tenants_and_what_is_no_tenants_is_the_stacks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    sts = Sts()
    aws = Clients(replace(SETTINGS, tenant_role=ROLE))
    vars(aws)["sts"] = sts
    mine = aws.for_tenant("acme")
    assert mine.connections is aws.connections
    assert mine.states is aws.states
    clients: list[Any] = [mine.s3, mine.secrets.provider.client, mine.feeds.meta.client, mine.ledger.table.meta.client]
    for client in clients:
        credentials = client._request_signer._credentials
        assert credentials.get_frozen_credentials().access_key == "ASIA1"
    assert len(sts.asked) == 1
    assert mine.ledger.table.meta.client is mine.feeds.meta.client, "one client for all of a tenant's tables"
    assert mine.ledger is mine.ledger


def test_each_part_of_a_tenants_ledger_goes_by_its_keys() -> None:
    """Two tables that tell which of them was called, in place of one."""

    class Table:
        def __init__(self) -> None:
            self.keys: list[str] = []
            self.name, self.meta = "ledger", SimpleNamespace(client=self)

        def get_item(self, **asked: Any) -> dict[str, Any]:
            self.keys.append(asked["Key"]["feed_id"])
            return {}

        def update_item(self, **asked: Any) -> dict[str, Any]:
            return self.get_item(**asked)

        delete_item = get_item

        def query(self, **asked: Any) -> dict[str, Any]:
            built = ConditionExpressionBuilder().build_expression(
                asked["KeyConditionExpression"], is_key_condition=True
            )
            self.keys.append(built.attribute_value_placeholders[":v0"])
            return {"Items": []}

    own, shared = Table(), Table()
    ledger = Ledger(own, shared)  # type: ignore[arg-type]
    ledger.get("acme/sales", "a")
    ledger.feeds.get("acme/sales")
    ledger.feeds.note_poll("acme/sales", "run")
    ledger.mutes.end("acme/sales")
    assert set(own.keys) == {"acme/sales"}
    assert shared.keys == []
    ledger.feeds.note_all_begun("run")
    ledger.feeds.have_all_begun("run")
    ledger.feeds.take_tick("2026-11-01T00:00:00Z", "run")
    ledger.feeds.last_tick()
    ledger.deliveries.of("m")
    ledger.deliveries.note("m", "post_1")
    ledger.asides.note("acme/sales", "curate", fingerprint="f", error="E", cause="c")
    ledger.asides.clear_document("curate", {"tenant": "acme", "feed": "sales"})
    ledger.datasets.get("sales")
    assert set(own.keys) == {"acme/sales"}
    assert all(key.startswith("!") for key in shared.keys), shared.keys
