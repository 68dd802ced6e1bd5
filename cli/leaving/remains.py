"""What a stack has of one tenant, wherever it is."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cli.stack import Stack
from lakeferry.aws.tables import pages
from lakeferry.feeds.notify import secret_of
from lakeferry.ledger.addresses import ADDRESSES
from lakeferry.ledger.asides import ASIDES
from lakeferry.ledger.datasets import DATASETS, Owned
from lakeferry.ledger.documents import DOCUMENTS
from lakeferry.ledger.leases import LEASES
from lakeferry.ledger.queries import feed_documents
from lakeferry.sla.table import CLOCKS

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_s3.type_defs import ObjectIdentifierTypeDef

Key = Mapping[str, Any]
SHARED_EXPORTS = ("ledger/", "sla/", "curated/quality/")
"""Prefixes of the lake whose objects have lines of several tenants."""
_OF_TENANT: Mapping[str, str] = {DOCUMENTS: "file_id", ASIDES: "of", LEASES: "file_id"}
"""Partitions of the ledger that are no feed's, and the attribute that begins with the feed's name."""


@dataclass(slots=True)
class Remains:
    """What there is of a tenant.

    Attributes:
        feeds: Its documents.
        secrets: Names in them: what they hold is the tenant's, and is not ours to delete.
        ledger, sla: Keys of items.
        owned: Datasets it owns, with those that others write to as well.
        shared: Datasets of others that it may write to.
        raw_tables: Of the Data Catalog.
        partitions: By curated table.
        iceberg: Tables whose rows only an engine can delete.
    """

    tenant: str
    feeds: list[dict[str, Any]] = field(default_factory=list)
    secrets: set[str] = field(default_factory=set)
    ledger: list[Key] = field(default_factory=list)
    sla: list[Key] = field(default_factory=list)
    owned: list[Owned] = field(default_factory=list)
    shared: list[Owned] = field(default_factory=list)
    raw_tables: list[str] = field(default_factory=list)
    partitions: dict[str, list[list[str]]] = field(default_factory=dict)
    iceberg: list[str] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Whether tables and catalog know nothing of it."""
        return not (self.feeds or self.ledger or self.sla or self.raw_tables or self.partitions or self.shared)


def remains_of(stack: Stack, tenant: str) -> Remains:
    """Looks everywhere but at objects. The ledger is read as a whole: feeds that are gone are named nowhere else."""
    found = Remains(tenant)
    found.feeds = [one for one in feed_documents(stack.feeds) if one["tenant"] == tenant]
    found.secrets = {name for one in found.feeds if (name := secret_of(one))}
    for item in _scan(stack.ledger.table, "feed_id", "file_id", "of", "tenant"):
        if belongs(item, tenant):
            found.ledger.append({name: item[name] for name in ("feed_id", "file_id")})
    for item in _scan(stack.sla, "feed_id", "due"):
        if item["feed_id"].startswith(f"{tenant}/") or (
            item["feed_id"] == CLOCKS and item["due"].startswith(f"{tenant}/")
        ):
            found.sla.append({name: item[name] for name in ("feed_id", "due")})
    for owned in stack.ledger.datasets.all().values():
        if owned.owner == tenant:
            found.owned.append(owned)
        elif tenant in owned.tenants:
            found.shared.append(owned)
    _look_at_catalog(stack, found)
    return found


def belongs(item: Key, tenant: str) -> bool:
    """Whether an item of the ledger is that tenant's. Who may write to a dataset is looked at elsewhere."""
    partition = str(item["feed_id"])
    if partition in _OF_TENANT:
        return str(item.get(_OF_TENANT[partition], "")).startswith(f"{tenant}/")
    if partition == ADDRESSES:
        return bool(item.get("tenant") == tenant)
    return partition.startswith(f"{tenant}/") and partition != DATASETS


def prefixes_of(stack: Stack, tenant: str) -> Iterator[tuple[str, str]]:
    """Logical ids of buckets, and the prefixes under which objects are that tenant's alone."""
    s3 = stack.client("s3")
    for prefix in (f"raw/{tenant}_", f"fallout/{tenant}_", f"fallout/rows/tenant={tenant}/"):
        yield "LakeBucket", prefix
    folders = s3.get_paginator("list_objects_v2").paginate(
        Bucket=stack.physical("LakeBucket"), Prefix="curated/", Delimiter="/"
    )
    for page in folders:
        for folder in page.get("CommonPrefixes", ()):
            yield "LakeBucket", f"{folder['Prefix']}tenant={tenant}/"
    yield "LakeBucket", _reports(tenant)
    yield "InboxBucket", f"{tenant}/"
    yield "WorkBucket", f"polls/{tenant}/"
    yield "WorkBucket", f"staging/{tenant}_"


def _reports(tenant: str) -> str:
    return f"reports/tenants/{tenant}/"


def reported_runs(stack: Stack, tenant: str) -> list[str]:
    """Names of the runs of which the tenant has a report: the operator's of the same runs name its files, too."""
    pages = stack.client("s3").get_paginator("list_objects_v2")
    prefix = _reports(tenant)
    found = pages.paginate(Bucket=stack.physical("LakeBucket"), Prefix=prefix, Delimiter="/")
    return [one["Prefix"][len(prefix) : -1] for page in found for one in page.get("CommonPrefixes", ())]


def versions_under(stack: Stack, bucket: str, prefix: str) -> Iterator[list["ObjectIdentifierTypeDef"]]:
    """Pages of every version of every object under a prefix, with the marks of those that were deleted."""
    listing = stack.client("s3").get_paginator("list_object_versions")
    for page in listing.paginate(Bucket=stack.physical(bucket), Prefix=prefix):
        versions = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
        if versions:
            yield [{"Key": one["Key"], "VersionId": one["VersionId"]} for one in versions]


def _scan(table: "Table", *attributes: str) -> Iterator[dict[str, Any]]:
    names = {f"#a{index}": name for index, name in enumerate(attributes)}
    return pages(
        table.scan,
        ProjectionExpression=", ".join(names),
        ExpressionAttributeNames=names,
        ConsistentRead=True,
    )


def _look_at_catalog(stack: Stack, found: Remains) -> None:
    glue, database = stack.client("glue"), stack.physical("GlueDatabase")
    for page in glue.get_paginator("get_tables").paginate(DatabaseName=database):
        for table in page["TableList"]:
            name, keys = table["Name"], [key["Name"] for key in table.get("PartitionKeys", ())]
            if name.startswith(f"raw_{found.tenant}_"):
                found.raw_tables.append(name)
            elif table.get("Parameters", {}).get("table_type", "").upper() == "ICEBERG":
                found.iceberg.append(name)
            elif keys[:1] == ["tenant"]:
                values = [
                    one["Values"]
                    for pieces in glue.get_paginator("get_partitions").paginate(
                        DatabaseName=database, TableName=name, Expression=f"tenant = '{found.tenant}'"
                    )
                    for one in pieces["Partitions"]
                    if one["Values"][0] == found.tenant
                ]
                if values:
                    found.partitions[name] = values
