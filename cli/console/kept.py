"""Lakes as the console reads them: from the files of one that rests, or from the process that works with it."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import boto3

from cli.lake import LakeStack
from cli.stack import Aws
from lakeferry.ledger import Entry, Ledger
from local.kept import read_json
from local.session import REGION

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table


class KeptLedger(Ledger):
    """A ledger that does not change: a run's files come from its file, since moto takes a second for 300 of them."""

    def __init__(self, table: "Table", items: Sequence[Entry]) -> None:
        super().__init__(table)
        self._items = items

    def _of_index(
        self, index: str, key: str, value: str, attributes: Sequence[str], tenant: str = ""
    ) -> Iterator[Entry]:
        mine = f"{tenant}/" if tenant else ""
        found = (one for one in self._items if one.get(key) == value and str(one["feed_id"]).startswith(mine))
        return iter(sorted(found, key=lambda one: str(one["file_id"])))


class KeptLake(LakeStack):
    """A lake nobody works with."""

    @cached_property
    def _items(self) -> list[Entry]:
        found: list[Entry] = read_json(self.folder / ".lakeferry" / "tables" / "LedgerTable.json") or []
        return found

    @property
    def ledger(self) -> Ledger:
        table = self._table("LedgerTable")
        # an item with sets or bytes stands there in another form: then all is asked of the table
        is_plain = all("feed_id" in one for one in self._items)
        return KeptLedger(table, self._items) if is_plain else Ledger(table)


class ReachedAws(Aws):
    """The AWS of another process on this machine, which works with the lake."""

    def __init__(self, endpoint: str, resources: Mapping[str, str]) -> None:
        self._resources, self._endpoint = resources, endpoint
        self._session = boto3.Session(aws_access_key_id="local", aws_secret_access_key="local", region_name=REGION)  # noqa: S106

    @property
    def resources(self) -> Mapping[str, str]:
        return self._resources

    def client(self, name: str) -> Any:  # noqa: ANN401  (boto3's clients have no common type)
        return self._session.client(name, endpoint_url=self._endpoint)  # type: ignore[call-overload]

    def resource(self, name: str) -> Any:  # noqa: ANN401
        return self._session.resource(name, endpoint_url=self._endpoint)  # type: ignore[call-overload]
