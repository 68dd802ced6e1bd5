"""S3 that costs nothing, for `free_aws.py`. Large parts lie on the disk, so that memory is the caller's."""

import itertools
import re
import tempfile
import threading
import urllib.parse
from pathlib import Path
from typing import Any

from botocore.awsrequest import AWSResponse

ON_DISK = 4 * 1024 * 1024
"""Bytes from which a body is a file."""
Piece = bytes | Path


class FreeS3:
    """Buckets with objects and multipart uploads; no conditions, versions or listings.

    Attributes:
        objects: The pieces of each, by bucket and key.
    """

    def __init__(self) -> None:
        self.objects: dict[str, list[Piece]] = {}
        self._uploads: dict[str, dict[int, Piece]] = {}
        self._numbers = itertools.count()
        self._folder = tempfile.TemporaryDirectory()
        self._lock = threading.Lock()

    def answer(self, request: Any, **_: Any) -> AWSResponse:
        """In place of the network."""
        url = urllib.parse.urlsplit(request.url)
        path, query = urllib.parse.unquote(url.path), urllib.parse.parse_qs(url.query, keep_blank_values=True)
        method = str(request.method)
        upload = query.get("uploadId", [""])[0]
        if method == "POST" and "uploads" in query:
            return self._begin(request, path)
        if upload and method != "GET":
            return self._of_upload(request, method, path, upload, int(query.get("partNumber", ["0"])[0]))
        if upload:
            return answered(request, self._parts(upload))
        if method == "PUT":
            return self._put(request, path)
        if method == "POST":  # DeleteObjects
            return answered(request, b"<DeleteResult/>")
        if method == "DELETE":
            self.objects.pop(path, None)
            return answered(request, b"", status=204)
        return self._get(request, method, path)

    def forget(self) -> None:
        """Objects and uploads go."""
        for piece in itertools.chain(*self.objects.values(), *(one.values() for one in self._uploads.values())):
            if isinstance(piece, Path):
                piece.unlink(missing_ok=True)
        self.objects.clear()
        self._uploads.clear()

    def read(self, path: str) -> bytes:
        """An object's bytes."""
        return _Raw(self.objects[path]).read()

    def _put(self, request: Any, path: str) -> AWSResponse:
        if "x-amz-copy-source" not in request.headers:
            self.objects[path] = [self._kept(body_of(request))]
            return answered(request, b"", ETag='"e"')
        source = request.headers["x-amz-copy-source"]
        source = urllib.parse.unquote(source.decode() if isinstance(source, bytes) else source)
        self.objects[path] = self.objects["/" + source.lstrip("/")]
        return answered(request, b'<CopyObjectResult><ETag>"e"</ETag></CopyObjectResult>')

    def _get(self, request: Any, method: str, path: str) -> AWSResponse:
        if path not in self.objects:
            missing = b"<Error><Code>NoSuchKey</Code><Message>none</Message></Error>"
            return answered(request, missing, status=404)
        pieces = self.objects[path]
        length = str(sum(map(size_of, pieces)))
        headers = {"Content-Length": length, "ETag": '"e"', "Last-Modified": "Mon, 30 Nov 2026 08:00:00 GMT"}
        body = _Raw([] if method == "HEAD" else pieces)
        return AWSResponse(request.url, 200, headers, body)  # type: ignore[arg-type]

    def _begin(self, request: Any, path: str) -> AWSResponse:
        upload = f"upload{next(self._numbers)}"
        self._uploads[upload] = {}
        _, bucket, key = path.split("/", 2)
        inner = f"<Bucket>{bucket}</Bucket><Key>{key}</Key><UploadId>{upload}</UploadId>"
        return answered(request, f"<InitiateMultipartUploadResult>{inner}</InitiateMultipartUploadResult>".encode())

    def _of_upload(self, request: Any, method: str, path: str, upload: str, number: int) -> AWSResponse:
        if method == "PUT":
            self._uploads[upload][number] = self._kept(body_of(request))
            return answered(request, b"", ETag=f'"{number:032x}"')
        found = self._uploads.pop(upload, {})
        if method == "DELETE":
            return answered(request, b"", status=204)
        self.objects[path] = [found[part] for part in sorted(found)]
        done = b'<CompleteMultipartUploadResult><ETag>"e"</ETag></CompleteMultipartUploadResult>'
        return answered(request, done)

    def _parts(self, upload: str) -> bytes:
        inner = "".join(
            f'<Part><PartNumber>{number}</PartNumber><ETag>"{number:032x}"</ETag><Size>{size_of(piece)}</Size></Part>'
            for number, piece in sorted(self._uploads[upload].items())
        )
        return f"<ListPartsResult><IsTruncated>false</IsTruncated>{inner}</ListPartsResult>".encode()

    def _kept(self, body: bytes | bytearray) -> Piece:
        if len(body) < ON_DISK:
            return bytes(body)  # the caller may fill it anew
        with self._lock:
            path = Path(self._folder.name) / str(next(self._numbers))
        path.write_bytes(body)
        return path


def size_of(piece: Piece) -> int:
    """Its bytes."""
    return len(piece) if isinstance(piece, bytes) else piece.stat().st_size


def body_of(request: Any) -> bytes | bytearray:
    """What a request sends, without the chunks around it; large bodies are not copied."""
    body = request.body
    if isinstance(body, (bytes, bytearray)):
        return body
    data = bytes(body.read()) if body is not None else b""
    return _unchunked(data) if "aws-chunked" in str(request.headers.get("Content-Encoding", "")) else data


def _unchunked(data: bytes) -> bytes:
    """A body that has its checksum behind it: each chunk after its length, and one of none at the end."""
    found: list[bytes] = []
    at = 0
    while True:
        end = data.index(b"\r\n", at)
        length = int(re.match(rb"[0-9a-fA-F]+", data[at:end])[0], 16)  # type: ignore[index]
        if not length:
            return b"".join(found)
        found.append(data[end + 2 : end + 2 + length])
        at = end + 2 + length + 2


class _Raw:
    """What botocore reads an answer from, piece by piece."""

    def __init__(self, pieces: list[Piece]) -> None:
        self._pieces, self._at = list(pieces), 0

    def read(self, amount: int | None = None, **_: Any) -> bytes:
        found: list[bytes] = []
        left = amount
        while self._pieces and (left is None or left > 0):
            data = self._next(left)
            if not data:
                self._pieces.pop(0)
                self._at = 0
                continue
            found.append(data)
            left = None if left is None else left - len(data)
        return b"".join(found)

    def _next(self, amount: int | None) -> bytes:
        piece = self._pieces[0]
        if isinstance(piece, bytes):
            data = piece[self._at :] if amount is None else piece[self._at : self._at + amount]
        else:
            with piece.open("rb") as file:
                file.seek(self._at)
                data = file.read() if amount is None else file.read(amount)
        self._at += len(data)
        return data

    def stream(self, amount: int = 65536, **_: Any) -> Any:
        while data := self.read(amount):
            yield data

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        """There is nothing to close."""


def answered(request: Any, body: bytes, *, status: int = 200, **headers: str) -> AWSResponse:
    """An answer as botocore takes it from the network."""
    return AWSResponse(request.url, status, {"Content-Length": str(len(body)), **headers}, _Raw([body]))  # type: ignore[arg-type]
