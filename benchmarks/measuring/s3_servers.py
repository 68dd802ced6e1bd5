"""S3 on loopback: rclone's, which keeps what it is given, and one that keeps nothing, for a client's own limit.

python -m benchmarks.measuring.s3_servers CERTIFICATE     the second, under TLS as AWS has it; prints its port
"""

import contextlib
import re
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.parse
from collections.abc import Iterator, Sequence
from http import HTTPStatus
from pathlib import Path

from benchmarks.measuring.peers import rclone
from benchmarks.measuring.processes import ROOT, service
from tests.servers.certificates import LOOPBACK, Authority
from tests.servers.processes import write

ACCESS_KEY = SECRET_KEY = "local"
RECEIVE_BYTES = 1024 * 1024
HEADER_BYTES = 64 * 1024
LAST_CHUNK = b"\r\n0\r\n\r\n"


@contextlib.contextmanager
def rclone_s3(folder: Path, others: Sequence[str] = ()) -> Iterator[str]:
    """An S3 server whose buckets are folders; its URL.

    Args:
        others: Whose calls it takes besides, by their access keys.
    """
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    login = [word for key in (ACCESS_KEY, *others) for word in ("--auth-key", f"{key},{SECRET_KEY}")]
    command = [rclone(), "serve", "s3", "--config", "", "--addr", f"127.0.0.1:{port}", *login, str(folder)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(100):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
                break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.kill()
        server.wait()


@contextlib.contextmanager
def null_s3(folder: Path) -> Iterator[tuple[str, Path]]:
    """An S3 server that remembers how long each part was, and nothing else; its URL, and the CA that it is of."""
    authority = Authority()
    ca = write(folder / "s3_ca.pem", authority.bundle)
    certificate = write(folder / "s3.pem", "".join(reversed(authority.issue(*LOOPBACK))))
    command = [sys.executable, "-m", __spec__.name, str(certificate)]
    with service(command, env={"PYTHONPATH": f"{ROOT / 'functions'}:{ROOT}"}) as said:
        yield f"https://127.0.0.1:{int(said.readline())}", ca


class _Uploads:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._parts: dict[str, dict[int, int]] = {}

    def answer(self, method: str, path: str, length: int) -> tuple[int, str]:
        """Status and body for a request with so many bytes (multipart uploads, nothing besides)."""
        query = urllib.parse.parse_qs(path.partition("?")[2], keep_blank_values=True)
        upload = query.get("uploadId", [""])[0]
        with self._lock:
            if method == "POST" and "uploads" in query:
                upload = f"upload{len(self._parts)}"
                self._parts[upload] = {}
                inner = f"<Bucket>b</Bucket><Key>k</Key><UploadId>{upload}</UploadId>"
                return 200, f"<InitiateMultipartUploadResult>{inner}</InitiateMultipartUploadResult>"
            if method == "PUT" and upload:
                self._parts[upload][int(query["partNumber"][0])] = length
                return 200, ""
            if method == "GET" and upload:
                inner = "".join(
                    f'<Part><PartNumber>{number}</PartNumber><ETag>"{number:032x}"</ETag><Size>{size}</Size></Part>'
                    for number, size in sorted(self._parts[upload].items())
                )
                return 200, f"<ListPartsResult><IsTruncated>false</IsTruncated>{inner}</ListPartsResult>"
            if method == "POST" and upload:
                del self._parts[upload]
                return 200, '<CompleteMultipartUploadResult><ETag>"x"</ETag></CompleteMultipartUploadResult>'
            return 404, ""


def _number(header: bytes, head: bytes) -> int:
    found = re.search(rb"(?im)^" + header + rb": *(\d+)", head)
    return int(found[1]) if found else 0


def _read(client: socket.socket, space: memoryview, pending: bytes, length: int) -> bytes:
    """What came behind a body of so many bytes."""
    left = length - len(pending)
    while left > 0:
        count = client.recv_into(space, min(left, RECEIVE_BYTES))
        if not count:
            raise EOFError("the client went away amid a body")
        left -= count
    return pending[length:]


def _read_chunked(client: socket.socket, space: memoryview, pending: bytes) -> bytes:
    """The same where botocore sends the checksum behind the body. It waits for the answer, so nothing comes after."""
    tail = pending[-len(LAST_CHUNK) :]
    while tail != LAST_CHUNK:
        count = client.recv_into(space)
        if not count:
            raise EOFError("the client went away amid a body")
        tail = (tail + bytes(space[max(0, count - len(LAST_CHUNK)) : count]))[-len(LAST_CHUNK) :]
    return b""


def _serve(raw: socket.socket, context: ssl.SSLContext, uploads: _Uploads) -> None:
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    client = context.wrap_socket(raw, server_side=True)
    space = memoryview(bytearray(RECEIVE_BYTES))
    pending = b""
    with client:
        while True:
            while b"\r\n\r\n" not in pending:
                data = client.recv(HEADER_BYTES)
                if not data:
                    return
                pending += data
            head, _, pending = pending.partition(b"\r\n\r\n")
            method, path, _ = head.split(b"\r\n")[0].decode().split(" ")
            if re.search(rb"(?im)^expect:", head):
                client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            if re.search(rb"(?im)^transfer-encoding: *chunked", head):
                pending = _read_chunked(client, space, pending)
                length = _number(rb"x-amz-decoded-content-length", head)
            else:
                length = _number(rb"content-length", head)
                pending = _read(client, space, pending, length)
            status, body = uploads.answer(method, path, length)
            lines = [
                f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
                'ETag: "d41d8cd98f00b204e9800998ecf8427e"',
                f"Content-Length: {len(body)}",
            ]
            client.sendall("\r\n".join([*lines, "", body]).encode())


def main() -> None:
    context, uploads = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), _Uploads()
    context.load_cert_chain(sys.argv[1])
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    print(listener.getsockname()[1], flush=True)
    while True:
        client, _ = listener.accept()
        threading.Thread(target=_serve, args=(client, context, uploads), daemon=True).start()


if __name__ == "__main__":
    main()
