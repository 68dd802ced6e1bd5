"""Checksums of the server and of files beside the file: what is compared, and what becomes of a file that differs."""

import hashlib
import os
from typing import Any

import pytest

from lakeferry.errors import ConnectionsBusyError, FileChangedError, FileRejectedError, TransferInterruptedError
from lakeferry.servers.checksums import Checksum
from tests.conftest import OTHER_RUN
from tests.unit.pipeline import CSV, NOW, Pipeline, files

MIB = 1024 * 1024
LARGE = b"order_id,amount\n" + b"1,2.50\n" * (13 * MIB // 7)


def of(data: bytes, algorithm: str = "sha256") -> Checksum:
    return Checksum(algorithm, hashlib.new(algorithm, data).hexdigest())


WRONG = of(b"something else")


def leaves_nothing(pipeline: Pipeline) -> bool:
    return pipeline.open_uploads() == [] and "Contents" not in pipeline.s3.list_objects_v2(Bucket="inbox")


def test_bytes_that_come_to_what_the_server_tells_are_taken(pipeline: Pipeline) -> None:
    pipeline.put("sales_20261101.csv", CSV)
    pipeline.server.checksums = [of(CSV, "md5")]
    (item,) = pipeline.poll()
    pipeline.all(item)
    assert pipeline.ledger.owned(item)["verified_by"] == "md5 of the server"


def test_a_server_that_tells_none_changes_nothing(pipeline: Pipeline) -> None:
    pipeline.put("sales_20261101.csv", CSV)
    (item,) = pipeline.poll()
    pipeline.all(item)
    assert "verified_by" not in pipeline.ledger.owned(item)


def test_bytes_that_differ_are_dropped_and_fetched_again(pipeline: Pipeline) -> None:
    pipeline.put("sales_20261101.csv", CSV)
    pipeline.server.checksums = [WRONG, of(CSV)]
    (item,) = pipeline.poll()
    with pytest.raises(TransferInterruptedError, match=f"{of(CSV).value}.*the server tells {WRONG.value}"):
        pipeline.fetch(item)
    assert leaves_nothing(pipeline)
    pipeline.all(item)
    assert pipeline.server.reads == [0, 0]
    assert "wrong_checksum" not in pipeline.ledger.owned(item)


def test_bytes_that_differ_twice_in_the_same_way_are_rejected(pipeline: Pipeline) -> None:
    pipeline.put("sales_20261101.csv", CSV)
    pipeline.server.checksums = [WRONG, WRONG]
    (item,) = pipeline.poll()
    with pytest.raises(TransferInterruptedError):
        pipeline.fetch(item)
    with pytest.raises(FileRejectedError, match=r"fetched twice.*files\.verify_checksum"):
        pipeline.fetch(item)
    assert leaves_nothing(pipeline)


def test_a_feed_can_do_without(pipeline: Pipeline) -> None:
    pipeline.configure(files=files(verify_checksum=False))
    pipeline.put("a.csv", CSV)
    pipeline.server.checksums = [WRONG]
    (item,) = pipeline.poll()
    pipeline.all(item)
    assert pipeline.server.checksums == [WRONG], "it was asked"


def test_a_fetch_over_several_calls_is_compared_as_a_whole(pipeline: Pipeline) -> None:
    pipeline.put("sales_20261101.csv", LARGE)
    pipeline.server.checksums = [of(LARGE)]
    (item,) = pipeline.poll()
    calls = iter([900.0] * 6 + [10.0] * 100)
    assert pipeline.fetch(item, lambda: next(calls)) == {"done": False, "bytes": 5 * MIB}
    assert pipeline.server.checksums, "asked before all was there"
    assert pipeline.fetch(item)["done"]
    assert pipeline.server.reads == [0, 5 * MIB]
    assert pipeline.ledger.owned(item)["verified_by"] == "sha256 of the server"


def test_a_comparison_without_time_is_made_by_the_next_call(pipeline: Pipeline) -> None:
    pipeline.put("sales_20261101.csv", LARGE)
    pipeline.server.checksums = [of(LARGE), of(LARGE)]
    (item,) = pipeline.poll()
    spent = False

    def remaining() -> float:
        # the object is there: all that is left is reading it back
        return 10.0 if spent else 900.0

    get_object = pipeline.s3.get_object

    def get(**arguments: Any) -> Any:
        nonlocal spent
        spent = True
        return get_object(**arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline.s3, "get_object", get)
        assert pipeline.fetch(item, remaining) == {"done": False, "bytes": len(LARGE)}
    assert pipeline.fetch(item)["done"]
    assert pipeline.server.reads == [0]
    assert pipeline.ledger.owned(item)["verified_by"] == "sha256 of the server"


@pytest.mark.parametrize(("data", "reads"), [(LARGE, [0]), (CSV, [0, 0])], ids=["kept", "small, so fetched anew"])
def test_an_object_whose_comparison_never_began_is_compared_by_the_next_call(
    pipeline: Pipeline, data: bytes, reads: list[int]
) -> None:
    pipeline.put("sales_20261101.csv", data)
    pipeline.server.checksums = [None, WRONG]
    (item,) = pipeline.poll()
    with pytest.MonkeyPatch.context() as killed:
        killed.setattr("fetch.core.utc_now", lambda: (_ for _ in ()).throw(SystemExit))
        with pytest.raises(SystemExit):
            pipeline.fetch(item)
    with pytest.raises(TransferInterruptedError, match="fetched again"):
        pipeline.fetch(item)
    assert pipeline.server.reads == reads
    assert leaves_nothing(pipeline)
    assert pipeline.fetch(item)["done"]


def test_a_file_that_was_whole_is_not_given_back_because_it_went_afterwards(pipeline: Pipeline) -> None:
    path = pipeline.put("sales_20261101.csv", CSV)
    (item,) = pipeline.poll()
    with pytest.MonkeyPatch.context() as killed:
        killed.setattr("fetch.core.utc_now", lambda: (_ for _ in ()).throw(SystemExit))
        with pytest.raises(SystemExit):
            pipeline.fetch(item)
    path.unlink()
    pipeline.all(item)
    assert list(pipeline.raw().values()) == [CSV]


def test_no_connection_for_the_question_is_a_matter_of_patience(pipeline: Pipeline) -> None:
    pipeline.put("sales_20261101.csv", CSV)
    (item,) = pipeline.poll()
    with pytest.MonkeyPatch.context() as killed:
        killed.setattr("fetch.core.utc_now", lambda: (_ for _ in ()).throw(SystemExit))
        with pytest.raises(SystemExit):
            pipeline.fetch(item)
    with pytest.MonkeyPatch.context() as busy:
        busy.setattr(pipeline.server, "stat", lambda path: (_ for _ in ()).throw(ConnectionsBusyError("all taken")))
        assert pipeline.fetch(item) == {"done": False, "bytes": len(CSV)}
    assert pipeline.fetch(item)["done"]


def test_a_connection_lost_with_the_question_does_not_cost_the_bytes(pipeline: Pipeline) -> None:
    pipeline.put("sales_20261101.csv", LARGE)
    (item,) = pipeline.poll()
    with pytest.MonkeyPatch.context() as lost:
        error = TransferInterruptedError("reset")
        lost.setattr(pipeline.server, "checksum", lambda path, seconds: (_ for _ in ()).throw(error))
        with pytest.raises(TransferInterruptedError, match="reset"):
            pipeline.fetch(item)
    pipeline.server.checksums = [of(LARGE)]
    assert pipeline.fetch(item)["done"]
    assert pipeline.server.reads == [0]


# -- a file with the checksum beside each file


@pytest.fixture
def beside(pipeline: Pipeline) -> Pipeline:
    """A feed that has one."""
    pipeline.configure(files=files(checksum_file="{name}.sha256", after={"action": "move", "to": "/done"}))
    pipeline.put("a.csv", CSV, age=100)
    return pipeline


def test_a_file_waits_for_its_checksum_file(beside: Pipeline) -> None:
    assert beside.poll() == []
    beside.put("a.csv.sha256", b"", age=101)  # that of an earlier version
    assert beside.poll() == []
    assert beside.result["waiting"] == 1
    beside.put("a.csv.sha256", b"", age=100)
    assert [item.path for item in beside.poll()] == ["/outgoing/a.csv"]


def test_bytes_that_come_to_what_the_checksum_file_tells_are_taken(beside: Pipeline) -> None:
    beside.server.checksums = [WRONG]  # the partner's own word counts, the server's is not asked for
    beside.put("a.csv.sha256", f"{of(CSV).value}  a.csv\n".encode(), age=50)
    (item,) = beside.poll()
    beside.all(item)
    assert beside.ledger.owned(item)["verified_by"] == "sha256 of /outgoing/a.csv.sha256"


def test_a_file_that_never_was_what_its_checksum_file_tells_is_fetched_twice_and_rejected(beside: Pipeline) -> None:
    beside.put("a.csv.sha256", f"{WRONG.value}  a.csv\n".encode(), age=50)
    (item,) = beside.poll()
    with pytest.raises(TransferInterruptedError, match=r"/outgoing/a\.csv\.sha256 tells"):
        beside.fetch(item)
    with pytest.raises(FileRejectedError, match=r"deliver it again.*files\.checksum_file"):
        beside.fetch(item)
    assert leaves_nothing(beside)


@pytest.mark.parametrize("data", [b"", b"no checksum", b"x" * 100_000], ids=["empty", "text", "large"])
def test_a_checksum_file_that_has_none_rejects_the_file(beside: Pipeline, data: bytes) -> None:
    beside.put("a.csv.sha256", data, age=50)
    (item,) = beside.poll()
    with pytest.raises(FileRejectedError, match=r"a\.csv\.sha256 has no checksum"):
        beside.fetch(item)
    assert leaves_nothing(beside)


def test_a_checksum_file_that_went_releases_the_file(beside: Pipeline) -> None:
    path = beside.put("a.csv.sha256", of(CSV).value.encode(), age=50)
    (item,) = beside.poll()
    path.unlink()
    beside.server.read, read = _missing(beside), beside.server.read  # type: ignore[method-assign]
    with pytest.raises(FileChangedError):
        beside.fetch(item)
    assert leaves_nothing(beside)
    beside.server.read = read  # type: ignore[method-assign]
    os.utime(beside.put("a.csv.sha256", of(CSV).value.encode()), (NOW, NOW))
    beside.all(item)


def _missing(pipeline: Pipeline) -> Any:
    read = pipeline.server.read

    def missing(path: str, offset: int, sink: Any, size: int | None = None) -> int:
        pipeline.server.stat(path)
        return read(path, offset, sink, size)

    return missing


def test_a_redelivery_waits_for_the_new_checksum_file(beside: Pipeline) -> None:
    beside.put("a.csv.sha256", of(CSV).value.encode(), age=50)
    beside.all(*beside.poll())
    beside.put("a.csv", CSV + b"3,1.00\n", age=10)
    assert beside.poll(OTHER_RUN) == []
    beside.put("a.csv.sha256", of(CSV + b"3,1.00\n").value.encode(), age=5)
    beside.all(*beside.poll(OTHER_RUN))
    assert list(beside.raw().values()) == [CSV + b"3,1.00\n"]
