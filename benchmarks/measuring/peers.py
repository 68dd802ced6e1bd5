"""The programs that ours is compared with: one file to a null sink, the server's key or certificate checked."""

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from benchmarks.measuring.clients import Job
from benchmarks.measuring.processes import ROOT, as_digest, run
from benchmarks.measuring.rounds import Contender
from lakeferry.feeds import ServerSpec
from tests.servers.processes import UNPACKED, NotInstalledError, environment, find, write

CIPHER = "aes128-gcm@openssh.com"
"""The fastest one where the processor has AES instructions, for everybody; it is not OpenSSH's own first choice."""

DLT = ROOT / ".cache" / "dlt" / "bin" / "python"


class Reached(Protocol):
    """What says how a server is reached."""

    @property
    def spec(self) -> ServerSpec: ...
    @property
    def secret(self) -> Mapping[str, str]: ...


def rclone() -> str:
    """The program's path: that of `requirements/bench.txt`; Debian's is too old to serve S3 or to be told a cipher."""
    beside = Path(sys.executable).with_name("rclone")
    if not beside.exists():
        raise NotInstalledError("rclone (make bench installs it)")
    return str(beside)


def dlt_python() -> str:
    """The Python of the environment that `make bench` makes for dlt."""
    if not DLT.exists():
        raise NotInstalledError("dlt (make bench installs it)")
    return str(DLT)


def printing(name: str, command: Sequence[str], target: float | None = None) -> Contender:
    """One that writes the bytes to its standard output."""
    env = _environment(command[0])
    return Contender(name, lambda: run(command, env=env), lambda: run(command, as_digest, env=env).sha256, target)


def openssh(job: Job, folder: Path, target: float | None = None) -> Contender:
    """OpenSSH's sftp. It seeks in what it writes, so to prove its bytes it writes a file."""
    copy = folder / "copy"
    program = find("sftp")
    env = _environment(program)
    ssh = ["-S", find("ssh")]  # an unpacked sftp looks for it where an installed one is
    options = [
        "IdentitiesOnly=yes",
        f"IdentityFile={user_key(job.secret, folder)}",
        f"UserKnownHostsFile={_known_hosts(job, folder)}",
        "StrictHostKeyChecking=yes",
        f"Ciphers={CIPHER}",
    ]

    def command(into: Path) -> list[str]:
        batch = write(folder / "batch", f"get {job.path} {into}\n")
        where = ["-P", str(job.spec.port), f"{job.spec.username}@{job.spec.host}"]
        flags = [part for option in options for part in ("-o", option)]
        return [program, "-q", "-F", "/dev/null", *ssh, *flags, "-b", str(batch), *where]

    def digest() -> str | None:
        run(command(copy), env=env)
        try:
            return run(["cat", str(copy)], as_digest).sha256
        finally:
            copy.unlink()

    return Contender("OpenSSH sftp", lambda: run(command(Path("/dev/null")), env=env), digest, target)


def rclone_sftp(job: Job, folder: Path, *tuning: str, name: str = "rclone", target: float | None = None) -> Contender:
    """rclone's sftp backend."""
    command = [rclone(), "cat", "--config", "", f":sftp:{job.path}", *rclone_sftp_flags(job, folder), *tuning]
    return printing(name, command, target)


def rclone_sftp_flags(job: "Reached", folder: Path) -> list[str]:
    """How rclone gets in."""
    return [
        *("--sftp-host", job.spec.host, "--sftp-port", str(job.spec.port), "--sftp-user", job.spec.username),
        *(
            "--sftp-key-file",
            str(user_key(job.secret, folder)),
            "--sftp-known-hosts-file",
            str(_known_hosts(job, folder)),
        ),
        *("--sftp-ciphers", CIPHER, "--sftp-disable-hashcheck", "--sftp-shell-type", "none"),
    ]


def rclone_ftp(job: Job, *, target: float | None = None) -> Contender:
    """rclone's ftp backend."""
    return printing("rclone", [rclone(), "cat", "--config", "", f":ftp:{job.path}", *rclone_ftp_flags(job)], target)


def rclone_ftp_flags(job: Job) -> list[str]:
    """How rclone gets in."""
    hidden = run([rclone(), "obscure", job.secret["password"]], _text).answer["text"]
    return [
        *("--ftp-host", job.spec.host, "--ftp-port", str(job.spec.port)),
        *("--ftp-user", job.spec.username, "--ftp-pass", hidden),
    ]


def curl(job: Job, folder: Path, target: float | None = None) -> Contender:
    """curl, under TLS where the job is."""
    tls = ["--ssl-reqd", "--cacert", str(write(folder / "ca.pem", job.spec.ca_bundle))] if job.spec.ca_bundle else []
    # two slashes: from the root, not from where the login leads
    url = f"ftp://{job.spec.host}:{job.spec.port}/{job.path}"
    login = ["--user", f"{job.spec.username}:{job.secret['password']}"]
    return printing("curl", [find("curl"), "--silent", "--show-error", *tls, *login, url], target)


def available(*makers: Callable[[], Contender]) -> list[Contender]:
    """Those whose program is here; the others are named."""
    found = []
    for make in makers:
        try:
            found.append(make())
        except NotInstalledError as error:
            print(f"  left out: {error}")
    return found


def _environment(program: str) -> dict[str, str]:
    return environment() if Path(program).is_relative_to(UNPACKED) else {}


def _text(output: object) -> dict[str, object]:
    return {"answer": {"text": output.read().decode().strip()}}  # type: ignore[attr-defined]


def user_key(secret: Mapping[str, str], folder: Path) -> Path:
    """The private key of a login as a file."""
    return write(folder / "user_key", secret["private_key"])


def _known_hosts(job: "Reached", folder: Path) -> Path:
    lines = [f"[{job.spec.host}]:{job.spec.port} {key}\n" for key in job.spec.host_keys]
    return write(folder / "known_hosts", "".join(lines))
