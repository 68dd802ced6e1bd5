"""Who may write to a dataset: its owner, and the tenants with whom the operator shares it.

An item each in the ledger table. Whoever puts the first feed of a dataset owns it; the write is conditional, so of two
at a time one wins. An owner stays when its feeds are gone, since its rows do.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from boto3.dynamodb.conditions import Key
from botocore.exceptions import ClientError

from lakeferry.aws.tables import is_condition, pages, update, utc_now
from lakeferry.errors import DatasetEmptyError, DatasetTakenError
from lakeferry.feeds.fingerprint import fingerprint_of

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

DATASETS = "!dataset"
"""Partition key of these items, which are no files."""
REFUSALS = frozenset({DatasetTakenError.__name__, DatasetEmptyError.__name__})
"""What ends when the dataset's item changes, not only the feed's document."""
_NAMES = {"tenant": re.compile(r"[a-z][a-z0-9]{1,30}"), "dataset": re.compile(r"[a-z][a-z0-9_]{0,60}")}


@dataclass(frozen=True, slots=True)
class Owned:
    """A dataset and the tenants that may write to it.

    Attributes:
        shared: Others than the owner, sorted.
        is_open: The others may write: the column types are there, from the owner's first rows or from before there
            were owners.
        by: How it came about: `feed`, `operator`, or `table`, as it was found when owners were introduced.
    """

    dataset: str
    owner: str
    shared: tuple[str, ...] = ()
    is_open: bool = False
    by: str = "feed"
    since: str = ""

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> Self:
        return cls(
            dataset=item["file_id"],
            owner=item["owner"],
            shared=tuple(sorted(item.get("shared", ()))),
            is_open=bool(item.get("is_open")),
            by=item.get("by", ""),
            since=item.get("since", ""),
        )

    @property
    def tenants(self) -> tuple[str, ...]:
        """All that may write, the owner first."""
        return (self.owner, *(tenant for tenant in self.shared if tenant != self.owner))

    def check(self, tenant: str, where: str = "") -> None:
        """Whether a feed of the tenant may name the dataset.

        Args:
            where: Options of a command that say which stack this is.

        Raises:
            DatasetTakenError: it may not. The message names nobody: tenants never hear of each other.
        """
        if tenant not in self.tenants:
            raise DatasetTakenError(
                f"dataset {self.dataset} belongs to another tenant, so no rows of {tenant} go there. Name another "
                f"dataset, or ask the operator to share it: ./lakeferry datasets share {self.dataset} --with {tenant} "
                f"{where}".rstrip()
            )

    def check_rows(self, tenant: str, where: str = "") -> None:
        """Whether rows of the tenant may go there now.

        Raises:
            DatasetTakenError: it is another tenant's.
            DatasetEmptyError: it is shared with the tenant, and nobody knows its column types yet.
        """
        self.check(tenant, where)
        if tenant != self.owner and not self.is_open:
            raise DatasetEmptyError(
                f"dataset {self.dataset} is shared with {tenant} and has no rows yet: its owner's first rows decide "
                "the types of its columns. The files wait for those. To let the types of this tenant come first, the "
                f"operator gives it the dataset: ./lakeferry datasets give {self.dataset} --to {tenant} "
                f"{where}".rstrip()
            )


class Datasets:
    """Reads and writes them in one ledger table."""

    def __init__(self, table: "Table") -> None:
        self._table = table

    def get(self, dataset: str) -> Owned | None:
        """The dataset, read consistently; None where nobody owns it."""
        item = self._table.get_item(Key=_key(dataset), ConsistentRead=True).get("Item")
        return None if item is None else Owned.from_item(item)

    def all(self) -> dict[str, Owned]:
        """Those that have an owner, by name."""
        found = pages(self._table.query, KeyConditionExpression=Key("feed_id").eq(DATASETS), ConsistentRead=True)
        return {item["file_id"]: Owned.from_item(item) for item in found}

    def claim(self, dataset: str, tenant: str, where: str = "") -> Owned:
        """Makes the tenant the owner of a dataset that has none.

        Args:
            where: Options of a command that say which stack this is.

        Raises:
            DatasetTakenError: it belongs to another tenant, and is not shared with this one.
        """
        found = self.found(dataset, tenant)
        found.check(tenant, where)
        return found

    def found(self, dataset: str, tenant: str) -> Owned:
        """The dataset; one that nobody owns is the tenant's from now on, unless another was quicker."""
        found = self.get(dataset)
        if found is None:
            self.begin(Owned(dataset, tenant))
            found = self.get(dataset) or Owned(dataset, tenant)
        return found

    def begin(self, owned: Owned) -> bool:
        """Writes a dataset that nobody owns; False where somebody does, who stays the owner."""
        values: dict[str, Any] = {"owner": owned.owner, "by": owned.by, "since": utc_now(), "is_open": owned.is_open}
        if owned.shared:
            values["shared"] = set(owned.shared)
        return self._write(owned.dataset, values, "attribute_not_exists(#owner)")

    def give(self, dataset: str, tenant: str) -> None:
        """The operator's word on who owns it; the former owner may not write to it any more."""
        self._write(dataset, {"owner": tenant, "by": "operator", "since": utc_now()})
        self.unshare(dataset, [tenant])

    def share(self, dataset: str, tenants: Iterable[str]) -> bool:
        """Lets other tenants write to it, too; False where nobody owns it."""
        return self._shared("ADD", dataset, tenants)

    def unshare(self, dataset: str, tenants: Iterable[str]) -> bool:
        """Takes that back; rows that are there stay. False where nobody owns it."""
        return self._shared("DELETE", dataset, tenants)

    def open(self, dataset: str) -> None:
        """Its owner's rows are there, and the types of its columns with them."""
        self._write(dataset, {"is_open": True}, "attribute_exists(#owner)")

    def _shared(self, verb: str, dataset: str, tenants: Iterable[str]) -> bool:
        try:
            self._table.update_item(
                Key=_key(dataset),
                UpdateExpression=f"{verb} #shared :tenants",
                ConditionExpression="attribute_exists(#owner)",
                ExpressionAttributeNames={"#owner": "owner", "#shared": "shared"},
                ExpressionAttributeValues={":tenants": set(tenants)},
            )
        except ClientError as error:
            if is_condition(error):
                return False
            raise
        return True

    def _write(self, dataset: str, values: Mapping[str, Any], condition: str | None = None) -> bool:
        try:
            update(self._table, (DATASETS, dataset), values, condition=condition, names={"#owner": "owner"})
        except ClientError as error:
            if is_condition(error):
                return False
            raise
        return True


def tried_with(document: Mapping[str, Any] | None, error: str, owned: Callable[[str], Owned | None]) -> str:
    """Fingerprint of what a feed's rows were tried with: where the dataset refused them, of who may write to it, too.

    Args:
        owned: Who that is, or was when they were tried.
    """
    dataset = None if document is None else document.get("dataset")
    if document is None or error not in REFUSALS or not is_name("dataset", dataset):
        return fingerprint_of(document)
    found = owned(str(dataset))
    return fingerprint_of({**document, DATASETS: None if found is None else [*found.tenants, found.is_open]})


def is_name(what: str, value: object) -> bool:
    """Whether a value is a `tenant` or a `dataset` as documents may have one."""
    return isinstance(value, str) and _NAMES[what].fullmatch(value) is not None


def owners_today(documents: Iterable[Mapping[str, Any]], tables: Mapping[str, Collection[str]]) -> list[Owned]:
    """Who owns what of a lake that had no owners: what is shared today stays shared.

    A lake with no rows yet has nothing that is shared: there, whoever comes first owns.

    Args:
        documents: All of the feeds table, valid or not.
        tables: Tenants that have rows in a dataset.
    """
    if not tables:
        return []
    found: dict[str, set[str]] = {dataset: set(tenants) for dataset, tenants in tables.items()}
    for document in documents:
        if is_name("tenant", document.get("tenant")) and is_name("dataset", document.get("dataset")):
            found.setdefault(document["dataset"], set()).add(document["tenant"])
    owned = []
    for dataset, tenants in sorted(found.items()):
        # whose rows are there already comes before who only means to have some
        owner = min(tables.get(dataset) or tenants)
        is_open = dataset in tables or len(tenants) > 1
        owned.append(Owned(dataset, owner, tuple(sorted(tenants - {owner})), is_open, by="table"))
    return owned


def _key(dataset: str) -> dict[str, str]:
    return {"feed_id": DATASETS, "file_id": dataset}
