"""Keeps a lake as this version leaves it, so that later versions are tried on it (`tests/e2e/test_upgrade.py`).

    python -m tools.keep_lake tests/data/lakes/0.1.0.tar.xz

Runs on a release's own code, in its own checkout: from the next version on nobody can make that lake any more. In it is
what an upgrade meets: curated and landed files, one that failed and its dead letter, a server that is down, a run that
was killed with files fetched, validated and landed, and promises that are open. The state machine of the version is
kept beside it: executions in flight go on with the definition they began with.
"""

import argparse
import gzip
import json
import os
import shutil
import tarfile
import tempfile
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from local.aws import LocalAws
from local.partners import SftpPartner
from local.sla import check_sla

ROOT = Path(__file__).resolve().parent.parent
PASSWORD = "correct horse"  # noqa: S105  (of a server on loopback that is gone)
FEEDS: Mapping[str, Mapping[str, Any]] = {
    "acme/orders": {},
    "acme/promised": {
        "sla": {"expected_by": "00:05", "timezone": "UTC", "days": ["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"]}
    },
    "globex/stock": {"transform": {"filter": "amount > 0", "derive": {"net": "amount * 0.8"}}},
    "globex/down": {},
    "globex/fetched": {},
    "globex/validated": {},
    "globex/landed": {},
}
KILLED = {
    "globex/fetched": "Validate files",
    "globex/validated": "Upload files",
    "globex/landed": "Look for pending files",
}
"""Feeds whose run is killed, and the state that it is killed before."""


def document(feed_id: str, partner: SftpPartner, port: int) -> dict[str, Any]:
    """A feed's document, aimed at that server."""
    tenant, feed = feed_id.split("/")
    return {
        "tenant": tenant,
        "feed": feed,
        "server": {
            **{"protocol": "sftp", "host": "127.0.0.1", "port": port, "username": "lake"},
            **{"secret": f"lakeferry/{feed_id}", "host_keys": [partner.host_key], "connect_timeout_seconds": 5},
        },
        "files": {"directory": f"/{tenant}", "pattern": feed + "_{date:%Y%m%d}.csv*", "settle_seconds": 0},
        "format": {"type": "csv"},
        "checks": {
            "columns": [{"name": "order_id", "type": "int64"}, {"name": "amount", "type": "decimal(12,2)"}],
        },
        "dataset": f"{tenant}_{feed}",
        **FEEDS[feed_id],
    }


def deliver(folder: Path, name: str, *, truncate: bool = False) -> None:
    """Puts a file of three rows on the server, one of which `amount > 0` drops; an hour old."""
    data = b"order_id,amount\n1,1.50\n2,2.50\n0,-1.00\n"
    if name.endswith(".gz"):
        data = gzip.compress(data, mtime=0)
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data[: len(data) // 2] if truncate else data)
    at = datetime(2026, 11, 1, tzinfo=UTC).timestamp()
    os.utime(path, (at, at))


def keep(folder: Path) -> None:
    """Makes the lake in the folder."""
    server = folder.parent / "partner"
    server.mkdir()
    with SftpPartner(server, username="lake", password=PASSWORD) as partner:
        deliver(server, "acme/orders_20261101.csv")
        deliver(server, "acme/orders_20261102.csv.gz", truncate=True)
        deliver(server, "globex/stock_20261102.csv")
        with LocalAws(template=ROOT / "template.yaml", folder=folder) as aws:
            table = aws.resource("dynamodb").Table(aws.resources["FeedsTable"])
            for feed_id in FEEDS:
                table.put_item(Item=document(feed_id, partner, 1 if feed_id == "globex/down" else partner.port))
                fields = json.dumps({"password": PASSWORD})
                aws.client("secretsmanager").create_secret(Name=f"lakeferry/{feed_id}", SecretString=fields)
            aws.wait(aws.start_execution({"trigger": "manual"}))
            check_sla(aws, since=datetime.now(UTC) - timedelta(days=2))
            for feed_id, state in KILLED.items():
                deliver(server, f"{feed_id}_20261103.csv")
                aws.kill_at(lambda event, state=state: event.kind == "entered" and event.state == state)  # type: ignore[misc]
                aws.wait(aws.start_execution({"trigger": "manual", "feeds": [feed_id]}))


def pack(folder: Path, package: Path) -> None:
    """Writes lake, server and state machine as one archive."""
    shutil.copy(ROOT / "statemachine" / "ingest.asl.json", folder / "ingest.asl.json")
    for logs in folder.rglob("logs"):
        shutil.rmtree(logs)
    package.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(package, "w:xz") as archive:
        for path in sorted(folder.rglob("*")):
            archive.add(path, path.relative_to(folder).as_posix(), recursive=False)


def main() -> int:
    """The command; 0 when the archive is written."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("package", type=Path)
    package: Path = parser.parse_args().package
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        keep(folder / "lake")
        pack(folder, package.resolve())
    print(f"{package} written in {time.monotonic() - begun:.0f} s, {package.stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
