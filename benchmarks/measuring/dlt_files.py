"""The files of a server's folders as Parquet by dlt, by its quickest way, which is Arrow's tables.

    dlt_files.py JOB FOLDER

It runs in an environment of its own (`peers.dlt_python`). JOB is JSON (`many_files._told_to_dlt`). Prints JSON: files,
seconds and CPU seconds, without imports.
"""

import json
import os
import resource
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

os.environ.update(RUNTIME__DLTHUB_TELEMETRY="false", RUNTIME__LOG_LEVEL="CRITICAL")


def main() -> None:
    job, folder = json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2])
    import dlt
    import pyarrow.csv
    from dlt.sources.credentials import SFTPCredentials
    from dlt.sources.filesystem import filesystem

    taken: list[str] = []

    @dlt.transformer  # type: ignore[untyped-decorator]
    def tables(items: Iterable[Any]) -> Iterator[Any]:
        for item in items:
            taken.append(item["file_url"])
            with item.open() as file:
                yield pyarrow.csv.read_csv(file)

    credentials = SFTPCredentials()
    credentials.sftp_port, credentials.sftp_username = job["port"], job["username"]
    credentials.sftp_key_filename, credentials.sftp_look_for_keys = job["key"], False

    def take() -> int:
        taken.clear()
        for number in range(job["feeds"]):
            found = filesystem(
                bucket_url=f"sftp://{job['host']}{job['directory']}/feed{number}",
                credentials=credentials,
                file_glob="*.csv",
            )
            found.apply_hints(incremental=dlt.sources.incremental("modification_date", range_start="open"))
            pipeline = dlt.pipeline(
                f"feed{number}",
                pipelines_dir=str(folder / "state"),
                destination=dlt.destinations.filesystem(bucket_url=(folder / "lake").as_uri()),
                dataset_name=f"tenant{number}",
            )
            pipeline.run((found | tables()).with_name("many"), loader_file_format="parquet")
        return len(taken)

    if job["again"]:
        take()
    started, before = time.monotonic(), _cpu_seconds()
    files = take()
    took = {"seconds": time.monotonic() - started, "cpu_seconds": _cpu_seconds() - before}
    print(json.dumps({"files": files, **took}))


def _cpu_seconds() -> float:
    mine, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return mine.ru_utime + mine.ru_stime + children.ru_utime + children.ru_stime


if __name__ == "__main__":
    main()
