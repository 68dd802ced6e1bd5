"""What Glue starts: makes the packages importable that the job brings, then runs it.

Packages with compiled parts (jsonschema's rpds, re2) cannot be imported from a ZIP, and a job that installs them at its
start fails when the package index does. So they come with the deployment, built for Glue's Python, and are unpacked
here: `--packages s3://bucket/key`, put by the stack (functions/job_files). Other modules are in `--extra-py-files`.
"""

import argparse
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

import boto3


def unpack(address: str, into: Path) -> None:
    """Unpacks a ZIP in S3 (`s3://bucket/key`) and lets Python import from it before anything else."""
    bucket, _, key = address.removeprefix("s3://").partition("/")
    with tempfile.TemporaryFile() as file:
        boto3.client("s3").download_fileobj(bucket, key, file)
        with zipfile.ZipFile(file) as archive:
            archive.extractall(into)
    sys.path.insert(0, str(into))


def main(argv: Sequence[str]) -> None:
    """Runs the job with its packages."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--packages", required=True)
    unpack(parser.parse_known_args(argv)[0].packages, Path(tempfile.mkdtemp(prefix="lakeferry-")))
    from curate import main as curate

    curate(argv)


if __name__ == "__main__":
    main(sys.argv[1:])
