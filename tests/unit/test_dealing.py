"""Which files travel together."""

from hypothesis import given
from hypothesis import strategies as st

from lakeferry.models import FileItem
from poll.dealing import FEW, FEW_BYTES, Limits, deal
from tests.conftest import RUN

MIB = 1024 * 1024
LIMITS = Limits(50, 64 * MIB)


def file(path: str, size: int = 100_000, mtime: int = 1) -> FileItem:
    return FileItem("acme", "daily_sales", RUN, path, size, mtime)


def many(number: int, size: int = 100_000) -> list[FileItem]:
    return [file(f"/{at}.csv", size, at) for at in range(number)]


def test_a_backlog_is_dealt_by_number() -> None:
    assert [len(batch) for batch in deal(many(120), LIMITS, 1)] == [50, 50, 20]


def test_a_backlog_uses_all_connections_but_few_files_stay_together() -> None:
    assert [len(batch) for batch in deal(many(50), LIMITS, 4)] == [13, 13, 13, 11]
    assert [len(batch) for batch in deal(many(FEW), LIMITS, 4)] == [FEW]


def test_a_large_file_is_alone() -> None:
    files = [file("/a", 1), file("/b", 100 * MIB), file("/c", 1), file("/d", 40 * MIB), file("/e", 40 * MIB)]
    assert [[one.path for one in batch] for batch in deal(files, LIMITS, 1)] == [["/a"], ["/b"], ["/c", "/d"], ["/e"]]


def test_few_large_files_are_spread_over_the_connections() -> None:
    assert [len(batch) for batch in deal(many(4, 8 * MIB), LIMITS, 4)] == [1, 1, 1, 1]


def test_long_paths_make_short_batches() -> None:
    assert max(len(batch) for batch in deal([file("/" + "ä" * 2000 + str(at)) for at in range(50)], LIMITS, 1)) == 14


@given(
    st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 3 * FEW_BYTES)), max_size=60),
    st.integers(1, 20),
    st.integers(1, 8 * FEW_BYTES),
    st.integers(1, 8),
)
def test_every_file_is_in_one_batch_and_versions_of_a_path_in_the_same_in_order(
    drawn: list[tuple[str, int]], most: int, most_bytes: int, connections: int
) -> None:
    files = [file(f"/{name}", size, at) for at, (name, size) in enumerate(drawn)]
    batches = deal(files, Limits(most, most_bytes), connections)
    assert sorted((one for batch in batches for one in batch), key=lambda one: one.mtime) == files
    for batch in batches:
        assert batch
        paths = {one.path for one in batch}
        assert len(paths) == 1 or (len(batch) <= most and sum(one.size for one in batch) <= most_bytes)
        assert [one.mtime for one in batch if one.path == batch[0].path] == sorted(
            one.mtime for one in files if one.path == batch[0].path
        )
    homes = {(one.path, number) for number, batch in enumerate(batches) for one in batch}
    assert len(homes) == len({one.path for one in files})
