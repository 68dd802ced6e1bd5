"""Which of a day's files are to blame where it cannot be built, without Spark."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import pyarrow as pa
import pytest
from botocore.exceptions import ClientError

from balance import RuleViolatedError
from faults import feeds_own
from isolation import MOST, built_without
from lakeferry.errors import BalanceError, FileNotCuratedError, PartitionTooHeavyError
from partition import Built
from plainwords import DAMAGED
from work import GivenUpError
from worklist import LandedFile, Partition

DAY = Partition("acme", "sales", "2026-01-05")
FALLOUT: Any = None


def day(count: int, curated: Sequence[int] = ()) -> list[LandedFile]:
    return [
        LandedFile(
            "acme/sales", str(number), f"/{number}.csv", (), (), 1, f"{number:04}", was_curated=number in curated
        )
        for number in range(count)
    ]


class Lake:
    """Builds days as Spark does, but for some files.

    Attributes:
        builds: How many were begun.
        aside: What was built and not taken away.
    """

    def __init__(self, error: BaseException, *broken: int) -> None:
        self._error, self._broken = error, {str(number) for number in broken}
        self.builds = 0
        self.aside: list[Built] = []

    def build(self, files: Sequence[LandedFile]) -> Built:
        self.builds += 1
        if self._broken & {file.file_id for file in files}:
            raise self._error
        built = Built(cast("Any", [file.file_id for file in files]), FALLOUT, False, (), (), 0)
        self.aside.append(built)
        return built

    def without(self, files: Sequence[LandedFile]) -> Built:
        return built_without(DAY, files, self.build, self.aside.remove)


@pytest.mark.parametrize("broken", [(0,), (7,), (3, 4), (0, 1, 6, 7)])
def test_those_that_fail_by_themselves_are_left_out_and_the_rest_is_built(broken: tuple[int, ...]) -> None:
    lake = Lake(ValueError("no Parquet"), *broken)
    built = lake.without(day(8))
    assert [each.file.file_id for each in built.left_out] == [str(number) for number in broken]
    assert {each.reason for each in built.left_out} == {"ValueError: no Parquet"}
    assert cast("Any", built.curated) == [str(number) for number in range(8) if number not in broken]
    assert len(lake.aside) == 1, "what was built to find out is gone"


def test_one_of_many_is_found_in_few_builds() -> None:
    lake = Lake(BalanceError("3 rows, not 2"), 77)
    assert len(lake.without(day(200)).left_out) == 1
    assert lake.builds <= 18


def test_a_day_that_can_be_built_is_built_once() -> None:
    lake = Lake(ValueError())
    assert lake.without(day(8)).left_out == ()
    assert lake.builds == 1


@pytest.mark.parametrize("broken", [range(8), range(MOST + 1)])
def test_where_all_or_too_many_fail_the_day_fails_as_it_did(broken: Sequence[int]) -> None:
    lake = Lake(ValueError("as it was"), *broken)
    with pytest.raises(ValueError, match="as it was"):
        lake.without(day(8))
    assert lake.aside == []


@pytest.mark.parametrize(
    ("texts", "curated", "left_out"),
    [
        # the first letter is the type of a column; what people read comes first, then what landed first
        ("aaabaaca", (), [3, 6]),
        ("ba", (1,), [0]),
        ("ab", (), [1]),
        ("aaaaaaab", (), [7]),
        ("aaaaabba", (), [5, 6]),
    ],
)
def test_of_files_that_fail_only_together_the_later_ones_are_left_out(
    texts: str, curated: tuple[int, ...], left_out: list[int]
) -> None:
    aside: list[Built] = []

    def build(files: Sequence[LandedFile]) -> Built:
        if len({texts[int(file.file_id)] for file in files}) > 1:
            raise ValueError("types that do not go together")
        built = Built(cast("Any", files), FALLOUT, False, (), (), 0)
        aside.append(built)
        return built

    found = built_without(DAY, day(len(texts), curated), build, aside.remove)
    assert sorted(int(each.file.file_id) for each in found.left_out) == left_out
    assert len(aside) == 1


def test_files_of_which_no_two_go_together_fail_as_they_did() -> None:
    def build(files: Sequence[LandedFile]) -> Built:
        if len(files) > 1:
            raise ValueError("as it was")
        return Built(cast("Any", files), FALLOUT, False, (), (), 0)

    with pytest.raises(ValueError, match="as it was"):
        built_without(DAY, day(MOST + 2), build, lambda _: None)


def test_a_file_whose_rows_people_read_keeps_its_day_as_it_was() -> None:
    lake = Lake(ValueError("no Parquet"), 2, 3)
    with pytest.raises(FileNotCuratedError, match=r"/3.csv cannot be curated \(ValueError: no Parquet\)") as caught:
        lake.without(day(8, curated=[1, 3]))
    assert "/2.csv" not in str(caught.value)
    assert "the partition stays as it was" in str(caught.value)
    assert lake.aside == []


@pytest.mark.parametrize(
    "error",
    [
        RuleViolatedError("2 rows break it"),
        PartitionTooHeavyError("30 minutes"),
        GivenUpError("30 minutes"),
        ClientError({"Error": {"Code": "SlowDown"}}, "PutObject"),
        OSError("disk full"),
        OSError(28, "No space left on device: Corrupt snappy compressed data."),
        FileNotFoundError(2, "could not read footer"),
        RuntimeError("Job 7 cancelled part of cancelled job group"),
        RuntimeError("java.lang.OutOfMemoryError"),
        RuntimeError("com.amazonaws.services.s3.model.AmazonS3Exception: Slow Down"),
    ],
)
def test_what_is_never_a_files_fault_is_not_looked_for_in_files(error: Exception) -> None:
    lake = Lake(error, 2)
    with pytest.raises(type(error)):
        lake.without(day(8))
    assert lake.builds == 1


@pytest.mark.parametrize(
    "error",
    [
        OSError("Corrupt snappy compressed data."),
        OSError("could not verify page integrity, CRC checksum verification failed for page_ordinal 0"),
        OSError("Couldn't deserialize thrift: TProtocolException: Invalid data"),
        pa.ArrowInvalid("Parquet magic bytes not found in footer. Either the file is corrupted or"),
    ],
)
def test_a_damaged_object_is_its_files_own_whatever_class_the_error_is_of(error: Exception) -> None:
    (left_out,) = Lake(error, 2).without(day(4)).left_out
    assert left_out.file.file_id == "2"
    assert left_out.reason.startswith(f"{DAMAGED} (Arrow: {str(error)[:20]}")
    # a day of damaged files alone is set aside, and fails no run
    with pytest.raises(FileNotCuratedError, match=r"/0.csv cannot be curated .*It is the only one of its day"):
        Lake(error, 0).without(day(1))
    assert feeds_own(error) == "FileNotCuratedError"


def test_a_file_by_itself_fails_as_it_did() -> None:
    lake = Lake(ValueError("as it was"), 0)
    with pytest.raises(ValueError, match="as it was"):
        lake.without(day(1))
    assert lake.builds == 1


# -- what the ledger does not tell enough of

ENTRY: dict[str, Any] = {
    **{"feed_id": "acme/sales", "file_id": "/a.csv#1#1", "path": "/a.csv", "status": "UPLOADED", "raw_keys": ["raw/a"]},
    **{"columns": ["id"], "rows_landed": 1, "uploaded_at": "2026-01-05T06:00:00Z"},
}


def entry(**changes: Any) -> dict[str, Any]:
    return {name: value for name, value in {**ENTRY, **changes}.items() if value is not None}


def read(key: str) -> bytes:
    if key.startswith("gone"):
        raise ClientError({"Error": {"Code": "NoSuchKey"}}, "GetObject") if key == "gone" else FileNotFoundError(key)
    return {"list": b'[{"key": "raw/a"}]', "none": b'{"no": "list"}', "text": b"<html>", "empty": b"[]"}[key]


@pytest.mark.parametrize("name", ["path", "columns", "rows_landed", "uploaded_at", "raw_keys"])
@pytest.mark.parametrize("value", [None, 7.5])
def test_what_an_item_lacks_or_has_as_something_else_is_that_files_trouble(name: str, value: object) -> None:
    file = LandedFile.from_entry(entry(**{name: value}), read)
    assert file.lacks.startswith("its ledger item does not tell its ")
    assert file.lacks.endswith("Reprocess the file")
    assert file.file_id == "/a.csv#1#1"


@pytest.mark.parametrize("key", ["gone", "gone from the folder", "none", "text", "empty"])
def test_a_list_of_members_that_cannot_be_read_is_that_files_trouble(key: str) -> None:
    assert LandedFile.from_entry(entry(outputs_key=key), read).lacks
    assert not LandedFile.from_entry(entry(outputs_key="list"), read).lacks
    assert not LandedFile.from_entry(entry(), read).lacks


def test_where_s3_is_away_that_is_no_files_trouble() -> None:
    def away(_: str) -> bytes:
        raise ClientError({"Error": {"Code": "SlowDown"}}, "GetObject")

    with pytest.raises(ClientError):
        LandedFile.from_entry(entry(outputs_key="list"), away)


def test_such_a_file_is_left_out_beside_those_that_fail_when_they_are_built() -> None:
    lake = Lake(ValueError("no Parquet"), 2)
    files = [replace(file, lacks="no columns" if file.file_id in "57" else "") for file in day(8)]
    built = lake.without(files)
    assert [(each.file.file_id, each.reason) for each in built.left_out] == [
        *[("5", "no columns"), ("7", "no columns")],
        ("2", "ValueError: no Parquet"),
    ]
    assert cast("Any", built.curated) == ["0", "1", "3", "4", "6"]


def test_where_nothing_is_known_of_any_or_of_one_that_people_read_nothing_is_built() -> None:
    lake = Lake(ValueError())
    with pytest.raises(FileNotCuratedError, match=r"/0.csv cannot be curated \(no columns\); /1.csv"):
        lake.without([replace(file, lacks="no columns") for file in day(2)])
    with pytest.raises(FileNotCuratedError, match="stays as it was") as caught:
        lake.without([*day(3), replace(day(4, curated=[3])[3], lacks="no columns")])
    assert feeds_own(caught.value) == "FileNotCuratedError"
    assert lake.builds == 0


class JavaError(Exception):
    """As Py4J has one: it stands for an object of the JVM."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.java_exception = self

    def getCause(self) -> None: ...

    def getClass(self) -> Any:
        return type("Class", (), {"getSimpleName": lambda _: "IOException"})()


@pytest.mark.parametrize(
    ("text", "own"),
    [
        ("[CANNOT_READ_FILE_FOOTER] Could not read footer for file: file:/a.parquet", True),
        ("java.lang.RuntimeException: /a.parquet is not a Parquet file. Expected magic number at tail", True),
        ("java.io.IOException: can not read FileMetaData: Negative length: -2", True),
        ("org.apache.parquet.io.ParquetDecodingException: Can not read value at 0 in block -1", True),
        ("[CANNOT_READ_FILE_FOOTER] caused by: com.amazonaws.services.s3.model.AmazonS3Exception: Slow Down", False),
        ("java.io.FileNotFoundException: /tmp/blockmgr-1/0d (No space left on device)", False),
        ("java.lang.OutOfMemoryError: Java heap space", False),
    ],
)
def test_the_only_file_of_a_day_is_to_blame_where_its_object_cannot_be_read(text: str, own: bool) -> None:
    lake = Lake(JavaError(text), 0)
    with pytest.raises(FileNotCuratedError if own else JavaError) as caught:
        lake.without(day(1))
    assert feeds_own(caught.value) == ("FileNotCuratedError" if own else None)
    assert feeds_own(JavaError(text)) == ("FileNotCuratedError" if own else None), "where all of a day's are so"
    assert not own or str(caught.value).startswith("acme/sales dt=2026-01-05: /0.csv cannot be curated (")
