"""Archives and encrypted files through validate and upload: all members are published or none, however many."""

import io
import tarfile
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
import pyzipper

from lakeferry.decode import DecodeKeys
from lakeferry.errors import BalanceError, FileRejectedError, SecretMissingError
from lakeferry.lake import raw_key
from lakeferry.ledger import Ledger
from lakeferry.ledger.outputs import MAX_INLINE, outputs_of, raw_keys_of
from lakeferry.models import FileItem
from lakefiles import Lake
from tests.conftest import OTHER_RUN
from tests.unit.conftest import FolderServer
from tests.unit.pipeline import Pipeline
from tests.unit.test_decode_tar import tarred
from tests.unit.test_decode_zip import PASSWORD, zipped
from validate.outputs import MAX_NOTED
from worklist import landed_files, pending

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

HEADER = b"order_id,amount\n"


@pytest.fixture
def pipeline(server: FolderServer, ledger: Ledger, s3: "S3Client") -> Pipeline:
    made = Pipeline(server, ledger, s3)
    made.configure(files={"directory": "/outgoing", "pattern": "sales_{date:%Y%m%d}*", "settle_seconds": 0})
    return made


def csv(number: int) -> bytes:
    return HEADER + b"%d,2.50\n" % number


def fetched(
    pipeline: Pipeline, files: dict[str, bytes], name: str = "sales_20261101.zip", age: float = 3600
) -> FileItem:
    pipeline.put(name, zipped(files), age)
    (item,) = pipeline.poll()
    assert pipeline.fetch(item)["done"]
    return item


def entry_of(pipeline: Pipeline, item: FileItem) -> dict[str, Any]:
    return dict(pipeline.ledger.owned(item))


def test_each_member_becomes_an_object_of_its_own_with_its_own_name(pipeline: Pipeline) -> None:
    files = {"a/b.csv": csv(1), "a_b.csv": csv(2), "../../etc/b.csv": csv(3)}
    item = fetched(pipeline, files)
    assert pipeline.validate(item) == {"rows": 3}
    assert pipeline.raw() == {}
    keys = pipeline.upload(item)["raw_keys"]
    assert len(set(keys)) == 3
    assert all(key.startswith("raw/acme_daily_sales/dt=2026-11-01/") and key.count("/") == 3 for key in keys)
    assert [pipeline.raw()[key] for key in keys] == list(files.values())
    assert [key.rsplit("/", 1)[1].rsplit("-", 1)[0] for key in keys] == ["b", "a_b", "b"]
    assert pipeline.upload(item)["raw_keys"] == keys
    assert pipeline.open_uploads() == []


def test_a_members_raw_key_depends_on_its_names_alone(pipeline: Pipeline) -> None:
    item = fetched(pipeline, {"a/b.csv": csv(1)})
    first = raw_key(pipeline.feed, "2026-11-01", item.remote, "sales_20261101.zip/a/b.csv")
    pipeline.validate(item)
    assert pipeline.upload(item)["raw_keys"] == [first]
    assert raw_key(pipeline.feed, "2026-11-01", item.remote, "sales_20261101.zip/a_b.csv") != first


def test_one_bad_member_publishes_none(pipeline: Pipeline) -> None:
    item = fetched(pipeline, {"a.csv": csv(1), "b.csv": HEADER + b"1,2,3\n"})
    with pytest.raises(FileRejectedError, match=r"b\.csv line 2"):
        pipeline.validate(item)
    assert pipeline.raw() == {}
    assert pipeline.open_uploads() == []


def test_damage_is_told_and_not_the_bad_records_it_made(pipeline: Pipeline) -> None:
    data = bytearray(zipped({"a.csv": HEADER + b"1,2.50\n" * 50}, zipfile.ZIP_STORED))
    data[100] = ord(",")
    pipeline.put("sales_20261101.zip", bytes(data))
    (item,) = pipeline.poll()
    pipeline.fetch(item)
    with pytest.raises(FileRejectedError, match=r"a\.csv, at byte [0-9]+, is corrupt: its CRC is"):
        pipeline.validate(item)


def test_members_must_have_the_same_columns(pipeline: Pipeline) -> None:
    item = fetched(pipeline, {"a.csv": csv(1), "b.csv": b"amount,order_id\n2.50,1\n"})
    with pytest.raises(FileRejectedError, match=r"b\.csv has the columns amount, order_id.*order_id, amount"):
        pipeline.validate(item)


MANY = MAX_INLINE + 5


@pytest.mark.slow
def test_many_members_have_their_list_beside_the_ledger(pipeline: Pipeline) -> None:
    item = fetched(pipeline, {f"{number}.csv": csv(number) for number in range(MANY)})
    assert pipeline.validate(item) == {"rows": MANY}
    entry = entry_of(pipeline, item)
    assert "outputs" not in entry
    outputs = outputs_of(entry, pipeline.s3, "lake")
    assert [output["name"] for output in outputs] == [f"sales_20261101.zip/{number}.csv" for number in range(MANY)]
    assert pipeline.validate(item) == {"rows": MANY}, "what waits is good, and is not read again"
    assert outputs_of(entry_of(pipeline, item), pipeline.s3, "lake") == outputs
    assert len(pipeline.upload(item)["raw_keys"]) == MAX_INLINE, "a state's payload is limited"
    entry = entry_of(pipeline, item)
    assert "raw_keys" not in entry
    keys = raw_keys_of(entry, lambda key: pipeline.s3.get_object(Bucket="lake", Key=key)["Body"].read())
    assert {key: csv(number) for number, key in enumerate(keys)} == pipeline.raw()
    assert pipeline.open_uploads() == []


@pytest.mark.slow
def test_the_glue_job_finds_the_objects_of_many_members(pipeline: Pipeline) -> None:
    item = fetched(pipeline, {f"{number}.csv": csv(number) for number in range(MANY)})
    pipeline.validate(item)
    pipeline.upload(item)
    lake = Lake("lake", pipeline.s3)
    (partition,) = pending(pipeline.ledger)
    (landed,) = landed_files(pipeline.ledger, partition, lake.read)
    assert set(landed.raw_keys) == pipeline.raw().keys()
    assert (landed.rows_landed, landed.columns) == (MANY, ("order_id", "amount"))


def test_a_list_that_became_short_is_back_in_the_ledger(pipeline: Pipeline) -> None:
    item = fetched(pipeline, {f"{number}.csv": csv(number) for number in range(MANY)})
    pipeline.validate(item)
    pipeline.configure(
        files={"directory": "/outgoing", "pattern": "sales_{date:%Y%m%d}*", "settle_seconds": 0},
        decode_options={"members": "7.csv"},
    )
    pipeline.ledger.advance(item, status="FETCHED")
    assert pipeline.validate(item) == {"rows": 1}
    entry = entry_of(pipeline, item)
    assert "outputs_key" not in entry
    assert len(entry["outputs"]) == 1
    assert len(pipeline.open_uploads()) == 1, "the uploads of before were dropped"


def test_large_and_small_members_are_sent_whole_and_in_order(pipeline: Pipeline) -> None:
    row = b"1,2.50\n"
    sizes = [3, 400_000, 10, 900_000, 150_000, 1]
    item = fetched(pipeline, {f"{n}.csv": HEADER + row * size for n, size in enumerate(sizes)})
    assert pipeline.validate(item) == {"rows": sum(sizes)}
    keys = pipeline.upload(item)["raw_keys"]
    raw = pipeline.raw()
    assert [len(raw[key]) for key in keys] == [len(HEADER) + len(row) * size for size in sizes]


def test_uploads_of_a_killed_validate_are_dropped_by_the_next(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = fetched(pipeline, {f"{number}.csv": csv(number) for number in range(MAX_NOTED)})
    with monkeypatch.context() as killed:
        killed.setattr("validate.core._record", lambda *_: (_ for _ in ()).throw(SystemExit))
        killed.setattr("validate.core.RawOutputs.abandon", lambda *_: None)  # a killed function aborts nothing
        with pytest.raises(SystemExit):
            pipeline.validate(item)
    assert len(pipeline.open_uploads()) == MAX_NOTED
    pipeline.validate(item)
    assert len(pipeline.open_uploads()) == MAX_NOTED, "the new ones only"
    assert len(pipeline.upload(item)["raw_keys"]) == MAX_NOTED
    assert pipeline.open_uploads() == []


def test_bytes_that_got_lost_publish_no_member(pipeline: Pipeline) -> None:
    item = fetched(pipeline, {"a.csv": csv(1), "b.csv": csv(2)})
    pipeline.validate(item)
    second = entry_of(pipeline, item)["outputs"][1]
    pipeline.s3.put_object(Bucket="work", Key=second["staged"], Body=b"something else")
    with pytest.raises(BalanceError, match=r"b\.csv that were written; nothing was made visible"):
        pipeline.upload(item)
    assert pipeline.raw() == {}


def test_a_redelivery_without_a_member_takes_the_old_one_away(pipeline: Pipeline) -> None:
    item = fetched(pipeline, {"a.csv": csv(1), "b.csv": csv(2)})
    pipeline.validate(item)
    kept, gone = pipeline.upload(item)["raw_keys"]
    pipeline.put("sales_20261101.zip", zipped({"a.csv": csv(9)}), age=1800)
    (newer,) = pipeline.poll(OTHER_RUN)
    pipeline.fetch(newer)
    pipeline.validate(newer)
    assert pipeline.upload(newer)["raw_keys"] == [kept]
    assert pipeline.raw() == {kept: csv(9)}, gone


def locked_zip() -> bytes:
    target = io.BytesIO()
    with pyzipper.AESZipFile(target, "w", compression=zipfile.ZIP_DEFLATED, encryption=pyzipper.WZ_AES) as archive:
        archive.setpassword(PASSWORD["zip_password"].encode())
        archive.writestr("a.csv", csv(1))
    return target.getvalue()


def test_the_secret_is_read_only_if_a_file_needs_it(pipeline: Pipeline) -> None:
    asked: list[bool] = []

    def load() -> dict[str, str]:
        asked.append(True)
        return PASSWORD

    plain = fetched(pipeline, {"a.csv": csv(1)}, "sales_20261102.zip")
    pipeline.validate(plain, DecodeKeys(load))
    assert asked == []
    pipeline.put("sales_20261103.zip", locked_zip())
    (locked,) = [item for item in pipeline.poll() if item.remote.name == "sales_20261103.zip"]
    pipeline.fetch(locked)
    with pytest.raises(SecretMissingError, match="zip_password"):
        pipeline.validate(locked)
    assert pipeline.open_uploads() == [entry_of(pipeline, plain)["outputs"][0]["staged"]]
    assert pipeline.validate(locked, DecodeKeys(load)) == {"rows": 1}
    assert asked == [True]


def test_a_name_of_an_old_tar_that_is_no_utf_8_makes_a_good_key(pipeline: Pipeline) -> None:
    data = tarred({"Ums\udce4tze.csv": csv(1)}, tarfile.USTAR_FORMAT)
    pipeline.put("sales_20261101.tar", data)
    (item,) = pipeline.poll()
    pipeline.fetch(item)
    assert pipeline.validate(item) == {"rows": 1}
    (key,) = pipeline.upload(item)["raw_keys"]
    assert pipeline.raw() == {key: csv(1)}
    assert key.isascii()


def test_dots_before_a_members_name_do_not_make_another_object(pipeline: Pipeline) -> None:
    keys = []
    for name, age in (("out/a.csv", 7200), ("./out/a.csv", 3600)):
        item = fetched(pipeline, {name: csv(1)}, age=age)
        pipeline.validate(item)
        (key,) = pipeline.upload(item)["raw_keys"]
        keys.append(key.rsplit("/", 1)[1])
    assert keys[0] == keys[1]
