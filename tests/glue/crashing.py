"""A job whose JVM is killed in the middle of one feed's partition, each time; tells what became of all of them."""

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from moto import mock_aws

import curate
import sparksession
import sparkworker
from lakeferry.ledger import Ledger
from local import moto_shims
from local.java import spark_environment
from tests.glue.conftest import SmallLake

SALES = "order_id,amount\n1,10.00\n3,30.50\n"


def kill_at(feed: str) -> list[int]:
    """Has the JVM killed where Spark has written a partition of the feed; the processes that were."""
    killed: list[int] = []
    inspect = sparkworker.SparkWorker._inspect

    def kill(worker: Any, spark: Any, work: Any, *rest: Any) -> Any:
        if work.partition.feed == feed:
            killed.append(spark._jvm.java.lang.ProcessHandle.current().pid())
            os.kill(killed[-1], signal.SIGKILL)
        return inspect(worker, spark, work, *rest)

    sparkworker.SparkWorker._inspect = kill  # type: ignore[method-assign, assignment]
    return killed


def main(folder: str) -> None:
    os.environ.update(spark_environment())
    moto_shims.apply()
    with mock_aws():
        lake = SmallLake(sparksession.spark_session(), Path(folder))
        for feed in ("heavy", "light"):
            lake.put_feed(feed=feed)
            lake.land(f"{feed}.csv", SALES, feed=feed)
        server = {"protocol": "ftp", "host": "h", "username": "u", "allow_plaintext": True}
        lake.put_feed(tenant="globex", feed="light", dataset="orders", server=server)
        lake.land("globex.csv", SALES, tenant="globex", feed="light")
        killed = kill_at("heavy")
        curate.main(lake.arguments())
        items = lake.ledger.scan()["Items"]
        found = {
            "killed": len(set(killed)),
            "status": {item["feed_id"]: item["status"] for item in items if "status" in item},
            "rows": [len(lake.rows("order_id", dataset)) for dataset in ("sales", "orders")],
            "asides": [(one.feed_id, one.error, one.cause) for one in Ledger(lake.ledger).asides],
            "notes": [item["file_id"] for item in items if item["feed_id"] == "!begun"],
        }
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1])
