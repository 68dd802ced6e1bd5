"""The whole pipeline of this machine, shared by the tests of a module; each test has a tenant of its own."""

import gzip
import itertools
import json
import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from local import ledger_view
from local.aws import LocalAws
from local.partners import SftpPartner
from local.stack import Event
from tests.e2e.recorded import recording, refused

PASSWORD = "correct horse"
_tenants = itertools.count(1)


class Tenant:
    """One tenant with one feed on the shared SFTP server."""

    def __init__(self, aws: LocalAws, partner: SftpPartner, root: Path, **changes: Any) -> None:
        self.aws, self.partner = aws, partner
        self.name = f"tenant{next(_tenants)}"
        self.feed_id = f"{self.name}/sales"
        self.folder = root / self.name
        self.folder.mkdir()
        self.document: dict[str, Any] = {
            "tenant": self.name,
            "feed": "sales",
            "server": {
                "protocol": "sftp",
                "host": "127.0.0.1",
                "port": partner.another_port(),
                "username": "lake",
                "secret": f"lakeferry/{self.name}/sales",
                "host_keys": [partner.host_key],
                "connect_timeout_seconds": 5,
                "read_timeout_seconds": 10,
            },
            "files": {"directory": f"/{self.name}", "pattern": "sales_{date:%Y%m%d}_*.csv*", "settle_seconds": 0},
            "format": {"type": "csv"},
            "checks": {
                "rows": {"min": 1},
                "columns": [{"name": "order_id", "type": "int64"}, {"name": "amount", "type": "decimal(12,2)"}],
            },
            "dataset": self.name,
            "transform": {"filter": "amount > 0"},
            **changes,
        }

    def configure(self, *, secret: bool = True) -> None:
        """Puts the feed and its secret."""
        self.put()
        if secret:
            fields = json.dumps({"password": PASSWORD})
            self.aws.client("secretsmanager").create_secret(Name=f"lakeferry/{self.name}/sales", SecretString=fields)

    def put(self) -> None:
        """Puts the feed as it is now."""
        self.aws.resource("dynamodb").Table(self.aws.resources["FeedsTable"]).put_item(Item=self.document)

    def deliver(self, name: str, rows: int = 3, *, truncate: bool = False) -> None:
        """Puts a file on the server: `rows` rows to keep and one the filter drops."""
        lines = ["order_id,amount", *(f"{number},{number}.50" for number in range(1, rows + 1)), "0,-1.00"]
        data = ("\n".join(lines) + "\n").encode()
        if name.endswith(".gz"):
            data = gzip.compress(data)
        path = self.folder / name
        path.write_bytes(data[: len(data) // 2] if truncate else data)
        os.utime(path, (time.time() - 3600, time.time() - 3600))

    def run(self, timeout: float = 240) -> dict[str, Any]:
        """One run of this tenant's feed alone."""
        return self.aws.wait(self.start(), timeout)

    def start(self) -> str:
        return self.aws.start_execution({"trigger": "test", "feeds": [self.feed_id]})

    def files(self) -> dict[str, dict[str, Any]]:
        """The tenant's ledger items by file name."""
        entries = ledger_view.files(self.aws, self.feed_id)
        return {entry["path"].rsplit("/", 1)[-1]: entry for entry in entries}

    def raw(self) -> dict[str, bytes]:
        """The tenant's raw objects."""
        bucket = self.aws.resources["LakeBucket"]
        keys = ledger_view.objects(self.aws, bucket, f"raw/{self.name}_sales/")
        return {key: self.aws.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}

    def letters(self) -> list[dict[str, Any]]:
        """The tenant's messages in the dead-letter queue."""
        return [letter for letter in ledger_view.dead_letters(self.aws) if letter["tenant"] == self.name]

    def mails(self) -> list[Any]:
        """The mails about this tenant."""
        return [mail for mail in self.aws.mails() if mail.attributes.get("tenant") == self.name]

    def curated(self) -> list[tuple[Any, ...]]:
        """The tenant's curated rows."""
        return curated(self.aws, [self])[self.name]

    def events(self) -> list[Event]:
        """States entered for the feed and its files."""
        return [event for event in self.aws.events if event.kind == "entered" and event.item.startswith(self.feed_id)]


def curated(aws: LocalAws, tenants: Iterable[Tenant]) -> dict[str, list[tuple[Any, ...]]]:
    """The curated rows of tenants, by their names; the catalog is read once."""
    from local import sql

    names = [tenant.name for tenant in tenants]
    with sql.connect(aws, " ".join(names)) as connection:
        return {
            name: connection.execute(f"select order_id, amount, dt from {name} order by all").fetchall()
            for name in names
        }


class World:
    """The stack, the server, and tenants as a test asks for them."""

    def __init__(self, aws: LocalAws, partner: SftpPartner, root: Path) -> None:
        self.aws, self.partner, self.root = aws, partner, root

    def tenant(self, **changes: Any) -> Tenant:
        return Tenant(self.aws, self.partner, self.root, **changes)

    def reprocess(self, **event: Any) -> dict[str, Any]:
        """Calls the function; by hand, and in earnest."""
        answer: dict[str, Any] = self.aws.invoke("ReprocessFunction", {"dry_run": False, **event})
        return answer

    def queued(self, tenant: str) -> list[dict[str, Any]]:
        """Every message about a tenant, hidden ones too; read beside the API, which would hide them."""
        letters = [json.loads(message.body) for message in self._queue()._messages]
        return sorted(
            (letter for letter in letters if letter["tenant"] == tenant), key=lambda letter: str(letter["at"])
        )

    def queued_runs(self) -> list[dict[str, Any]]:
        """Every message about a run."""
        letters = [json.loads(message.body) for message in self._queue()._messages]
        return [letter for letter in letters if letter["kind"] == "run"]

    def show_messages(self) -> None:
        """Lets the time pass for which messages are hidden."""
        for message in self._queue()._messages:
            message.change_visibility(0)

    def _queue(self) -> Any:
        return ledger_view.queue_of(self.aws.resources["DeadLetterQueue"])

    def open_uploads(self) -> list[str]:
        """Keys of multipart uploads that are neither completed nor aborted."""
        s3 = self.aws.client("s3")
        return [
            upload["Key"]
            for bucket in ("LakeBucket", "InboxBucket")
            for upload in s3.list_multipart_uploads(Bucket=self.aws.resources[bucket]).get("Uploads", [])
        ]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    root = tmp_path_factory.mktemp("partner")
    with (
        SftpPartner(root, username="lake", password=PASSWORD) as partner,
        LocalAws(folder=tmp_path_factory.mktemp("lake"), time_scale=0.01) as aws,
        recording() as recorder,
    ):
        yield World(aws, partner, root)
        # in AWS each of these would have been AccessDenied
        assert refused(aws, recorder.needs) == []
        assert recorder.unknown == set()
