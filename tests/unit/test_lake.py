"""Keys and multipart uploads."""

import hashlib
from typing import TYPE_CHECKING

import pytest

from lakeferry.errors import BalanceError
from lakeferry.feeds import parse_feed
from lakeferry.lake import (
    PartWriter,
    abort_upload,
    buffers_for,
    complete_upload,
    file_id_of,
    file_metadata,
    inbox_key,
    is_there,
    list_parts,
    part_size,
    raw_key,
    safe_name,
    start_upload,
)
from lakeferry.models import RemoteFile
from tests.conftest import feed_document

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MIB = 1024 * 1024
PART = 5 * MIB


LARGEST_OBJECT = 10_000 * 5 * 1024 * MIB
"""48.8 TiB."""


@pytest.mark.parametrize(
    "total", [0, 1, 16 * MIB, 160_000 * MIB, 160_000 * MIB + 1, LARGEST_OBJECT - 1, LARGEST_OBJECT]
)
def test_any_file_fits_into_the_parts_s3_allows(total: int) -> None:
    size = part_size(total, 16 * MIB)
    assert 16 * MIB <= size <= 5 * 1024 * MIB
    assert size % MIB == 0
    assert -(-total // size) <= 10_000


@pytest.mark.parametrize("total", [150_000 * MIB, 1024 * 1024 * MIB, 40 * 1024 * 1024 * MIB])
@pytest.mark.parametrize("calls", [10, 900])
def test_a_file_that_takes_many_calls_fits_too_though_each_ends_with_a_smaller_part(total: int, calls: int) -> None:
    missing, parts = total, 0
    while missing:
        size = part_size(missing, 16 * MIB, parts)
        moved = min(missing, total // calls + 1)
        parts += -(-moved // size)  # the last one not whole
        missing -= moved
    assert parts <= 10_000


def test_memory_is_bounded_whatever_the_part() -> None:
    assert buffers_for(16 * MIB) == 3
    assert [buffers_for(size * MIB) * size <= 512 for size in (100, 171, 200, 256, 257, 512)] == [True] * 6
    assert buffers_for(5 * 1024 * MIB) == 1


@pytest.mark.parametrize("buffers", [1, 2, 3])
def test_every_byte_arrives_whatever_the_buffers(s3: "S3Client", buffers: int) -> None:
    upload = start_upload(s3, "inbox", "key")
    writer = PartWriter(s3, upload, part_bytes=PART, buffers=buffers)
    data = bytes(range(256)) * (3 * PART // 256) + b"tail"
    for place in range(0, len(data), 1_000_003):
        writer.write(data[place : place + 1_000_003])
    writer.flush(partial=True)
    complete_upload(s3, upload, len(data), {})
    assert s3.get_object(Bucket="inbox", Key="key")["Body"].read() == data


def test_names_are_clean_and_different_for_different_paths() -> None:
    assert safe_name("/a/x.csv", "x.csv") != safe_name("/b/x.csv", "x.csv")
    for path in (
        "/a/../../etc/passwd",
        "/a/new\nline.csv",
        "/a/" + "n" * 1000 + ".csv",
        "/a/.hidden",
        "/a/" + "é" * 300,
        "/a/\udcff.csv",
    ):
        name = safe_name(path, path.rsplit("/", 1)[-1])
        assert len(name) < 200
        assert name.isascii()
        assert "/" not in name
        assert name[0] not in "._"


def test_paths_whose_hashes_begin_alike_have_keys_of_their_own() -> None:
    feed = parse_feed(feed_document())
    first, second = RemoteFile("/out/17559/a.csv", 1, 1), RemoteFile("/out/42963/a.csv", 1, 1)
    digests = [hashlib.sha256(one.path.encode()).hexdigest() for one in (first, second)]
    assert digests[0][:8] == digests[1][:8], "32 bits collide in 0.3 s"
    assert raw_key(feed, "2026-11-01", first, "a.csv") != raw_key(feed, "2026-11-01", second, "a.csv")
    assert all(
        digest[:16] in raw_key(feed, "2026-11-01", one, "a.csv")
        for digest, one in zip(digests, (first, second), strict=True)
    )


def test_a_redelivery_has_the_same_raw_key_and_another_inbox_key() -> None:
    feed = parse_feed(feed_document())
    first, second = RemoteFile("/outgoing/a.csv.gz", 10, 1), RemoteFile("/outgoing/a.csv.gz", 11, 2)
    assert raw_key(feed, "2026-11-01", first, "a.csv") == raw_key(feed, "2026-11-01", second, "a.csv")
    assert raw_key(feed, "2026-11-01", first, "a.csv").startswith("raw/acme_daily_sales/dt=2026-11-01/a-")
    assert inbox_key(feed, first) != inbox_key(feed, second)


@pytest.mark.parametrize("path", ["/ä/b c.csv", "/x#y%20.csv", "/\udcff.csv"])
def test_metadata_leads_back_to_the_ledger(path: str) -> None:
    file_id = RemoteFile(path, 3, 4).file_id
    metadata = file_metadata("acme/daily_sales", file_id)
    assert metadata["file-id"].isascii()
    assert file_id_of(metadata) == file_id


def test_a_path_too_long_for_a_sort_key_still_has_a_key_of_its_own() -> None:
    one, two = RemoteFile("/" + "ü" * 1000 + "1", 1, 1), RemoteFile("/" + "ü" * 1000 + "2", 1, 1)
    assert one.file_id != two.file_id
    assert len(one.file_id.encode()) <= 1024


@pytest.mark.parametrize("size", [0, 1, PART - 1, PART, PART + 1, 3 * PART + 7])
@pytest.mark.parametrize("piece", [MIB - 1, 7 * MIB])
def test_what_is_written_is_what_becomes_visible(s3: "S3Client", size: int, piece: int) -> None:
    data = bytes(range(256)) * (size // 256 + 1)
    upload = start_upload(s3, "lake", "k", {"a": "b"})
    writer = PartWriter(s3, upload, part_bytes=PART)
    for start in range(0, size, piece):
        writer.write(memoryview(data)[start : min(start + piece, size)])
    writer.flush(partial=True)
    assert not is_there(s3, "lake", "k", size, {})
    complete_upload(s3, upload, size, {"a": "b"})
    answer = s3.get_object(Bucket="lake", Key="k")
    assert answer["Body"].read() == data[:size]
    assert answer["Metadata"] == {"a": "b"}


def test_completing_again_changes_nothing(s3: "S3Client") -> None:
    upload = start_upload(s3, "lake", "k")
    writer = PartWriter(s3, upload, part_bytes=PART)
    writer.write(b"abc")
    writer.flush(partial=True)
    complete_upload(s3, upload, 3, {})
    complete_upload(s3, upload, 3, {})
    assert is_there(s3, "lake", "k", 3, {})
    with pytest.raises(BalanceError, match="of this version"):
        complete_upload(s3, upload, 3, {"file-id": "another"})


def test_missing_bytes_keep_an_upload_invisible(s3: "S3Client") -> None:
    upload = start_upload(s3, "lake", "k")
    writer = PartWriter(s3, upload, part_bytes=PART)
    writer.write(b"abc")
    writer.flush(partial=True)
    with pytest.raises(BalanceError, match="3 bytes of the upload where 4"):
        complete_upload(s3, upload, 4, {})
    assert not is_there(s3, "lake", "k", 3, {})
    abort_upload(s3, upload)
    with pytest.raises(BalanceError, match="no object of 3 bytes"):
        complete_upload(s3, upload, 3, {})
    abort_upload(s3, upload)


def test_a_checkpoint_keeps_a_part_that_is_big_enough(s3: "S3Client") -> None:
    upload = start_upload(s3, "lake", "k")
    writer = PartWriter(s3, upload, part_bytes=2 * PART)
    writer.write(bytes(PART + 3))
    assert writer.checkpoint() == PART + 3
    writer = PartWriter(s3, upload, part_bytes=2 * PART, first_part=2)
    writer.write(bytes(100))
    assert writer.checkpoint() == 0
    parts = list_parts(s3, upload)
    assert parts is not None
    assert [part["Size"] for part in parts] == [PART + 3]


def test_a_gap_in_the_parts_ends_what_counts(s3: "S3Client") -> None:
    upload = start_upload(s3, "lake", "k")
    for number in (1, 3):
        s3.upload_part(Bucket="lake", Key="k", UploadId=upload.upload_id, PartNumber=number, Body=b"x")
    parts = list_parts(s3, upload)
    assert parts is not None
    assert [part["PartNumber"] for part in parts] == [1]
