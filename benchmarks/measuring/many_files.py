"""Files of many feeds, in a process of its own: by the functions, or by what people use instead.

    python -m benchmarks.measuring.many_files lakeferry|monolith|rclone JOB

JOB is a file written by `cost`. AWS is one that costs nothing (`free_aws`), or a folder where the program knows nothing
else. Prints JSON: seconds and CPU seconds from the first poll to the last file, without imports, which a warm function
has behind it; calls of AWS; and, of the functions, how often each was called and how many transitions the machine would
have made.
"""

import base64
import io
import json
import pickle
import resource
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.measuring import peers
from benchmarks.measuring.clients import PATHS
from benchmarks.measuring.job import Job
from benchmarks.measuring.processes import Cost, as_json, run


def cost(name: str, job: Job, folder: Path) -> Cost:
    """Has all files taken once.

    Raises:
        NotInstalledError: what the program needs is not on this machine.
    """
    with tempfile.TemporaryDirectory(dir=folder) as own:
        file = Path(own) / "job"
        if name == "dlt":
            file.write_text(json.dumps(_told_to_dlt(job, folder)))
            command = [peers.dlt_python(), str(Path(__file__).with_name("dlt_files.py")), str(file), own]
        else:
            if name == "rclone":
                peers.rclone()  # told here where it is missing, not by the process
            file.write_bytes(pickle.dumps(job))
            command = [sys.executable, "-m", __spec__.name, name, str(file)]
        found = run(command, as_json, env=PATHS)
    return replace(found, seconds=found.answer["seconds"], cpu_seconds=found.answer["cpu_seconds"])


def _told_to_dlt(job: Job, folder: Path) -> dict[str, Any]:
    return {
        "host": job.spec.host,
        "port": job.spec.port,
        "username": job.spec.username,
        "key": str(peers.user_key(job.secret, folder)),
        "directory": job.directory,
        "feeds": job.feeds,
        "again": job.again,
    }


def _lakeferry(job: Job, session: Any, folder: Path, turn: int) -> dict[str, Any]:
    from benchmarks.measuring.driving import Driver

    return Driver(job, session).take(turn)


def _monolith(job: Job, session: Any, folder: Path, turn: int) -> dict[str, Any]:
    """What people write first: a login a feed, each file read, parsed, written as Parquet and put; and noted."""
    import paramiko
    import pyarrow.csv
    import pyarrow.parquet
    from botocore.config import Config

    s3 = session.client("s3", config=Config(s3={"addressing_style": "path"}))
    key = paramiko.Ed25519Key.from_private_key(io.StringIO(job.secret["private_key"]))
    kind, data = job.spec.host_keys[0].split()[:2]
    pinned = paramiko.PKey.from_type_string(kind, base64.b64decode(data))
    files, notes = 0, folder / "taken"
    taken = set(notes.read_text().splitlines()) if notes.exists() else set()
    for number in range(job.feeds):
        directory = f"{job.directory}/feed{number}"
        with paramiko.SSHClient() as client:
            client.get_host_keys().add(f"[{job.spec.host}]:{job.spec.port}", kind, pinned)
            client.connect(
                job.spec.host, job.spec.port, job.spec.username, pkey=key, allow_agent=False, look_for_keys=False
            )
            sftp = client.open_sftp()
            for name in sftp.listdir(directory):
                if f"{directory}/{name}" in taken:
                    continue
                with sftp.open(f"{directory}/{name}") as file:
                    table = pyarrow.csv.read_csv(io.BytesIO(file.read()))
                target = io.BytesIO()
                pyarrow.parquet.write_table(table, target)
                s3.put_object(Bucket="lake", Key=f"{number}/{name}.parquet", Body=target.getvalue())
                taken.add(f"{directory}/{name}")
                files += 1
        notes.write_text("\n".join(sorted(taken)))
    return {"files": files, "called": {}, "transitions": 0, "batches": 0}


def _rclone(job: Job, session: Any, folder: Path, turn: int) -> dict[str, Any]:
    """All folders copied by one rclone, each file made Parquet by DuckDB."""
    import duckdb

    files = 0
    with duckdb.connect() as base:
        flags = peers.rclone_sftp_flags(job, folder)
        copy = ["copy", "--config", "", f":sftp:{job.directory}", f"{folder}/in", *flags]
        run([peers.rclone(), *copy, "--transfers", str(job.together)])
        for file in folder.glob("in/*/*.csv"):
            target = Path(f"{file}.parquet")
            if not target.exists():
                base.read_csv(str(file)).write_parquet(str(target))
                files += 1
    return {"files": files, "called": {}, "transitions": 0, "batches": 0}


def _cpu_seconds() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def main() -> None:
    name, file = sys.argv[1:]
    job = pickle.loads(Path(file).read_bytes())
    import boto3
    import duckdb  # noqa: F401
    import paramiko  # noqa: F401  # behind a warm function, as is what it imports
    import pyarrow.csv
    import pyarrow.parquet  # noqa: F401

    import lakeferry.servers.sftp  # noqa: F401
    from benchmarks.measuring.free_aws import FreeAws

    if name == "lakeferry":
        import benchmarks.measuring.driving  # noqa: F401  # and with it the functions' own

    aws = FreeAws()
    session = boto3.Session(region_name="eu-west-1", aws_access_key_id="local", aws_secret_access_key="local")
    aws.install(session)
    take = {"lakeferry": _lakeferry, "monolith": _monolith, "rclone": _rclone}[name]
    with tempfile.TemporaryDirectory() as kept:
        if job.again:
            take(job, session, Path(kept), 0)
            aws.calls.clear()
        started, processor = time.monotonic(), _cpu_seconds()
        found = take(job, session, Path(kept), 1)
        took = {"seconds": time.monotonic() - started, "cpu_seconds": _cpu_seconds() - processor}
    answer = {**took, "calls": dict(aws.calls), **found}
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
