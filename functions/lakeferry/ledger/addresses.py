"""Which mail addresses may get mails of which tenants: those that the operator approved, an item each in the ledger.

SNS confirms an address once a topic. Without a list, a tenant that names another's confirmed address would have mails
with words of its own choice sent there, and nobody would be asked.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.conditions import Key

from lakeferry.aws.tables import pages, update, utc_now

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

ADDRESSES = "!address"
"""Partition key of these items, which are no files."""


@dataclass(frozen=True, slots=True)
class Approval:
    """An address that may get a tenant's mails, or with `@` at its beginning a domain whose addresses all may."""

    tenant: str
    address: str
    by: str = "operator"
    since: str = ""


class Approved:
    """All approvals, as they were read once."""

    def __init__(self, approvals: Iterable[Approval]) -> None:
        self._names = {(one.tenant, one.address.casefold()) for one in approvals}

    def has(self, tenant: object, address: str) -> bool:
        """Whether the address may get mails of the tenant."""
        _, at, domain = address.casefold().rpartition("@")
        return not self._names.isdisjoint({(tenant, address.casefold()), (tenant, at + domain)})


class Addresses:
    """Reads and writes them in one ledger table."""

    def __init__(self, table: "Table") -> None:
        self._table = table

    def all(self) -> list[Approval]:
        """Every approval, read consistently."""
        found = pages(self._table.query, KeyConditionExpression=Key("feed_id").eq(ADDRESSES), ConsistentRead=True)
        return [_approval(item) for item in found]

    def approve(self, approval: Approval) -> None:
        """Writes one; one that is there already is written over."""
        values = {"tenant": approval.tenant, "address": approval.address, "by": approval.by, "since": utc_now()}
        update(self._table, _key(approval.tenant, approval.address), values)

    def remove(self, tenant: str, address: str) -> bool:
        """Takes one back; False where there was none."""
        key = dict(zip(("feed_id", "file_id"), _key(tenant, address), strict=True))
        return "Attributes" in self._table.delete_item(Key=key, ReturnValues="ALL_OLD")


def _approval(item: Mapping[str, Any]) -> Approval:
    return Approval(item["tenant"], item["address"], item["by"], item["since"])


def _key(tenant: str, address: str) -> tuple[str, str]:
    return ADDRESSES, f"{tenant}#{address.casefold()}"
