"""Clients in Python, each run in a process of its own: ours as Fetch uses it, and paramiko as it comes.

    python -m benchmarks.measuring.clients lakeferry|paramiko JOB [--digest]

JOB is a file written by `command`. Prints JSON: seconds and CPU seconds from before the connection to after the last
byte, without the interpreter's start and the imports: a warm Lambda function has them behind it. SHA-256 on request.
"""

import base64
import hashlib
import io
import json
import pickle
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.measuring.processes import ROOT, Cost, as_json, run
from lakeferry.feeds import ServerSpec

PATHS = {"PYTHONPATH": f"{ROOT / 'functions'}:{ROOT}"}


@dataclass(frozen=True)
class Job:
    """One file to read."""

    spec: ServerSpec
    secret: dict[str, str]
    path: str


def cost(name: str, job: Job, folder: Path, *, digest: bool = False) -> Cost:
    """Has a client read the file once."""
    file = folder / "job"
    file.write_bytes(pickle.dumps(job))
    command = [sys.executable, "-m", __spec__.name, name, str(file), *(["--digest"] if digest else [])]
    found = run(command, as_json, env=PATHS)
    return replace(
        found,
        seconds=found.answer["seconds"],
        cpu_seconds=found.answer["cpu_seconds"],
        sha256=found.answer.get("sha256"),
    )


def _lakeferry(job: Job, digest: "hashlib._Hash | None") -> None:
    from lakeferry.servers import open_server

    def sink(data: memoryview) -> bool:
        if digest is not None:
            digest.update(data)
        return True

    with open_server(job.spec, job.secret) as server:
        server.read(job.path, 0, sink)


class _Nowhere(io.RawIOBase):
    def __init__(self, digest: "hashlib._Hash | None") -> None:
        self._digest = digest

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        if self._digest is not None:
            self._digest.update(data)
        return len(data)


def _paramiko(job: Job, digest: "hashlib._Hash | None") -> None:
    import paramiko

    key = paramiko.Ed25519Key.from_private_key(io.StringIO(job.secret["private_key"]))
    with paramiko.SSHClient() as client:
        kind, data = job.spec.host_keys[0].split()[:2]
        pinned = paramiko.PKey.from_type_string(kind, base64.b64decode(data))
        client.get_host_keys().add(f"[{job.spec.host}]:{job.spec.port}", kind, pinned)
        client.connect(
            job.spec.host, job.spec.port, job.spec.username, pkey=key, allow_agent=False, look_for_keys=False
        )
        client.open_sftp().getfo(job.path, _Nowhere(digest))  # type: ignore[arg-type]  # (it only writes)


def main() -> None:
    name, file, *digest_wanted = sys.argv[1:]
    job = pickle.loads(Path(file).read_bytes())
    import paramiko  # noqa: F401  # behind a warm function, as is what it imports

    import lakeferry.servers.ftp
    import lakeferry.servers.sftp  # noqa: F401

    digest = hashlib.sha256() if digest_wanted else None
    started, processor = time.monotonic(), time.process_time()
    {"lakeferry": _lakeferry, "paramiko": _paramiko}[name](job, digest)
    answer: dict[str, Any] = {
        "seconds": time.monotonic() - started,
        "cpu_seconds": time.process_time() - processor,
    }
    if digest is not None:
        answer["sha256"] = digest.hexdigest()
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
