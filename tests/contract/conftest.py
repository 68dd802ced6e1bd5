"""Partners' servers, embedded and real: each with a folder of the test's own, seen through its protocol."""

import itertools
import os
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import pytest

from lakeferry.feeds import ServerSpec
from lakeferry.servers import Server, open_server
from local.partners import FtpPartner, SftpPartner
from tests.servers.daemons import DAEMONS, Daemon
from tests.servers.processes import NotInstalledError

USERNAME, PASSWORD = "lake", "correct horse"
SECRET = {"password": PASSWORD}
WITHOUT = {
    "ftp": (),
    "ftp of LIST and MDTM": ("MLSD", "MLST"),
    "ftp of LIST alone": ("MLSD", "MLST", "MDTM"),
}
Running = TypeVar("Running")
_folders = itertools.count()


@dataclass(frozen=True)
class Partner:
    """A running server, a folder it serves, and how to get in.

    Attributes:
        name: Which of the servers.
        folder: Here, on this machine.
        root: The same folder on the server; "" where it is `/`.
    """

    name: str
    folder: Path
    spec: ServerSpec
    secret: Mapping[str, str]
    root: str = ""

    def open(self, secret: dict[str, str] | None = None, **changes: Any) -> Server:
        return open_server(replace(self.spec, **changes), self.secret if secret is None else secret)

    def at(self, path: str) -> str:
        """A path below the folder, as the server has it."""
        return self.root + path

    def local(self, path: str) -> Path:
        return self.folder / path.removeprefix(self.root).lstrip("/")


@pytest.fixture(autouse=True)
def _files_for_every_user() -> Iterator[None]:
    """The daemons run as another user than the tests, and move and delete what these put there."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "outgoing").mkdir()
    return tmp_path


@pytest.fixture
def sftp_server(folder: Path) -> Iterator[SftpPartner]:
    with SftpPartner(folder, username=USERNAME, password=PASSWORD) as server:
        yield server


@pytest.fixture
def sftp(folder: Path, sftp_server: SftpPartner) -> Partner:
    port, keys = sftp_server.port, (sftp_server.host_key,)
    return Partner("sftp", folder, ServerSpec("sftp", "127.0.0.1", port, USERNAME, secret="s", host_keys=keys), SECRET)


@pytest.fixture
def start_ftp(folder: Path) -> Iterator[Callable[[tuple[str, ...]], Partner]]:
    with ExitStack() as running:

        def start(without: tuple[str, ...] = ()) -> Partner:
            server = FtpPartner(folder, username=USERNAME, password=PASSWORD, without=without)
            port = running.enter_context(server).port
            spec = ServerSpec("ftp", "127.0.0.1", port, USERNAME, secret="s", allow_plaintext=True)
            return Partner("ftp", folder, spec, SECRET)

        yield start


@pytest.fixture(scope="session")
def started() -> Iterator[Callable[[str], Daemon]]:
    """Starts a daemon when it is first asked for; all end with the session."""
    daemons: dict[str, Daemon] = {}
    with ExitStack() as running:

        def start(name: str) -> Daemon:
            if name not in daemons:
                daemons[name] = start_or_skip(running, DAEMONS[name])
            return daemons[name]

        yield start


def start_or_skip(running: ExitStack, start: Callable[[], AbstractContextManager[Running]]) -> Running:
    """Only where all servers have to be there (CI) a missing one is a failure."""
    try:
        return running.enter_context(start())
    except NotInstalledError as missing:
        if os.environ.get("CI") == "true":
            pytest.fail(str(missing))
        pytest.skip(str(missing))


def has_ipv6() -> bool:
    """Whether this machine can be reached at ::1."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


@pytest.fixture(params=["sftp", *WITHOUT, *(pytest.param(name, marks=pytest.mark.servers) for name in DAEMONS)])
def partner(request: pytest.FixtureRequest) -> Partner:
    """Each kind of server in turn."""
    if request.param == "sftp":
        found = request.getfixturevalue("sftp")
    elif request.param in WITHOUT:
        found = request.getfixturevalue("start_ftp")(WITHOUT[request.param])
    else:
        found = on_daemon(request.param, request.getfixturevalue("started")(request.param))
    assert isinstance(found, Partner)
    return found


def on_daemon(name: str, daemon: Daemon) -> Partner:
    """A new folder on it."""
    folder = f"{next(_folders)}"
    (daemon.folder / folder / "outgoing").mkdir(parents=True)
    return Partner(name, daemon.folder / folder, daemon.spec, daemon.secret, f"{daemon.root}/{folder}")
