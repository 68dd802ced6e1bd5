"""What is alike in all protocols: the walk through folders, the guard around a sink, the translation of errors."""

import posixpath
from collections.abc import Iterator, Mapping, Sequence

import pytest

from lakeferry.errors import (
    ClaimLostError,
    FileChangedError,
    LakeferryError,
    RemoteAccessError,
    ServerUnavailableError,
    TransferInterruptedError,
)
from lakeferry.models import RemoteFile
from lakeferry.servers import ServerSpec, Sink, walk
from lakeferry.servers.checksums import Checksum
from lakeferry.servers.file_server import FileServer
from lakeferry.servers.listed import Listed
from lakeferry.servers.server_errors import ServerErrors
from lakeferry.servers.walk import FILE, FOLDER, MAX_DEPTH, MAX_UNREAD, UNREAD, UNREADABLE_FOLDER, Entry

SPEC = ServerSpec("toy", "files.acme.example", 7, "lake", encoding="ascii")
TIME = 1_764_400_000


class ToyErrors(ServerErrors):
    raised = (OSError, UnicodeError)

    def _of(
        self, error: Exception, action: str, missing: type[LakeferryError], gone: type[LakeferryError]
    ) -> LakeferryError:
        kind = missing if isinstance(error, FileNotFoundError) else gone
        return kind(f"cannot {action} on {self._where} ({error}): it is tried again.")


class ToyServer(FileServer):
    """Folders and bytes in dictionaries; raises what a library would."""

    def __init__(
        self,
        folders: Mapping[str, Sequence[Entry]] | None = None,
        files: Mapping[str, bytes] | None = None,
        answers: Mapping[str, Entry] | None = None,
    ) -> None:
        super().__init__(SPEC, ToyErrors(SPEC, {}))
        self.folders, self.files, self.answers = folders or {}, files or {}, answers or {}
        self.asked: list[str] = []
        self.entered: list[str] = []
        self.size: int | None = None

    def _abort(self) -> None:
        pass

    def close(self) -> None:
        self.entered = []

    def entries(self, folder: str) -> Iterator[Entry]:
        self.entered.append(folder)
        if folder not in self.folders:
            raise FileNotFoundError(folder)
        yield from self.folders[folder]

    def complete(self, found: Sequence[tuple[str, Entry]]) -> Iterator[tuple[str, Entry]]:
        for path, _ in found:
            self.asked.append(path)
            if path in self.answers:
                yield path, self.answers[path]

    def _look_at(self, path: str) -> RemoteFile | None:
        data = self.files[path]
        return RemoteFile(path, len(data), TIME) if data else None

    def _hand_on(self, path: str, offset: int, sink: Sink, size: int | None) -> int:
        path.encode(self._spec.encoding)
        if path not in self.files:
            raise FileNotFoundError(path)
        data = self.files[path]
        for place in range(offset, len(data), 2):
            if not sink(memoryview(data)[place : place + 2]):
                break
        if size is not None:
            return size
        return len(data) if self.size is None else self.size

    def checksum(self, path: str, seconds: float) -> Checksum | None:
        return None

    def move(self, path: str, target: str) -> None:
        raise NotImplementedError

    def delete(self, path: str) -> None:
        raise NotImplementedError


def file(name: str, size: int | None = 1, mtime: int | None = TIME, listed_mtime: int | None = None) -> Entry:
    return Entry(name, FILE, size, mtime, listed_mtime)


def paths(server: ToyServer, recursive: bool = True) -> list[str]:
    return [found.path for found in server.list_files("/out", recursive=recursive)]


# -- the walk


def test_each_entry_is_counted_as_one_thing() -> None:
    folders = {
        "/out": [
            *(
                Entry(".", FOLDER),
                Entry("..", FOLDER),
                file("a"),
                file("b"),
                file("known", None, None),
                file("left out"),
            ),
            *(Entry("?", UNREAD), Entry("in", FOLDER), Entry("link", "other"), Entry("to x", None), Entry("to", None)),
            *(file("went", None, None), Entry("to nothing", None)),
        ],
        "/out/in": [file("c"), file("later", None, None), Entry("?", UNREAD)],
    }
    answers = {"/out/known": file("known"), "/out/to x": Entry("to x", FOLDER), "/out/to": Entry("to", "other")}
    server = ToyServer(folders, answers=answers)
    found = list(server.list_files("/out", recursive=True, wanted=lambda name: name != "left out"))
    assert [one.path for one in found] == ["/out/a", "/out/b", "/out/known", "/out/in/c"]
    # of 14 entries; a folder that a link leads to cannot be listed
    assert server.listed == Listed(entries=14, unwanted=1, others=4, unread=2, gone=3)


def test_of_a_folder_whose_listing_breaks_what_came_is_counted() -> None:
    class Broken(ToyServer):
        def entries(self, folder: str) -> Iterator[Entry]:
            yield from super().entries(folder)
            if folder == "/out/in":
                raise FileNotFoundError(folder)

    server = Broken({"/out": [Entry("in", FOLDER)], "/out/in": [file("a"), file("b", None, None)]})
    assert paths(server) == ["/out/in/a"]
    assert server.listed == Listed(entries=3, others=1, unread=1)


def test_folders_are_entered_only_where_that_is_wanted() -> None:
    folders = {"/out": [file("a"), Entry("x", FOLDER)], "/out/x": [file("b"), Entry("link", "other")]}
    assert paths(ToyServer(folders), recursive=False) == ["/out/a"]
    assert paths(ToyServer(folders)) == ["/out/a", "/out/x/b"]


def test_a_tree_without_an_end_is_entered_so_deep() -> None:
    class Endless(ToyServer):
        def entries(self, folder: str) -> Iterator[Entry]:
            self.entered.append(folder)
            yield file("a")
            yield Entry("again", FOLDER)

    server = Endless()
    found = paths(server)
    assert len(found) == len(server.entered) == MAX_DEPTH + 1
    assert posixpath.dirname(found[-1]) == "/out" + "/again" * MAX_DEPTH


@pytest.mark.parametrize("name", [".", "..", "../up", "/etc", "a/../../b"])
@pytest.mark.parametrize("kind", [FOLDER, FILE, None])
def test_no_name_leads_out_of_the_directory(name: str, kind: str | None) -> None:
    server = ToyServer({"/out": [file("a"), Entry(name, kind, 1, TIME)]})
    assert paths(server) == ["/out/a"]
    assert (server.entered, server.asked) == (["/out"], [])
    assert server.unread == ([name] if "/" in name else [])


def test_what_cannot_be_read_is_kept_up_to_a_number_and_a_length() -> None:
    server = ToyServer({"/out": [file("a"), *(Entry(f"{number} {'=' * 300}", UNREAD) for number in range(30))]})
    assert paths(server) == ["/out/a"]
    assert len(server.unread) == MAX_UNREAD
    assert all(len(line) == 200 for line in server.unread)


@pytest.mark.parametrize("entry", [Entry("<html>", UNREAD), file("../up"), Entry("/etc", FOLDER)])
def test_a_listing_of_nothing_that_can_be_read_is_an_error(entry: Entry) -> None:
    server = ToyServer({"/out": [Entry("..", FOLDER), entry, entry]})
    with pytest.raises(RemoteAccessError, match=rf"/out on files\.acme\.example:7: none of the 2 .*'{entry.name}'"):
        paths(server)


def test_what_only_asking_tells_is_asked_after_the_listing_and_for_wanted_names() -> None:
    answers = {"/out/b.csv": file("b.csv", 5, TIME + 5, TIME), "/out/x.csv": Entry("x.csv", FOLDER)}
    listed = [file("b.csv", None), file("gone.csv", 1, None), file("c.tmp", None), Entry("x.csv", None), file("a.csv")]
    server = ToyServer({"/out": listed, "/out/x.csv": [file("d.csv")]}, answers=answers)
    found = list(server.list_files("/out", recursive=True, wanted=lambda name: name.endswith(".csv")))
    assert found == [
        RemoteFile("/out/a.csv", 1, TIME),
        RemoteFile("/out/b.csv", 5, TIME + 5),
        RemoteFile("/out/x.csv/d.csv", 1, TIME),
    ]
    assert [one.listed_mtime for one in found] == [None, TIME, None]
    assert server.asked == ["/out/b.csv", "/out/gone.csv", "/out/x.csv"]


def test_something_of_no_kind_may_be_a_folder_whatever_its_name() -> None:
    server = ToyServer({"/out": [Entry("x", None)], "/out/x": []}, answers={"/out/x": Entry("x", FOLDER)})
    assert list(server.list_files("/out", wanted=lambda name: False)) == []
    assert server.asked == []
    assert list(server.list_files("/out", recursive=True, wanted=lambda name: False)) == []
    assert server.entered == ["/out", "/out", "/out/x"]


def test_a_file_that_is_known_by_what_the_listing_shows_is_not_asked_for() -> None:
    shown: list[RemoteFile] = []
    server = ToyServer({"/out": [file("a", 1, None, TIME), file("b", 2, None, TIME)]})
    list(server.list_files("/out", is_known=lambda one: shown.append(one) or one.name == "a"))  # type: ignore[func-returns-value]
    assert [(one.name, one.size, one.mtime, one.listed_mtime) for one in shown] == [
        ("a", 1, TIME, TIME),
        ("b", 2, TIME, TIME),
    ]
    assert server.asked == ["/out/b"]


def test_a_file_of_which_nobody_tells_the_size_is_an_error() -> None:
    server = ToyServer({"/out": [file("a", None)]}, answers={"/out/a": file("a", None)})
    with pytest.raises(RemoteAccessError, match=r"files\.acme\.example:7 does not tell size and time of /out/a"):
        paths(server)


def test_a_missing_directory_is_an_error_of_ours() -> None:
    with pytest.raises(RemoteAccessError, match=r"cannot list /out on files\.acme\.example:7"):
        paths(ToyServer())


# -- reading


@pytest.mark.parametrize("raised", [OSError("the disk is full"), ClaimLostError("later"), KeyboardInterrupt()])
def test_what_a_sink_raises_is_no_error_of_the_server(raised: BaseException) -> None:
    def sink(view: memoryview) -> bool:
        raise raised

    with pytest.raises(type(raised)) as caught:
        ToyServer(files={"/out/a": b"abc"}).read("/out/a", 0, sink)
    assert caught.value is raised
    assert caught.value.__cause__ is None


def test_a_folder_that_cannot_be_listed_is_skipped_and_told_and_the_rest_is_taken() -> None:
    file = Entry("a.csv", FILE, 5, TIME)
    folders = [Entry("gone", FOLDER), Entry("in", FOLDER)]
    server = ToyServer({"/out": [file, *folders], "/out/in": [file]})
    found = server.list_files("/out", recursive=True)
    assert [one.path for one in found] == ["/out/a.csv", "/out/in/a.csv"]
    (told,) = server.unread
    assert told.startswith(UNREADABLE_FOLDER)
    assert "/out/gone" in told


def test_a_listing_without_end_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walk, "MAX_ENTRIES", 5)
    server = ToyServer({"/out": [Entry(f"{number}.csv", FILE, 5, TIME) for number in range(3)], "/out/in": []})
    assert len(list(server.list_files("/out"))) == 3
    server.folders = {"/out": [*server.folders["/out"], Entry("in", FOLDER)], "/out/in": server.folders["/out"]}
    with pytest.raises(RemoteAccessError, match="has no end"):
        list(server.list_files("/out", recursive=True))


def test_a_sink_that_has_enough_ends_the_reading_without_an_error() -> None:
    arrived = bytearray()

    def sink(view: memoryview) -> bool:
        arrived.extend(view)
        return False

    assert ToyServer(files={"/out/a": b"abcdef"}).read("/out/a", 1, sink) == 2
    assert arrived == b"bc"


def test_a_file_that_comes_up_short_is_an_interrupted_transfer() -> None:
    server = ToyServer(files={"/out/a": b"abcdef"})
    assert server.read("/out/a", 2, lambda view: True) == 4
    server.size = 7
    with pytest.raises(TransferInterruptedError, match=r"/out/a on files\.acme\.example:7 ended after 6 of 7 bytes"):
        server.read("/out/a", 2, lambda view: True)


def test_errors_of_the_library_are_ours_and_have_what_was_done() -> None:
    server = ToyServer(files={"/out/empty": b""})
    with pytest.raises(FileChangedError, match="cannot read /out/gone") as caught:
        server.read("/out/gone", 0, lambda view: True)
    assert isinstance(caught.value.__cause__, FileNotFoundError)
    with pytest.raises(RemoteAccessError, match=r"ascii, the feed's server\.encoding"):
        server.read("/out/é", 0, lambda view: True)
    with pytest.raises(FileChangedError, match=r"/out/empty .* not a regular file"):
        server.stat("/out/empty")
    with pytest.raises(KeyError):  # of no library: a mistake of this code
        server.stat("/out/gone")


@pytest.mark.parametrize("gone", [ServerUnavailableError, TransferInterruptedError])
def test_a_lost_line_is_called_what_it_means_for_what_was_done(gone: type[LakeferryError]) -> None:
    with pytest.raises(gone, match="cannot look at it"), ToyErrors(SPEC, {}).during("look at it", gone=gone):
        raise OSError("reset")
