"""Owners of datasets and approved addresses of a stack that had none: what is in use goes on, written down once."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lakeferry.aws.tables import update
from lakeferry.feeds.notify import notify_of
from lakeferry.ledger.addresses import Approval
from lakeferry.ledger.datasets import Owned, is_name, owners_today
from lakeferry.ledger.files import Ledger

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_SEEDED = "!seeded"
"""Partition key of the items that say that it was done."""
Folders = Callable[[str], Iterable[str]]
"""Names of the folders of the lake bucket right below a prefix that ends in `/`."""


def seed_datasets(ledger: Ledger, documents: Callable[[], Iterable[Mapping[str, Any]]], folders: Folders) -> None:
    """Writes who owns the datasets there are, once for a stack; a dataset that has an owner already keeps it."""
    if _is_seeded(ledger, "datasets"):
        return
    for owned in owners_today(documents(), tenants_of(folders)):
        ledger.datasets.begin(owned)
    _note(ledger, "datasets")


def seeded_datasets(ledger: Ledger, documents: Iterable[Mapping[str, Any]], folders: Folders) -> dict[str, Owned]:
    """What `seed_datasets` would leave, with nothing written."""
    found = ledger.datasets.all()
    if _is_seeded(ledger, "datasets"):
        return found
    return {owned.dataset: owned for owned in owners_today(documents, tenants_of(folders))} | found


def tenants_of(folders: Folders) -> dict[str, set[str]]:
    """Which tenants have rows in which datasets: as Parquet partitions, and as partitions of Iceberg tables."""
    roots = [(dataset, f"curated/{dataset}/") for dataset in folders("curated/")]
    for database in folders("iceberg/"):
        roots += [(table, f"iceberg/{database}/{table}/data/") for table in folders(f"iceberg/{database}/")]
    found: dict[str, set[str]] = {}
    for dataset, root in roots:
        tenants = {name.removeprefix("tenant=") for name in folders(root) if name.startswith("tenant=")}
        if is_name("dataset", dataset) and tenants:
            found.setdefault(dataset, set()).update(tenants)
    return found


def folders_of(s3: "S3Client", bucket: str) -> Folders:
    """Those of a bucket."""

    def folders(prefix: str) -> Iterator[str]:
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix, Delimiter="/")
        for page in pages:
            for found in page.get("CommonPrefixes", []):
                yield found["Prefix"].removeprefix(prefix).rstrip("/")

    return folders


@dataclass(frozen=True, slots=True)
class Subscribed:
    """A mail subscription of the topic.

    Attributes:
        filters: What its filter policy lets through by `feed_id`; None where it says nothing of feeds, or cannot be
            read, as of one that is not confirmed.
    """

    address: str
    is_confirmed: bool
    filters: Sequence[Any] | None

    def lets_through(self, tenant: str, feed: str) -> bool:
        """Whether mails about a feed get to it."""
        feed_id = f"{tenant}/{feed}"
        return any(
            feed_id.startswith(one["prefix"]) if isinstance(one, Mapping) else one == feed_id
            for one in self.filters or ()
        )


def seed_addresses(
    ledger: Ledger,
    documents: Callable[[], Iterable[Mapping[str, Any]]],
    subscribed: Callable[[], Iterable[Subscribed]],
) -> None:
    """Approves the addresses that get mails today for the tenants whose mails they get, once for a stack."""
    if _is_seeded(ledger, "addresses"):
        return
    for approval in approvals_today(documents(), subscribed()):
        ledger.addresses.approve(approval)
    _note(ledger, "addresses")


def seeded_addresses(
    ledger: Ledger,
    documents: Callable[[], Iterable[Mapping[str, Any]]],
    subscribed: Callable[[], Iterable[Subscribed]],
) -> list[Approval]:
    """What `seed_addresses` would leave, with nothing written."""
    found = ledger.addresses.all()
    if _is_seeded(ledger, "addresses"):
        return found
    return [*found, *approvals_today(documents(), subscribed())]


def approvals_today(documents: Iterable[Mapping[str, Any]], subscribed: Iterable[Subscribed]) -> list[Approval]:
    """Addresses whose subscriptions let a feed's mails through that names them.

    What the policy of one that is not confirmed lets through cannot be read: it is taken as approved for the one tenant
    that names it, and where several do, for none.
    """
    there = {one.address: one for one in subscribed}
    found: set[tuple[str, str]] = set()
    waiting: dict[str, set[str]] = {}
    for document in documents:
        tenant, feed = document.get("tenant"), document.get("feed")
        if not is_name("tenant", tenant):
            continue
        for address in notify_of(document).emails:
            one = there.get(address)
            if one is None:
                continue
            if not one.is_confirmed:
                waiting.setdefault(address, set()).add(str(tenant))
            elif one.lets_through(str(tenant), str(feed)):
                found.add((str(tenant), address))
    found |= {(tenant, address) for address, tenants in waiting.items() if len(tenants) == 1 for tenant in tenants}
    return [Approval(tenant, address, by="subscription") for tenant, address in sorted(found)]


def _is_seeded(ledger: Ledger, what: str) -> bool:
    return ledger.get(_SEEDED, what) is not None


def _note(ledger: Ledger, what: str) -> None:
    update(ledger.table, (_SEEDED, what), {})
