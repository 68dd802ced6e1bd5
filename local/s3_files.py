"""S3 objects kept as files in a folder: what a user looks at, and what Spark reads without copying.

An object's bytes do not live in this process: they come as parts of an upload, go to a file, and are read in pieces.
"""

import hashlib
import mmap
import os
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from moto.s3 import models
from moto.s3.models import FakeMultipart

_folders: dict[str, Path] = {}
"""Bucket name -> the folder its objects are files of."""
_lock = threading.Lock()


PIECE_BYTES = 1 << 20
SPOOLED_BYTES = 256 * 1024
"""What a part of an upload may have in memory; more of it lies in a temporary file."""


class Content(mmap.mmap):
    """A file's bytes in place of `bytes`: what reads a range reads only that, what sends all of them sends pieces.

    Attributes:
        path: The file.
        inode: Which file that was.
        md5: Of all of it, where that is known.
    """

    path: Path
    inode: int
    md5: str | None = None

    def __iter__(self) -> Iterator[bytes]:  # type: ignore[override]  # mmap's own goes byte by byte
        return (self[at : at + PIECE_BYTES] for at in range(0, len(self), PIECE_BYTES))


def content_of(path: Path) -> Content | bytes:
    """A file's bytes."""
    with path.open("rb") as file:
        found = os.fstat(file.fileno())
        if not found.st_size:
            return b""
        content = Content(file.fileno(), 0, access=mmap.ACCESS_READ)
    content.path, content.inode = path, found.st_ino
    return content


class Parts:
    """The parts of an upload, one after the other, once: each is gone when the next is asked for."""

    def __init__(self, parts: list[models.FakeKey]) -> None:
        self._parts = parts

    def __iter__(self) -> Iterator[bytes]:
        for part in self._parts:
            yield part.value
            part.dispose()


class FileMultipart(FakeMultipart):
    """An upload whose parts are not put together in memory."""

    def complete(self, body: Iterable[tuple[int, str]]) -> Any:
        if self.metadata.get("x-amz-checksum-algorithm"):
            return super().complete(iter(body))  # it needs the bytes
        named = list(body)
        # parts without their bytes pass what S3 checks, and give the ETag
        bare = {
            number: SimpleNamespace(etag=part.etag, contentsize=part.contentsize, value=b"")
            for number, part in self.parts.items()
        }
        checked: Any = SimpleNamespace(parts=bare, metadata=self.metadata)
        _, etag, _ = FakeMultipart.complete(checked, iter(named))
        taken = [self.parts.pop(number) for number, _ in named]  # moto disposes of those that are left
        return Parts(taken), etag, None


class FileKey(models.FakeKey):
    """An object whose bytes are a file; they are read when asked for."""

    def __init__(self, path: Path, **named: Any) -> None:
        super().__init__(value=b"", **named)
        self.path = path
        self._etag: str | None = named.get("etag")
        self.contentsize = path.stat().st_size

    @property
    def value(self) -> Any:
        content = content_of(self.path)
        if isinstance(content, Content) and self._etag is not None and "-" not in self._etag:
            content.md5 = self._etag
        return content

    @value.setter
    def value(self, new_value: bytes) -> None:
        self.contentsize = len(new_value)

    @property
    def etag(self) -> str:
        if self._etag is None:
            with self.path.open("rb") as file:
                self._etag = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
        return f'"{self._etag}"'


class FileS3Backend(models.S3Backend):
    """moto's S3 with the objects of chosen buckets as files."""

    def put_object(self, bucket_name: str, key_name: str, value: Any, *args: Any, **named: Any) -> Any:
        folder = _folders.get(bucket_name)
        if folder is None:
            return super().put_object(bucket_name, key_name, _bytes(value), *args, **named)
        path = path_of(folder, key_name)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{threading.get_ident()}.partial")
        etag = _write(partial, value)
        with _lock:  # the object that is found is always that of the file that is there
            key = super().put_object(bucket_name, key_name, b"", *args, **named)
            partial.replace(path)
            partial.unlink(missing_ok=True)  # a link in place of another of the same file changes nothing (rename(2))
            kept = _file_key(self, bucket_name, key_name, path)
            # moto's caller goes on with this object: metadata, tags and access control are set on it
            kept.__dict__.update({name: value for name, value in key.__dict__.items() if name not in _OWN})
            kept._etag = named.get("etag") or etag
            self.get_bucket(bucket_name).keys.setlist(key_name, [kept])
        key.dispose()
        return kept

    def delete_object(self, bucket_name: str, key_name: str, *args: Any, **named: Any) -> Any:
        answer = super().delete_object(bucket_name, key_name, *args, **named)
        if (folder := _folders.get(bucket_name)) is not None:
            path_of(folder, key_name).unlink(missing_ok=True)
        return answer


FileS3Backend.__module__ = models.__name__


def install() -> None:
    """Puts all of this in place of moto's."""
    models.s3_backends.backend = FileS3Backend
    models.FakeMultipart = FileMultipart
    os.environ["MOTO_S3_DEFAULT_KEY_BUFFER_SIZE"] = str(SPOOLED_BYTES)


def _write(path: Path, value: Any) -> str:
    """Writes an object's bytes, or links the file that has them; their MD5."""
    path.unlink(missing_ok=True)  # of a process that was killed; it may be a link of what an object has
    if isinstance(value, Content) and value.md5 is not None and _is_linked(path, value):
        return value.md5
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("wb") as file:
        for piece in value if isinstance(value, Parts | Content) else [value]:
            digest.update(piece)
            file.write(piece)
    return digest.hexdigest()


def _is_linked(path: Path, content: Content) -> bool:
    """A copy of an object that is a file is the same file: objects are replaced, and never written over."""
    try:
        path.hardlink_to(content.path)
    except OSError:  # on another file system, or on one that knows no links
        return False
    if path.stat().st_ino == content.inode:
        return True
    path.unlink()  # of the object that replaced it meanwhile
    return False


def _bytes(value: Any) -> bytes:
    return b"".join(value) if isinstance(value, Parts | Content) else value


_OWN = {"path", "contentsize", "_value_buffer", "_etag", "lock", "disposed"}


def _file_key(backend: Any, bucket: str, name: str, path: Path) -> FileKey:
    return FileKey(
        path,
        name=name,
        bucket_name=bucket,
        account_id=backend.account_id,
        region_name=backend.region_name,
        version_id="null",
    )


def path_of(folder: Path, key: str) -> Path:
    """The file of a key; parts a file system would not take are replaced by their hash."""
    parts = [
        part if part not in {"", ".", ".."} and len(part.encode()) < 240 else hashlib.sha256(part.encode()).hexdigest()
        for part in key.split("/")
    ]
    return folder.joinpath(*parts)


def keep(backend: Any, bucket: str, folder: Path, index: dict[str, Any]) -> None:
    """Makes a bucket's objects the files of a folder, those that are there already included.

    Args:
        index: What `describe` told of the objects in an earlier run: ETags and metadata.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _folders[bucket] = folder
    rescan(backend, bucket, "")
    for name, told in index.items():
        key = backend.get_bucket(bucket).keys.get(name)
        if key is not None and key.size == told["size"]:
            key._etag = told["etag"]
            key.set_metadata(dict(told["metadata"]))


def rescan(backend: Any, bucket: str, prefix: str) -> None:
    """Takes in files others wrote under a prefix, and drops objects whose files are gone."""
    folder, keys = _folders[bucket], backend.get_bucket(bucket).keys
    found = {
        path.relative_to(folder).as_posix(): path
        for path in (folder / prefix).rglob("*")
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    }
    with _lock:
        for name in [name for name in keys if name.startswith(prefix) and name not in found]:
            keys.pop(name)
        for name, path in found.items():
            known = keys.get(name)
            if known is None or known.size != path.stat().st_size:
                keys.setlist(name, [_file_key(backend, bucket, name, path)])


def describe(backend: Any, bucket: str) -> dict[str, Any]:
    """ETag, size and metadata of each object, for `keep` in a later run."""
    return {
        name: {"etag": key._etag, "size": key.size, "metadata": dict(key.metadata)}
        for name in backend.get_bucket(bucket).keys
        if (key := backend.get_bucket(bucket).keys.get(name))._etag is not None
    }


def folder_of(bucket: str) -> Path:
    """The folder of a bucket."""
    return _folders[bucket]
