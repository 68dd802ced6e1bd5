"""One file from a partner's server into the inbox, in a process of its own, as the function Fetch does it.

    python -m benchmarks.measuring.fetching JOB

JOB is a file written by `cost`; the environment says where AWS is. Prints JSON: seconds and CPU seconds of the fetch,
without the interpreter's start and the imports.
"""

import json
import pickle
import sys
import time
from dataclasses import replace
from pathlib import Path

from benchmarks.measuring.clients import PATHS, Job
from benchmarks.measuring.polling import LEDGER, RUN, feed_of
from benchmarks.measuring.processes import Cost, as_json, run

BUCKET = "inbox"


def cost(job: Job, folder: Path, s3_endpoint: str, dynamodb_endpoint: str, number: int, ca: Path | None = None) -> Cost:
    """Has the file fetched once; the answer has the `key` of the object.

    Args:
        number: Of the run; another one each time.
        ca: Who signed the certificate of an S3 under TLS.
    """
    file = folder / "job"
    file.write_bytes(pickle.dumps((job, number)))
    env = {
        **PATHS,
        "AWS_ENDPOINT_URL_S3": s3_endpoint,
        "AWS_ENDPOINT_URL_DYNAMODB": dynamodb_endpoint,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "LEDGER_TABLE": LEDGER,
        "FEEDS_TABLE": "feeds",
        "LAKE_BUCKET": BUCKET,
        "INBOX_BUCKET": BUCKET,
        "WORK_BUCKET": BUCKET,
    }
    if ca is not None:
        env["AWS_CA_BUNDLE"] = str(ca)
    found = run([sys.executable, "-m", __spec__.name, str(file)], as_json, env=env)
    return replace(found, seconds=found.answer["seconds"], cpu_seconds=found.answer["cpu_seconds"])


def main() -> None:
    import lakeferry.servers.ftp
    import lakeferry.servers.sftp  # noqa: F401  # behind a warm function
    from fetch.core import fetch
    from lakeferry.clients import from_environment
    from lakeferry.file_at_work import file_at_work
    from lakeferry.lake import inbox_key
    from lakeferry.models import FileItem
    from lakeferry.servers import open_server

    job, number = pickle.loads(Path(sys.argv[1]).read_bytes())
    clients = from_environment()
    feed = feed_of(job.spec, job.path.rsplit("/", 1)[0])
    with open_server(job.spec, job.secret) as server:
        remote = server.stat(job.path)
    item = FileItem("acme", "many", RUN.format(number), remote.path, remote.size, remote.mtime)
    known = clients.ledger.known(item.feed_id, [item.file_id]).get(item.file_id)
    if known is not None:  # the round before fetched it: it is to be done again
        clients.ledger.advance(replace(item, run=known["run"]), status="RELEASED", remove=("inbox_key",))
        known = clients.ledger.known(item.feed_id, [item.file_id])[item.file_id]
    if not clients.ledger.claim(item, dt="2026-11-01", entry=known):
        raise SystemExit("the file could not be claimed")
    clients.s3.meta.events  # noqa: B018  # made when first used, as in a warm function
    started, processor = time.monotonic(), time.process_time()
    while not fetch(
        file_at_work(feed, item, clients.ledger, clients.s3, clients.settings),
        lambda: open_server(job.spec, job.secret),
        remaining_seconds=lambda: 800.0,
    )["done"]:
        pass
    answer = {
        "seconds": time.monotonic() - started,
        "cpu_seconds": time.process_time() - processor,
        "key": inbox_key(feed, remote),
    }
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
