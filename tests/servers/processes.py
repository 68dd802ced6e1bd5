"""Starting and ending programs that listen on a free loopback port."""

import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

UNPACKED = Path(__file__).parents[2] / ".cache" / "servers"
NOBODY = 65534
IS_ROOT = os.geteuid() == 0
START_SECONDS = 15
EPHEMERAL = 32_768
"""From here on Linux takes the ports of outgoing connections."""


class NotInstalledError(Exception):
    """The program is not on this machine, or cannot run for this user."""


def find(program: str) -> str:
    """The program's path.

    Raises:
        NotInstalledError: it is not here.
    """
    for folder in (UNPACKED / "usr/sbin", UNPACKED / "usr/bin", Path("/usr/sbin")):
        if (folder / program).is_file():
            return str(folder / program)
    found = shutil.which(program)
    if found is None:
        raise NotInstalledError(f"{program} is not installed; tools/install-servers.sh unpacks it")
    return found


def environment() -> dict[str, str]:
    """What unpacked programs need to find their unpacked libraries."""
    folders = [str(path) for path in (*UNPACKED.glob("usr/lib/*-linux-gnu*"), *UNPACKED.glob("lib/*-linux-gnu*"))]
    return {**os.environ, "LD_LIBRARY_PATH": ":".join(folders)}


@contextmanager
def open_folder() -> Iterator[Path]:
    """A temporary folder that any user may enter (pytest's own are closed), with `files` for everybody in it."""
    base = Path(tempfile.mkdtemp(prefix="lakeferry-"))
    try:
        base.chmod(0o755)
        (base / "files").mkdir()
        (base / "files").chmod(0o777)
        yield base
    finally:
        shutil.rmtree(base, ignore_errors=True)


def write(path: Path, text: str) -> Path:
    """A file that only its owner reads, as servers want their secrets to be."""
    path.touch(0o600)
    path.write_text(text)
    return path


@contextmanager
def running(base: Path, command: Callable[[int], Sequence[str]], *, as_root: bool = False) -> Iterator[int]:
    """The program while it listens on a port that was free; its end is waited for.

    Args:
        base: Its folder, given to the user it runs as; what it says goes to `log` there.
        command: Its command line for a port.
        as_root: Else root starts it as nobody.
    """
    for _ in range(3):  # another process may take the port first
        port = _free_port()
        arguments = command(port)
        unprivileged = NOBODY if IS_ROOT and not as_root else None
        if unprivileged is not None:
            for path in (base, *base.iterdir()):
                os.chown(path, unprivileged, unprivileged)
        with open(base / "log", "ab") as log:
            process = subprocess.Popen(
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment(),
                cwd="/",
                start_new_session=True,
                user=unprivileged,
                group=unprivileged,
                extra_groups=None if unprivileged is None else [],
            )
        try:
            if _listens(process, port):
                yield port
                return
        finally:
            _end(process)
    raise RuntimeError(f"{arguments[0]} did not start: {(base / 'log').read_text('utf-8', 'replace')[-2000:]}")


def _listens(process: "subprocess.Popen[bytes]", port: int) -> bool:
    until = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=START_SECONDS).close()
            return True
        except OSError:
            time.sleep(0.01)
    return False


def _end(process: "subprocess.Popen[bytes]") -> None:
    """With what it started to serve connections."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(5)


def _free_port() -> int:
    """One that no connection is given as its own end while the program starts; other processes draw as well."""
    while True:
        port = random.randrange(15_000, EPHEMERAL)
        with suppress(OSError):
            socket.create_server(("127.0.0.1", port)).close()
            return port
