"""A whole run over forty good feeds and more than forty hostile ones: the good are served as if they were alone."""

import json
import os
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from lakeferry.ledger import Ledger
from lakeferry.ledger.addresses import Approval
from lakeferry.ledger.asides import CURATE
from local import ledger_view, sql
from tests.e2e.conftest import PASSWORD, World
from tests.unit.hostile_feeds import hostile_documents

GOOD = [f"g{number:02d}" for number in range(40)]
DELIVERING = GOOD[::2]
"""Those whose partner has a file for each run; the others' servers have nothing new, as most have in most hours."""
DATASETS = 4
ADDRESS = "data@acme.example"
ALONE, TOGETHER = "20261101", "20261102"

TROUBLE: dict[str, dict[str, Any]] = {
    "types": {
        "dataset": "sales0",
        "checks": {"columns": [{"name": name, "type": "string"} for name in ("order_id", "amount")]},
    },
    "mistake": {
        "dataset": "evil",
        "transform": {"rules": [{"name": "x", "expression": "amount < 0", "action": "fail"}]},
    },
    "format": {"dataset": "sales1", "transform": {"table_format": "iceberg"}},
    "nowhere": {"dataset": "evil", "files": {"directory": "/nowhere", "pattern": "*.csv"}},
    "locked": {"dataset": "evil", "server": {"secret": "lakeferry/evil/missing"}},
    "listens": {"dataset": "evil", "notify": {"emails": [ADDRESS]}},
}
"""Valid documents, each with a file to deliver, that want what is another's, or fail where documents are not looked at
any more. The last one is well but for its address."""


class Everybody:
    """The feeds on one server."""

    def __init__(self, world: World) -> None:
        self.aws, self._root = world.aws, world.root
        self.ledger = Ledger(self._table("LedgerTable"))
        self.last_run = ""
        self._server = {
            **{"protocol": "sftp", "host": "127.0.0.1", "port": world.partner.port, "username": "lake"},
            **{"host_keys": [world.partner.host_key], "connect_timeout_seconds": 5, "read_timeout_seconds": 10},
        }
        for tenant in ("acme", "evil"):
            secret = json.dumps({"password": PASSWORD})
            self.aws.client("secretsmanager").create_secret(Name=f"lakeferry/{tenant}/all", SecretString=secret)

    def _table(self, name: str) -> Any:
        return self.aws.resource("dynamodb").Table(self.aws.resources[name])

    def put(self, tenant: str, feed: str, **changes: Any) -> None:
        """Past `feeds put`."""
        (self._root / f"{tenant}_{feed}").mkdir(exist_ok=True)
        server = {**self._server, "secret": f"lakeferry/{tenant}/all", **changes.pop("server", {})}
        document = {
            **{"tenant": tenant, "feed": feed, "server": server, "format": {"type": "csv"}},
            "files": self.files(tenant, feed),
            "checks": {"columns": [{"name": "order_id", "type": "int64"}, {"name": "amount", "type": "decimal(12,2)"}]},
            **changes,
        }
        self._table("FeedsTable").put_item(Item=document)

    def put_hostile(self) -> None:
        """The forty documents, on the same server where that is not what is wrong with them, and those in trouble."""
        server = {**self._server, "secret": "lakeferry/evil/all"}
        for document in hostile_documents(server=server, files=self.files("evil", "all"), dataset="sales2"):
            self._table("FeedsTable").put_item(Item=document)
        for feed, changes in TROUBLE.items():
            self.put("evil", feed, **changes)

    def files(self, tenant: str, feed: str) -> dict[str, Any]:
        return {"directory": f"/{tenant}_{feed}", "pattern": "sales_{date:%Y%m%d}.csv", "settle_seconds": 0}

    def deliver(self, folder: str, day: str, rows: int) -> None:
        path: Path = self._root / folder / f"sales_{day}.csv"
        path.write_text("order_id,amount\n" + "".join(f"{at},{at}.50\n" for at in range(rows)), "utf-8")
        os.utime(path, (time.time() - 3600, time.time() - 3600))

    def run(self, at: str) -> str:
        """As the hourly rule starts it."""
        run = self.aws.start_execution({"trigger": "schedule", "time": at})
        self.last_run = run
        return str(self.aws.wait(run, 1500)["status"])

    def told(self, day: str) -> dict[str, Any]:
        """All that became of the good feeds' files of a day."""
        dt = f"{day[:4]}-{day[4:6]}-{day[6:]}"
        entries = [
            entry for entry in ledger_view.files(self.aws) if entry["feed_id"].startswith("acme/") and entry["dt"] == dt
        ]
        names = ("status", "attempts", "rows_read", "rows_landed", "rows_curated", "rows_dropped", "columns")
        bucket, s3 = self.aws.resources["LakeBucket"], self.aws.client("s3")
        raw = {}
        for feed in DELIVERING:
            (key,) = ledger_view.objects(self.aws, bucket, f"raw/acme_{feed}/dt={dt}/")
            raw[feed] = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        tables = {}
        for number in range(DATASETS):
            query = f"select tenant, feed, order_id, amount from sales{number} where dt = '{dt}' order by all"
            tables[number] = [tuple(row) for row in sql.query(self.aws, query)[1]]
        return {
            "files": {entry["feed_id"]: [entry.get(name) for name in names] for entry in entries},
            "raw": raw,
            "tables": tables,
            "polled": [self.ledger.feeds.get(f"acme/{feed}").get("polled_by") == self.last_run for feed in GOOD],
        }

    def mails(self) -> Counter[str]:
        """How many there were so far of the good tenant, by event, and of nobody's."""
        found: Counter[str] = Counter()
        for mail in self.aws.mails():
            tenant = mail.attributes.get("tenant", "all")
            if tenant != "evil":
                found[f"{tenant} {mail.attributes['event']}"] += 1
        return found


@pytest.mark.slow(seconds=70)
@pytest.mark.timeout(3600)
def test_forty_good_feeds_beside_forty_hostile_ones_are_served_as_if_they_were_alone(world: World) -> None:
    everybody = Everybody(world)
    everybody.ledger.addresses.approve(Approval("acme", ADDRESS))
    for number, feed in enumerate(GOOD):
        notify = {"emails": [ADDRESS], "success": "feed"}
        everybody.put("acme", feed, dataset=f"sales{number // 2 % DATASETS}", notify=notify)
        if feed in DELIVERING:
            everybody.deliver(f"acme_{feed}", ALONE, rows=1 + number % 5)
    assert everybody.run("2026-11-01T06:00:00Z") == "SUCCEEDED"
    alone, mails_alone = everybody.told(ALONE), everybody.mails()
    assert {values[0] for values in alone["files"].values()} == {"CURATED"}
    assert len(alone["files"]) == len(DELIVERING)
    assert all(alone["polled"])
    assert mails_alone == {"acme feed_succeeded": len(DELIVERING), "all run_succeeded": 1}

    everybody.put_hostile()
    for number, feed in enumerate(GOOD):
        if feed in DELIVERING:
            everybody.deliver(f"acme_{feed}", TOGETHER, rows=1 + number % 5)
    for feed in TROUBLE:
        everybody.deliver(f"evil_{feed}", TOGETHER, rows=3)
    assert everybody.run("2026-11-01T07:00:00Z") == "SUCCEEDED"
    assert everybody.told(TOGETHER) == alone
    assert everybody.told(ALONE) == alone, "what was there before is as it was"
    assert everybody.mails() - mails_alone == mails_alone

    aside = {one.feed_id: one.error for one in everybody.ledger.asides.of(CURATE)}
    assert aside == {
        "evil/types": "DatasetTakenError",
        "evil/format": "DatasetTakenError",
        "evil/mistake": "RuleViolatedError",
    }
