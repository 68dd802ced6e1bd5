"""What a deployment asks function `job_files` for: its files are in the work bucket, and every outcome is answered."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from moto import mock_aws

from job_files import answer as answering
from job_files import core, handler

BUCKET = "work"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the bundle has."""
    into = tmp_path / "job"
    into.mkdir()
    for name in core.FILES.values():
        (into / name).write_bytes(f"contents of {name}".encode())
    (into / "architecture").write_text("arm64\n")
    monkeypatch.setattr(handler, "FOLDER", into)
    return into


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("s3", region_name="eu-west-1")
        client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        client.put_object(Bucket=BUCKET, Key="runs/r/feeds.json", Body=b"{}")
        found = SimpleNamespace(s3=client, settings=SimpleNamespace(work_bucket=BUCKET))
        monkeypatch.setattr(handler, "clients", lambda: found)
        yield client


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What CloudFormation was told, in place of its address."""
    told: list[dict[str, Any]] = []

    def answer(event: Any, physical_id: str, data: Any, problem: str = "") -> None:
        told.append({"id": physical_id, "data": dict(data), "problem": problem})

    monkeypatch.setattr(handler, "answer", answer)
    return told


def ask(request: str, *, architecture: str = "arm64", **more: str) -> None:
    properties = {"Architecture": architecture}
    event = {"RequestType": request, "LogicalResourceId": "JobFiles", "ResourceProperties": properties, **more}
    context = SimpleNamespace(
        function_name="f", memory_limit_in_mb=1, invoked_function_arn="arn", aws_request_id="r"
    )  # fmt: skip
    handler.handler(event, context)


def keys(s3: Any) -> list[str]:
    return sorted(found["Key"] for found in s3.list_objects_v2(Bucket=BUCKET).get("Contents", []))


def test_another_version_has_other_keys_and_the_older_goes(
    folder: Path, s3: Any, answers: list[dict[str, Any]]
) -> None:
    ask("Create")
    first = answers[-1]
    for name, file in core.FILES.items():
        address = first["data"][name]
        assert address == f"s3://{BUCKET}/{first['id']}{file}"
        found = s3.get_object(Bucket=BUCKET, Key=address.removeprefix(f"s3://{BUCKET}/"))
        assert found["Body"].read() == (folder / file).read_bytes()

    ask("Update", PhysicalResourceId=first["id"])
    assert answers[-1] == first, "an equal bundle must keep its id: CloudFormation deletes what has another"

    (folder / "start.py").write_bytes(b"changed")
    ask("Update", PhysicalResourceId=first["id"])
    second = answers[-1]
    assert second["id"] != first["id"]
    assert len(keys(s3)) == 7, "a rolled-back deployment needs the older version"

    ask("Delete", PhysicalResourceId=first["id"])
    assert keys(s3) == sorted(["runs/r/feeds.json", *(second["id"] + name for name in core.FILES.values())])
    ask("Delete", PhysicalResourceId=first["id"])
    assert answers[-1]["problem"] == ""


def test_a_bundle_for_another_machine_is_refused(folder: Path, s3: Any, answers: list[dict[str, Any]]) -> None:
    ask("Create", architecture="x86_64")
    (told,) = answers
    assert "built for arm64 and are deployed as x86_64" in told["problem"]
    assert "Architecture=x86_64" in told["problem"]
    ask("Delete", PhysicalResourceId=told["id"])
    assert keys(s3) == ["runs/r/feeds.json"]


def test_a_bundle_without_a_file_is_refused_before_anything_is_put(
    folder: Path, s3: Any, answers: list[dict[str, Any]]
) -> None:
    (folder / "packages.zip").unlink()
    ask("Create")
    assert "lacks job/packages.zip; run sam build" in answers[-1]["problem"]
    assert keys(s3) == ["runs/r/feeds.json"]


def test_a_service_that_fails_is_told(folder: Path, s3: Any, answers: list[dict[str, Any]]) -> None:
    s3.delete_object(Bucket=BUCKET, Key="runs/r/feeds.json")
    s3.delete_bucket(Bucket=BUCKET)
    ask("Create")
    assert "NoSuchBucket" in answers[-1]["problem"]


@pytest.mark.parametrize("prefix", ["not-made", "", "runs/r/", "scripts", "../scripts/x/"])
def test_only_what_was_put_is_deleted(s3: Any, prefix: str) -> None:
    s3.put_object(Bucket=BUCKET, Key=prefix + "start.py", Body=b"somebody's")
    before = keys(s3)
    core.remove(s3, BUCKET, prefix)
    assert keys(s3) == before


class _Taking(BaseHTTPRequestHandler):
    refuse = 0
    got: list[tuple[str | None, dict[str, Any]]]

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if type(self).refuse:
            type(self).refuse -= 1
            self.send_error(503)
            return
        self.got.append((self.headers["Content-Type"], json.loads(body)))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def cloudformation() -> Iterator[tuple[str, type[_Taking]]]:
    taking = type("Taking", (_Taking,), {"got": [], "refuse": 0})
    server = HTTPServer(("127.0.0.1", 0), taking)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/answer", taking
    server.shutdown()
    server.server_close()


def test_the_answer_is_what_cloudformation_reads(cloudformation: tuple[str, type[_Taking]]) -> None:
    url, taking = cloudformation
    event = {"StackId": "s", "RequestId": "r", "LogicalResourceId": "JobFiles", "ResponseURL": url}
    taking.refuse = 2
    answering.answer(event, "scripts/1/", {"Script": "s3://b/k"})
    answering.answer(event, "scripts/1/", {"Script": "s3://b/k"}, "no " * 2000)
    (_, good), (kind, bad) = taking.got
    names = {"StackId": "s", "RequestId": "r", "LogicalResourceId": "JobFiles", "PhysicalResourceId": "scripts/1/"}
    assert good == {"Status": "SUCCESS", "Reason": "", "Data": {"Script": "s3://b/k"}, **names}
    assert bad["Status"] == "FAILED"
    assert len(json.dumps(bad)) < 4096
    assert bad["Data"] == {}
    assert kind == ""
    taking.refuse = 3
    with pytest.raises(OSError, match="503"):
        answering.answer(event, "scripts/1/", {})
    with pytest.raises(ValueError, match="not one"):
        answering.answer(event | {"ResponseURL": "file:///etc/passwd"}, "scripts/1/", {})
