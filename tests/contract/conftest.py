"""Partners' servers over one folder, the same folder seen through each protocol."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from lakeferry.feeds import ServerSpec
from lakeferry.servers import Server, open_server
from local.partners import FtpPartner, SftpPartner

USERNAME, PASSWORD = "lake", "correct horse"
SECRET = {"password": PASSWORD}
WITHOUT = {
    "ftp": (),
    "ftp of LIST and MDTM": ("MLSD", "MLST"),
    "ftp of LIST alone": ("MLSD", "MLST", "MDTM"),
}


@dataclass(frozen=True)
class Partner:
    """A running server, the folder it serves, and how to get in."""

    folder: Path
    spec: ServerSpec

    def open(self, secret: dict[str, str] | None = None, **changes: Any) -> Server:
        return open_server(replace(self.spec, **changes), SECRET if secret is None else secret)


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
    return Partner(folder, ServerSpec("sftp", "127.0.0.1", port, USERNAME, secret="s", host_keys=keys))


@pytest.fixture
def start_ftp(folder: Path) -> Iterator[Callable[[tuple[str, ...]], Partner]]:
    with ExitStack() as running:

        def start(without: tuple[str, ...] = ()) -> Partner:
            server = FtpPartner(folder, username=USERNAME, password=PASSWORD, without=without)
            port = running.enter_context(server).port
            return Partner(folder, ServerSpec("ftp", "127.0.0.1", port, USERNAME, secret="s", allow_plaintext=True))

        yield start


@pytest.fixture(params=["sftp", *WITHOUT])
def partner(request: pytest.FixtureRequest) -> Partner:
    """Each kind of server in turn."""
    if request.param == "sftp":
        found = request.getfixturevalue("sftp")
    else:
        found = request.getfixturevalue("start_ftp")(WITHOUT[request.param])
    assert isinstance(found, Partner)
    return found
