"""Where the lake's objects are: `s3://` everywhere, but for one map to a folder for runs without AWS."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lakeferry.ledger.seeding import folders_of

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_DELETE_BATCH = 1000
"""Keys a DeleteObjects call takes (Amazon S3 API Reference, "DeleteObjects")."""


@dataclass(frozen=True)
class Lake:
    """The lake bucket.

    Attributes:
        folder: The folder that holds the bucket's objects as files; None: they are in S3.
    """

    bucket: str
    s3: "S3Client"
    folder: Path | None = None

    def uri(self, key: str) -> str:
        """The address as the catalog has it."""
        return f"s3://{self.bucket}/{key}"

    def spark_path(self, key: str) -> str:
        """The address as Spark's file system takes it."""
        return self.uri(key) if self.folder is None else f"file://{self.folder}/{key}"

    def sizes(self, prefix: str) -> dict[str, int]:
        """Keys under a prefix with their sizes in bytes."""
        if self.folder is None:
            pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
            return {item["Key"]: item["Size"] for page in pages for item in page.get("Contents", [])}
        # a prefix that ends in "/" is a folder; the job asks for no others
        root = self.folder / prefix
        return {
            path.relative_to(self.folder).as_posix(): path.stat().st_size
            for path in root.rglob("*")
            # hidden ones are checksums Hadoop puts beside local files
            if path.is_file() and not path.name.startswith(".")
        }

    def folders(self, prefix: str) -> Iterable[str]:
        """Names of the folders right below a prefix that ends in `/`."""
        if self.folder is None:
            return folders_of(self.s3, self.bucket)(prefix)
        root = self.folder / prefix
        return [path.name for path in root.iterdir() if path.is_dir()] if root.is_dir() else []

    def read(self, key: str) -> bytes:
        """A small object."""
        if self.folder is None:
            return self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        return (self.folder / key).read_bytes()

    def put(self, key: str, data: bytes) -> None:
        """Writes a small object."""
        if self.folder is None:
            self.s3.put_object(Bucket=self.bucket, Key=key, Body=data)
            return
        path = self.folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def delete(self, keys: Iterable[str]) -> None:
        """Deletes objects; those that are gone already are fine."""
        names = sorted(keys)
        if self.folder is not None:
            for name in names:
                path = self.folder / name
                path.unlink(missing_ok=True)
                path.with_name(f".{path.name}.crc").unlink(missing_ok=True)
                if path.parent.is_dir() and not any(path.parent.iterdir()):
                    path.parent.rmdir()
            return
        for start in range(0, len(names), _DELETE_BATCH):
            batch = names[start : start + _DELETE_BATCH]
            answer = self.s3.delete_objects(
                Bucket=self.bucket, Delete={"Objects": [{"Key": name} for name in batch], "Quiet": True}
            )
            for error in answer.get("Errors", []):
                raise OSError(f"{self.uri(error.get('Key', '?'))} could not be deleted: {error.get('Message')}")


def parse_path_map(text: str, bucket: str) -> Path | None:
    """The folder of `s3://<bucket>=<folder>`; None for an empty text.

    Raises:
        ValueError: the map is for another bucket.
    """
    if not text:
        return None
    address, separator, folder = text.partition("=")
    if address.rstrip("/") != f"s3://{bucket}" or not separator or not folder:
        raise ValueError(f"--path_map {text!r}: expected s3://{bucket}=<folder>")
    return Path(folder).resolve()
