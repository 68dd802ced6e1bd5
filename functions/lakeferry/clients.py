"""AWS clients of a function: made once for each warm process, passed on as arguments from there."""

from collections import OrderedDict
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from lakeferry.aws.cache import Cache
from lakeferry.aws.calls import s3_client, tables_of
from lakeferry.aws.tenants import session_of
from lakeferry.batches import Batch
from lakeferry.feeds import Feed, load_feed
from lakeferry.ledger import Ledger
from lakeferry.ledger.connections import Connections
from lakeferry.models import FileItem
from lakeferry.settings import Settings
from lakeferry.sla.table import SlaTable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_glue import GlueClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_stepfunctions import SFNClient

    from lakeferry.aws.secrets import Secrets

TENANTS = 8
"""Of whom a warm process keeps clients; those of the one that it has not worked for longest go."""
S3: dict[str, Any] = {"max_pool_connections": 16, "retries": {"mode": "standard", "total_max_attempts": 5}}


@dataclass(frozen=True)
class Clients:
    """The stack's resources as one function sees them; each client is made when first used."""

    settings: Settings
    _feeds: Cache[Feed] = field(default_factory=Cache, repr=False, compare=False)
    _tenants: "OrderedDict[str, TenantClients]" = field(default_factory=OrderedDict, repr=False, compare=False)

    def for_tenant(self, tenant: str) -> "Clients":
        """The clients for one tenant's work: its own session's, where the stack has a role for tenants; else these."""
        if not self.settings.tenant_role:
            return self
        if tenant not in self._tenants:
            session = session_of(tenant, self.settings.tenant_role, lambda: self.sts)
            self._tenants[tenant] = TenantClients(self.settings, stack=self, session=session)
        self._tenants.move_to_end(tenant)
        while len(self._tenants) > TENANTS:
            self._tenants.popitem(last=False)
        return self._tenants[tenant]

    def feed(self, item: FileItem | Batch) -> Feed:
        """The document of the feed, which a run reads once a minute: what is put is in force with the next run.

        Raises:
            FeedInvalidError: no such document, or it breaks its contract.
        """
        name = f"{item.run} {item.feed_id}"
        return self._feeds.get(name, lambda: load_feed(self.feeds, item.tenant, item.feed))

    @cached_property
    def s3(self) -> "S3Client":
        return s3_client(**S3)

    @cached_property
    def secrets(self) -> "Secrets":
        # imported late: most functions read none
        from lakeferry.aws.secrets import secrets_of

        return secrets_of(boto3.client("secretsmanager"), self.settings.secret_prefix)

    @cached_property
    def sts(self) -> Any:  # noqa: ANN401  (its types are in no package that is here)
        return boto3.client("sts", config=Config(retries={"mode": "standard", "total_max_attempts": 5}))

    @cached_property
    def states(self) -> "SFNClient":
        return boto3.client("stepfunctions")

    @cached_property
    def sqs(self) -> "SQSClient":
        return boto3.client("sqs")

    @cached_property
    def sns(self) -> "SNSClient":
        return boto3.client("sns")

    @cached_property
    def glue(self) -> "GlueClient":
        return boto3.client("glue")

    @cached_property
    def feeds(self) -> "Table":
        return self._table(self.settings.feeds_table)

    @cached_property
    def ledger(self) -> Ledger:
        return Ledger(self._table(self.settings.ledger_table))

    @cached_property
    def connections(self) -> Connections:
        return Connections(self._table(self.settings.ledger_table), cap=self.settings.max_connections_per_server)

    @cached_property
    def sns_without_repeats(self) -> "SNSClient":
        # one attempt: a message whose answer got lost must not go out twice; whoever publishes repeats what is safe to
        return boto3.client("sns", config=Config(retries={"mode": "standard", "total_max_attempts": 1}))

    @cached_property
    def sla(self) -> SlaTable:
        return SlaTable(self._table(self.settings.sla_table))

    @cached_property
    def events(self) -> "EventBridgeClient":
        return boto3.client("events")

    def table(self, name: str) -> "Table":
        """A table of the settings, by its name."""
        return self._table(name)

    @cached_property
    def _tables(self) -> "dict[str, Table]":
        # of one client: a function's first call, on Lambda its cold start, makes it once and not for each table
        names = (self.settings.feeds_table, self.settings.ledger_table, self.settings.sla_table)
        return tables_of([name for name in names if name], max_pool_connections=32)

    def _table(self, name: str) -> "Table":
        return self._tables[name]


@dataclass(frozen=True)
class TenantClients(Clients):
    """Files, secrets and items as one tenant's session may use them; what is no tenant's, as the function itself."""

    stack: Clients = field(kw_only=True)
    session: boto3.Session = field(kw_only=True, repr=False, compare=False)

    @cached_property
    def s3(self) -> "S3Client":
        return s3_client(self.session, **S3)

    @cached_property
    def secrets(self) -> "Secrets":
        from lakeferry.aws.secrets import secrets_of

        return secrets_of(self.session.client("secretsmanager"), self.settings.secret_prefix)

    @cached_property
    def states(self) -> "SFNClient":
        return self.stack.states

    @cached_property
    def ledger(self) -> Ledger:
        return Ledger(self._table(self.settings.ledger_table), shared=self.stack.ledger.table)

    @cached_property
    def connections(self) -> Connections:
        return self.stack.connections

    @cached_property
    def _tables(self) -> "dict[str, Table]":
        names = [self.settings.feeds_table, self.settings.ledger_table]
        return tables_of(names, self.session, max_pool_connections=16)


def from_environment() -> Clients:
    """Clients for the settings of this process."""
    return Clients(Settings.from_environment())
