"""Servers that give a file once, or cannot be asked about it: nothing that came is thrown away."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lakeferry.errors import FileChangedError, RemoteAccessError, ServerUnavailableError, TransferInterruptedError
from lakeferry.models import RemoteFile
from lakeferry.servers import Sink
from tests.unit.conftest import FolderServer
from tests.unit.pipeline import CSV, Pipeline, files

MIB = 1024 * 1024


def gives_once(pipeline: Pipeline, then: Callable[[], object] = lambda: None) -> None:
    """A mailbox: what was read to its end is gone."""
    read = pipeline.server.read

    def reading(path: str, offset: int, sink: Sink, size: int | None = None) -> int:
        handed = read(path, offset, sink, size)
        pipeline.server._local(path).unlink()
        then()
        return handed

    pipeline.server.read = reading  # type: ignore[method-assign]


def test_a_file_that_is_gone_once_it_was_read_is_in_the_lake(pipeline: Pipeline) -> None:
    pipeline.configure(files=files(after={"action": "delete"}))
    gives_once(pipeline)
    pipeline.put("a.csv", CSV)
    (item,) = pipeline.poll()
    key = pipeline.all(item)
    assert pipeline.raw()[key] == CSV
    assert pipeline.finish_remote(item) is None
    assert "after_due" not in pipeline.ledger.owned(item)


@pytest.mark.parametrize("data", [CSV, b"a\n" * 4 * MIB], ids=["in one call", "in parts"])
def test_a_line_that_breaks_after_the_last_byte_costs_no_byte(pipeline: Pipeline, data: bytes) -> None:
    stat = pipeline.server.stat

    def cut() -> None:
        pipeline.server.stat = lost  # type: ignore[method-assign]

    def lost(path: str) -> RemoteFile:
        raise ServerUnavailableError("the line is cut")

    pipeline.configure(files=files())
    gives_once(pipeline, cut)
    pipeline.put("a.csv", data)
    (item,) = pipeline.poll()
    with pytest.raises(ServerUnavailableError):
        pipeline.fetch(item)
    pipeline.server.stat = stat  # type: ignore[method-assign]
    assert pipeline.fetch(item) == {"done": True, "bytes": len(data)}
    assert len(pipeline.server.reads) == 1


def test_a_file_that_the_server_refuses_to_look_at_is_read_all_the_same(pipeline: Pipeline) -> None:
    pipeline.configure(files=files())
    refuse_to_look(pipeline.server)
    pipeline.put("a.csv", CSV)
    (item,) = pipeline.poll()
    key = pipeline.all(item)
    assert pipeline.raw()[key] == CSV


def test_a_file_that_the_server_calls_gone_and_still_lists_is_no_changed_one(pipeline: Pipeline) -> None:
    pipeline.configure(files=files())
    refuse_to_look(pipeline.server, FileChangedError)
    pipeline.put("a.csv", CSV)
    (item,) = pipeline.poll()
    key = pipeline.all(item)
    assert pipeline.raw()[key] == CSV


@pytest.mark.parametrize("data", [CSV, b"a\n" * 4 * MIB], ids=["in one call", "in parts"])
def test_a_file_that_is_listed_and_not_given_out_is_no_changed_one(pipeline: Pipeline, data: bytes) -> None:
    def reading(path: str, offset: int, sink: Sink, size: int | None = None) -> int:
        raise FileChangedError("the server answers '550 Permission denied'.")

    pipeline.configure(files=files())
    path = pipeline.put("a.csv", data)
    (item,) = pipeline.poll()
    pipeline.server.read = reading  # type: ignore[method-assign]
    with pytest.raises(TransferInterruptedError, match=r"not given out: .*550 Permission denied.*locked"):
        pipeline.fetch(item)
    path.unlink()
    with pytest.raises(FileChangedError):
        pipeline.fetch(item)


def test_a_file_that_is_listed_no_more_is_released(pipeline: Pipeline) -> None:
    pipeline.configure(files=files())
    path = pipeline.put("a.csv", CSV)
    (item,) = pipeline.poll()
    pipeline.configure(files=files())
    refuse_to_look(pipeline.server, FileChangedError)
    path.unlink()
    with pytest.raises(FileChangedError):
        pipeline.fetch(item)


def refuse_to_look(server: FolderServer, error: type[Exception] = RemoteAccessError) -> None:
    """What is listed cannot be asked about."""
    stat = server.stat

    def listing(directory: str, *, wanted: Callable[[str], bool], **rest: Any) -> list[RemoteFile]:
        folder = Path(server.root) / directory.lstrip("/")
        return [stat(f"{directory}/{found.name}") for found in sorted(folder.iterdir()) if wanted(found.name)]

    def refused(path: str) -> RemoteFile:
        raise error(f"{path}: no")

    server.list_files = listing  # type: ignore[assignment]
    server.stat = refused  # type: ignore[method-assign]


# -- moving


def test_a_move_that_is_refused_stays_due(pipeline: Pipeline) -> None:
    pipeline.configure(files=files(after={"action": "move", "to": "/archive"}))

    def refuse(path: str, target: str) -> None:
        raise RemoteAccessError(f"cannot move {path}: across file systems")

    pipeline.server.move = refuse  # type: ignore[method-assign]
    pipeline.put("a.csv", CSV)
    (item,) = pipeline.poll()
    pipeline.all(item)
    told = pipeline.finish_remote(item)
    assert told is not None
    assert "across file systems" in told
    assert pipeline.ledger.owned(item)["after_due"]


def test_a_marker_takes_the_place_of_no_other_in_the_archive(pipeline: Pipeline) -> None:
    pipeline.configure(files=files(marker="{name}.done", after={"action": "move", "to": "/archive"}))
    archive = pipeline.server.root / "archive"
    archive.mkdir()
    (archive / "a.csv.done").write_bytes(b"of last year")
    pipeline.put("a.csv", CSV)
    pipeline.put("a.csv.done", b"new", age=10)
    (item,) = pipeline.poll()
    pipeline.all(item)
    assert pipeline.finish_remote(item) is None
    assert (archive / "a.csv.done").read_bytes() == b"of last year"
    assert sorted(found.read_bytes() for found in archive.glob("a.csv*")) == sorted([CSV, b"new", b"of last year"])
