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


def hangs_up_and_gives_no_more(pipeline: Pipeline, local: Path, after: int) -> None:
    """The line breaks amid the file, and that was the once that the server gives it."""
    read = pipeline.server.read

    def reading(path: str, offset: int, sink: Sink, size: int | None = None) -> int:
        left = after

        def some(view: memoryview) -> bool:
            nonlocal left
            sink(view[:left])
            left -= min(left, len(view))
            return left > 0

        read(path, offset, some, size)
        local.unlink()
        raise TransferInterruptedError("the line is cut")

    pipeline.server.read = reading  # type: ignore[method-assign]


LARGE = b"a\n" * 9 * MIB


@pytest.mark.parametrize(("data", "after"), [(CSV, 5), (LARGE, 5), (LARGE, 17 * MIB)])
def test_a_file_that_is_gone_after_it_began_to_come_is_told_and_no_changed_one(
    pipeline: Pipeline, data: bytes, after: int
) -> None:
    pipeline.configure(files=files())
    hangs_up_and_gives_no_more(pipeline, pipeline.put("a.csv", data), after)
    (item,) = pipeline.poll()
    with pytest.raises(TransferInterruptedError, match="cut"):
        pipeline.fetch(item)
    for _ in range(2):
        with pytest.raises(TransferInterruptedError, match=r"gone .* bytes of it had come.*give each file once"):
            pipeline.fetch(item)
    del pipeline.server.read
    pipeline.put("a.csv", data)
    assert pipeline.fetch(item) == {"done": True, "bytes": len(data)}
    assert "bytes_came" not in pipeline.ledger.owned(item)
    assert not pipeline.open_uploads()


def test_another_version_in_its_place_is_a_changed_file_whatever_came_of_the_first(pipeline: Pipeline) -> None:
    pipeline.configure(files=files())
    hangs_up_and_gives_no_more(pipeline, pipeline.put("a.csv", CSV), 5)
    (item,) = pipeline.poll()
    with pytest.raises(TransferInterruptedError, match="cut"):
        pipeline.fetch(item)
    pipeline.put("a.csv", CSV + b"3,1.00\n")
    with pytest.raises(FileChangedError):
        pipeline.fetch(item)


@pytest.mark.parametrize("data", [CSV, LARGE], ids=["in one call", "in parts"])
def test_a_checksum_file_that_went_with_its_file_costs_no_byte(pipeline: Pipeline, data: bytes) -> None:
    pipeline.configure(files=files(checksum_file="{name}.sha256"))
    checksum = pipeline.put("a.csv.sha256", b"0" * 64, age=100)
    gives_once(pipeline, lambda: checksum.unlink(missing_ok=True))
    pipeline.put("a.csv", data)
    (item,) = pipeline.poll()
    assert pipeline.fetch(item) == {"done": True, "bytes": len(data)}
    assert "verified_by" not in pipeline.ledger.owned(item)


def test_a_checksum_file_that_went_alone_is_waited_for(pipeline: Pipeline) -> None:
    pipeline.configure(files=files(checksum_file="{name}.sha256"))
    checksum = pipeline.put("a.csv.sha256", b"0" * 64, age=100)
    pipeline.put("a.csv", CSV)
    (item,) = pipeline.poll()
    checksum.unlink()
    with pytest.raises(FileChangedError):
        pipeline.fetch(item)


# -- moving


@pytest.mark.parametrize("action", [{"action": "delete"}, {"action": "move", "to": "/archive"}])
def test_what_is_said_to_be_gone_and_is_listed_stays_due(pipeline: Pipeline, action: dict[str, str]) -> None:
    """Some servers answer "no such file" where a folder is missing, or a permission."""
    pipeline.configure(files=files(after=action))

    def gone(*paths: str) -> None:
        raise FileChangedError("no such file")

    pipeline.server.move = pipeline.server.delete = gone  # type: ignore[assignment,method-assign]
    path = pipeline.put("a.csv", CSV)
    (item,) = pipeline.poll()
    pipeline.all(item)
    told = pipeline.finish_remote(item)
    assert told is not None
    assert "which is listed as before: no such file" in told
    assert pipeline.ledger.owned(item)["after_due"]
    path.unlink()
    assert pipeline.finish_remote(item) is None
    assert "after_due" not in pipeline.ledger.owned(item)


def test_on_a_server_that_cannot_be_asked_nothing_is_replaced_in_the_archive(pipeline: Pipeline) -> None:
    pipeline.configure(files=files(marker="{name}.done", after={"action": "move", "to": "/archive"}))
    archive = pipeline.server.root / "archive"
    archive.mkdir()
    (archive / "a.csv").write_bytes(b"of last year")
    pipeline.put("a.csv", CSV)
    pipeline.put("a.csv.done", b"new", age=10)
    (item,) = pipeline.poll()
    pipeline.all(item)
    refuse_to_look(pipeline.server, FileChangedError)

    def move(path: str, target: str) -> None:
        pipeline.server._local(path).rename(pipeline.server._local(target))

    pipeline.server.move = move  # type: ignore[method-assign]
    assert pipeline.finish_remote(item) is None
    assert (archive / "a.csv").read_bytes() == b"of last year"
    assert sorted(found.read_bytes() for found in archive.iterdir()) == sorted([CSV, b"new", b"of last year"])


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
