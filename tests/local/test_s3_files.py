"""Objects that are files: what a copy of one is."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws
from moto.s3.models import s3_backends

from local import s3_files
from local.session import ACCOUNT

SOURCE = {"Bucket": "work", "Key": "staged"}


@pytest.fixture
def s3(tmp_path: Path) -> Iterator[Any]:
    s3_files.install()
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        for bucket in ("work", "lake"):
            client.create_bucket(Bucket=bucket)
            s3_files.keep(s3_backends[ACCOUNT]["aws"], bucket, tmp_path / bucket, {})
        yield client


def body(s3: Any, bucket: str, key: str) -> bytes:
    return bytes(s3.get_object(Bucket=bucket, Key=key)["Body"].read())


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_a_copy_is_the_same_file_and_stays_when_the_original_goes_or_is_replaced(s3: Any, tmp_path: Path) -> None:
    s3.put_object(**SOURCE, Body=b"one")
    s3.copy_object(Bucket="lake", Key="raw/a", CopySource=SOURCE)
    assert (tmp_path / "lake/raw/a").samefile(tmp_path / "work/staged")
    assert s3.head_object(Bucket="lake", Key="raw/a")["ETag"] == f'"{hashlib.md5(b"one").hexdigest()}"'
    s3.put_object(**SOURCE, Body=b"another")
    assert (body(s3, "lake", "raw/a"), body(s3, "work", "staged")) == (b"one", b"another")
    s3.copy_object(Bucket="lake", Key="raw/b", CopySource=SOURCE)
    s3.delete_object(**SOURCE)
    assert body(s3, "lake", "raw/b") == b"another"


def test_a_copy_that_is_made_twice_leaves_nothing_behind(s3: Any, tmp_path: Path) -> None:
    s3.put_object(**SOURCE, Body=b"one")
    for _ in range(2):
        s3.copy_object(Bucket="lake", Key="raw/a", CopySource=SOURCE)
    assert files(tmp_path) == {"work/staged", "lake/raw/a"}
    assert body(s3, "lake", "raw/a") == b"one"


def test_what_a_killed_process_left_of_a_copy_is_not_written_over(s3: Any, tmp_path: Path, monkeypatch: Any) -> None:
    s3.put_object(**SOURCE, Body=b"one")
    with monkeypatch.context() as killed:
        killed.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            s3.copy_object(Bucket="lake", Key="raw/a", CopySource=SOURCE)
    (left,) = (tmp_path / "lake/raw").iterdir()
    assert left.samefile(tmp_path / "work/staged")
    s3.put_object(Bucket="lake", Key="raw/b", Body=b"two")
    assert body(s3, "work", "staged") == b"one"
    assert body(s3, "lake", "raw/b") == b"two"


def _on_another_file_system(*_: object) -> None:
    raise OSError(18, "Invalid cross-device link")


def _replaced_meanwhile(path: Path, target: Path) -> None:
    new = target.with_name("new")
    new.write_bytes(b"new")
    new.replace(target)
    os.link(target, path)


@pytest.mark.parametrize("link", [_on_another_file_system, _replaced_meanwhile])
def test_what_cannot_be_linked_is_copied_as_it_was_read(
    s3: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, link: Any
) -> None:
    s3.put_object(**SOURCE, Body=b"one")
    monkeypatch.setattr(Path, "hardlink_to", link)
    s3.copy_object(Bucket="lake", Key="raw/a", CopySource=SOURCE)
    assert body(s3, "lake", "raw/a") == b"one"
    assert not (tmp_path / "lake/raw/a").samefile(tmp_path / "work/staged")
    assert s3.head_object(Bucket="lake", Key="raw/a")["ETag"] == f'"{hashlib.md5(b"one").hexdigest()}"'


def test_a_copy_of_what_came_in_parts_has_the_digest_of_its_bytes(s3: Any) -> None:
    upload = {**SOURCE, "UploadId": s3.create_multipart_upload(**SOURCE)["UploadId"]}
    part = s3.upload_part(**upload, PartNumber=1, Body=b"one")
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]})
    assert s3.head_object(**SOURCE)["ETag"].endswith('-1"')
    s3.copy_object(Bucket="lake", Key="raw/a", CopySource=SOURCE)
    assert s3.head_object(Bucket="lake", Key="raw/a")["ETag"] == f'"{hashlib.md5(b"one").hexdigest()}"'


def test_an_empty_object_is_copied(s3: Any) -> None:
    s3.put_object(**SOURCE, Body=b"")
    s3.copy_object(Bucket="lake", Key="raw/a", CopySource=SOURCE)
    assert body(s3, "lake", "raw/a") == b""
