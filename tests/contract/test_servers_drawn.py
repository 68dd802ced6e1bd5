"""Servers whose every answer is drawn: whatever they do, nothing hangs, and no file is lost or doubled in the end.

`SERVERS_EXAMPLES=2000 .venv/bin/pytest tests/contract/test_servers_drawn.py` draws more, and others each time.
"""

import os
import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as draw

from lakeferry.errors import LakeferryError, TransferInterruptedError
from lakeferry.models import RemoteFile
from lakeferry.servers import Server, answering, ftp_line, open_server, sftp
from lakeferry.servers.unchanged import check_unchanged
from tests.servers.drawn import (
    FTP_ANSWERS,
    FTP_DATA,
    FTP_DATA_VERBS,
    FTP_ENDS,
    FTP_VERBS,
    SFTP_ANSWERS,
    DrawnFtp,
    DrawnSftp,
    Plan,
)
from tests.servers.scripted_sftp import NAMES

MORE = os.environ.get("SERVERS_EXAMPLES")
EXAMPLES = int(MORE or "60")
SHORT, LONG = 0.15, 20
"""Seconds of the time-outs, while the server is odd and after."""
MOST_SECONDS = 60
"""Of one round: some dozen time-outs, on a machine that is busy with other things."""
DAY = 1763856000
"""Of the files, as LIST shows it."""
FILES = {"a_csv": b"id,x\n1,2\n", "b_csv": bytes(range(256)) * 300, "c_csv": b"c"}

numbers = draw.one_of(draw.none(), draw.integers(0, 3))
ftp_answers = draw.sampled_from([*FTP_ANSWERS, *FTP_ENDS, "late"])
ftp_asked = draw.one_of(
    draw.tuples(draw.tuples(draw.sampled_from(FTP_VERBS), numbers), ftp_answers),
    draw.tuples(
        draw.tuples(draw.sampled_from(FTP_DATA_VERBS), numbers),
        draw.one_of(draw.sampled_from(FTP_DATA), ftp_answers),
    ),
)
sftp_asked = draw.tuples(
    draw.tuples(draw.sampled_from(sorted({*NAMES.values()} - {"RENAME", "REMOVE"})), numbers),
    draw.sampled_from(SFTP_ANSWERS),
)


def plans(asked: draw.SearchStrategy[tuple[tuple[str, int | None], str]]) -> draw.SearchStrategy[Plan]:
    return draw.lists(asked, min_size=1, max_size=6).map(dict)


class Pipeline:
    """What Poll and Fetch do with a server, and what they keep."""

    def __init__(self, script: DrawnFtp | DrawnSftp) -> None:
        self._script = script
        self.taken: dict[RemoteFile, bytes] = {}
        self._begun: dict[RemoteFile, bytearray] = {}

    def run(self, seconds: float) -> None:
        """As errors of ours end a file or a run; any other is a mistake."""
        spec = replace(self._script.spec, connect_timeout_seconds=seconds, read_timeout_seconds=seconds)
        begun = time.monotonic()
        self._script.listed = set()
        try:
            with open_server(spec, {"password": "p"}) as server:
                listed = list(server.list_files("/out"))
                self._balances(server, listed)
                for file in listed:
                    if file not in self.taken:
                        self._take(server, file)
        except LakeferryError:
            pass
        assert time.monotonic() - begun < MOST_SECONDS

    def _balances(self, server: Server, listed: list[RemoteFile]) -> None:
        of = server.listed
        assert of.entries == len(listed) + of.unwanted + of.others + of.unread + of.gone, "each entry is one thing"
        unread = " ".join(server.unread)
        missing = {name for name in self._script.listed - {file.name for file in listed} if name not in unread}
        assert not missing, "sent, and neither listed nor named as unread"

    def _take(self, server: Server, file: RemoteFile) -> None:
        arrived = self._begun.setdefault(file, bytearray())

        def sink(view: memoryview) -> bool:
            arrived.extend(view)
            return True

        try:
            check_unchanged(server, file)
            server.read(file.path, len(arrived), sink, file.size)
            if len(arrived) != file.size:
                raise TransferInterruptedError("more than was listed")
            check_unchanged(server, file, was_read=True)
        except LakeferryError:
            if len(arrived) > file.size:
                arrived.clear()
            return
        self.taken[file] = bytes(arrived)


def holds(script: DrawnFtp | DrawnSftp) -> None:
    pipeline = Pipeline(script)
    for _ in range(2):
        pipeline.run(SHORT)
    script.behaves = True
    pipeline.run(LONG)
    contents = {file.path: data for file, data in pipeline.taken.items()}
    assert contents == {f"/out/{name}": data for name, data in script.files.items()}
    for path in contents:
        # one that refused MLSD and then MDTM has shown the day only, which Poll knows for the same version
        times = {file.mtime for file in pipeline.taken if file.path == path} - {DAY}
        assert len(times) <= 1, "taken twice"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answering, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(ftp_line, "PARTING_SECONDS", 0.05)


def bounded(test: Callable[..., None]) -> Callable[..., None]:
    return settings(
        max_examples=EXAMPLES, derandomize=MORE is None, deadline=None, suppress_health_check=list(HealthCheck)
    )(test)


@pytest.mark.slow
@bounded
@given(plans(ftp_asked))
def test_whatever_an_ftp_server_does_no_file_is_lost_or_doubled(plan: Plan) -> None:
    with DrawnFtp(plan, **FILES) as script:
        holds(script)


@pytest.mark.slow
@bounded
@given(plans(sftp_asked))
def test_whatever_an_sftp_server_does_no_file_is_lost_or_doubled(plan: Plan) -> None:
    sftp._GIVE_LITTLE.clear()
    with DrawnSftp(plan, **FILES) as script:
        holds(script)
