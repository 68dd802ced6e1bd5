"""What lineage looks up besides its item: the stack, a feed, the files of a partition, a table's columns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from lakeferry.catalog.putting import find_table
from lakeferry.feeds import Feed
from lakeferry.ledger import Ledger

if TYPE_CHECKING:
    from mypy_boto3_glue import GlueClient

Columns = tuple[tuple[str, str], ...]


class Feeds(Protocol):
    """Whoever reads feeds for the bus, too: each tenant's once a call."""

    def feed(self, feed_id: str) -> Feed | None: ...


@dataclass(frozen=True, slots=True)
class Stack:
    """Whose lineage it is.

    Attributes:
        state_machine: Its ARN, by which jobs are named.
    """

    state_machine: str
    lake_bucket: str
    database: str

    @property
    def catalog(self) -> str:
        """The Data Catalog as OpenLineage names it."""
        _, partition, _, region, account, *_ = self.state_machine.split(":")
        return f"arn:{partition}:glue:{region}:{account}"

    def table(self, name: str) -> str:
        """A table's name in it."""
        return f"table/{self.database}/{name}"


@dataclass(frozen=True)
class Sources:
    """Read as they are now; the columns of a table once a call."""

    stack: Stack
    feeds: Feeds
    ledger: Ledger
    glue: "GlueClient"
    _columns: dict[str, Columns] = field(default_factory=dict)

    def files(self, partition: str, curated_run: str) -> Sequence[Mapping[str, Any]]:
        """The files that a run has built a partition of, by path."""
        wanted = ("path", "curated_run", "rows_curated", "raw_keys", "outputs_key")
        found = (one for one in self.ledger.of_partition(partition, wanted) if one.get("curated_run") == curated_run)
        return sorted(found, key=lambda one: str(one["path"]))

    def columns(self, table: str) -> Columns:
        """Names and Hive types, as the catalog has them; none where there is no such table."""
        if table not in self._columns:
            found = find_table(self.glue, self.stack.database, table) or {}
            listed = found.get("StorageDescriptor", {}).get("Columns", [])
            self._columns[table] = tuple((column["Name"], column.get("Type", "")) for column in listed)
        return self._columns[table]
