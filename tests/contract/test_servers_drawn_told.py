"""Servers whose every answer is drawn, polled again and again: what they show and nobody gets is told in time.

`SERVERS_EXAMPLES=2000` draws more, and others each time, as in `test_servers_drawn.py`.
"""

import io
import json
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings

from lakeferry.errors import FileChangedError, LakeferryError
from lakeferry.feeds import parse_feed
from lakeferry.ledger import Entry
from lakeferry.ledger.feed_states import Polled
from lakeferry.models import FeedItem, FileItem
from lakeferry.servers import open_server, sftp
from lakeferry.servers.unchanged import check_unchanged, read_listed
from poll.core import Surroundings, poll
from tests.conftest import RUN, feed_document
from tests.servers.drawn import DrawnFtp, DrawnSftp, Plan

from .test_servers_drawn import FILES, MORE, SHORT, ftp_asked, impatient, plans, sftp_asked

__all__ = ["impatient"]

HOUR = 3600
ENOUGH = 3
"""Polls; the default of `files.stuck_after_polls`."""
FEED = parse_feed(feed_document(files={"directory": "/out", "pattern": "*.csv", "settle_seconds": 0}))


@dataclass
class Known:
    """A ledger of one feed, and what polls leave behind, in memory: a table would cost more than the server."""

    entries: dict[str, Entry] = field(default_factory=dict)
    released: list[str] = field(default_factory=list)
    objects: dict[str, bytes] = field(default_factory=dict)
    has_taken: bool = False

    @property
    def feeds(self) -> "Known":
        return self

    def known(self, feed_id: str, file_ids: list[str]) -> dict[str, Entry]:
        return {one: self.entries[one] for one in file_ids if one in self.entries}

    def versions(self, feed_id: str, path: str) -> list[Entry]:
        return [entry for entry in self.entries.values() if entry["path"] == path]

    def is_done_with(self, entry: Entry) -> bool:
        return True

    def is_free(self, entry: Entry | None, *rest: object) -> bool:
        return entry is None

    def claim_all(self, wanted: list[tuple[FileItem, str, Entry | None]]) -> list[bool]:
        self.has_taken = True
        return [True] * len(wanted)

    def note_poll(self, *arguments: object, **named: object) -> Polled:
        released, self.released = tuple(self.released), []
        return Polled({}, released, self.has_taken)

    def get_object(self, Bucket: str, Key: str) -> dict[str, Any]:
        if Key not in self.objects:
            raise ClientError({"Error": {"Code": "NoSuchKey"}}, "GetObject")
        return {"Body": io.BytesIO(self.objects[Key])}

    def put_object(self, Bucket: str, Key: str, Body: bytes, **rest: object) -> None:
        self.objects[Key] = Body


class Watched:
    """What Poll and Fetch do with a server, and what a person hears of it."""

    def __init__(self, script: DrawnFtp | DrawnSftp) -> None:
        self._script, self._known = script, Known()
        self._spec = replace(script.spec, connect_timeout_seconds=SHORT, read_timeout_seconds=SHORT)
        self.taken: set[str] = set()
        self.told: list[str] = []
        self.shown: list[set[str]] = []

    def run(self, number: int) -> None:
        item = FeedItem("acme", "daily_sales", f"{RUN}-{number}")
        around = Surroundings(
            lambda: open_server(self._spec, {"password": "p"}),
            self._known,  # type: ignore[arg-type]
            self._known,  # type: ignore[arg-type]
            "work",
            "lake",
            lambda run: False,
            clock=lambda: 1_795_400_000.0 + number * HOUR,
            sleep=lambda seconds: None,
        )
        self._script.listed = set()
        try:
            result = poll(FEED, item, around)
        except LakeferryError as error:  # a failed feed is told each time
            self.told.append(str(error))
            self.shown.append(set())
            return
        self.shown.append(set(self._script.listed))
        if "news" in result:
            self.told.append(result["news"]["message"])
        if result["files"]:
            self._fetch(result["key"])

    def _fetch(self, key: str) -> None:
        for batch in json.loads(self._known.objects[key]):
            self._take(FileItem.from_event(batch))

    def _take(self, item: FileItem) -> None:
        arrived = bytearray()

        def sink(view: memoryview) -> bool:
            arrived.extend(view)
            return True

        try:
            with open_server(self._spec, {"password": "p"}) as server:
                check_unchanged(server, item.remote)
                read_listed(server, item.remote, 0, sink)
                check_unchanged(server, item.remote, was_read=True)
        except FileChangedError:
            self._known.released.append(item.path)
        except LakeferryError as error:  # it is retried, and then told by its name
            self.told.append(f"{item.path}: {error}")
        else:
            self.taken.add(item.remote.name)
            self._known.entries[item.file_id] = {"path": item.path, "size": item.size, "mtime": item.mtime}


bounded = settings(
    max_examples=int(MORE or "15"), derandomize=MORE is None, deadline=None, suppress_health_check=list(HealthCheck)
)
"""Each is four polls."""


def is_told(script: DrawnFtp | DrawnSftp) -> None:
    watched = Watched(script)
    for number in range(ENOUGH + 1):
        watched.run(number)
    shown_always = set.intersection(*watched.shown[-ENOUGH:])
    silent = [name for name in shown_always - watched.taken if not any(name in told for told in watched.told)]
    assert not silent, (silent, watched.told)
    if not watched.taken and script.files:
        assert watched.told, "a feed that gets nothing, and nobody hears of it"


@bounded
@given(plans(ftp_asked))
def test_what_an_ftp_server_shows_and_does_not_give_is_told(plan: Plan) -> None:
    with DrawnFtp(plan, **FILES) as script:
        is_told(script)


@bounded
@given(plans(sftp_asked))
def test_what_an_sftp_server_shows_and_does_not_give_is_told(plan: Plan) -> None:
    sftp._GIVE_LITTLE.clear()
    with DrawnSftp(plan, **FILES) as script:
        is_told(script)


@pytest.mark.parametrize("answer", ["gone", "busy"])
def test_of_a_file_that_never_comes_somebody_hears(answer: str) -> None:
    with DrawnFtp({("RETR", None): answer}, **FILES) as script:
        watched = Watched(script)
        for number in range(ENOUGH + 1):
            watched.run(number)
        assert not watched.taken
        assert all(any(f"/out/{name}" in told for told in watched.told) for name in script.files)
