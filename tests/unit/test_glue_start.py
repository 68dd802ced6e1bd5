"""What Glue starts unpacks the job's packages before anything of the job is imported."""

import io
import sys
import types
import zipfile
from pathlib import Path

import boto3
import pytest
from moto import mock_aws

import start


def test_the_job_runs_with_its_packages_in_front(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("brought_along/__init__.py", "WORD = 'here'\n")
    called = []

    def main(argv: list[str]) -> None:
        import brought_along  # type: ignore[import-not-found]

        called.append((argv, brought_along.WORD))

    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setitem(sys.modules, "curate", types.SimpleNamespace(main=main))
    with mock_aws():
        s3 = boto3.client("s3", region_name="us-east-1")
        s3.create_bucket(Bucket="work")
        s3.put_object(Bucket="work", Key="scripts/1/packages.zip", Body=archive.getvalue())
        arguments = ["start.py", "--packages", "s3://work/scripts/1/packages.zip", "--run", "arn"]
        start.main(arguments[1:])
    assert called == [(arguments[1:], "here")]


def test_without_packages_it_says_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        start.main(["--run", "arn"])
    assert "--packages" in capsys.readouterr().err
