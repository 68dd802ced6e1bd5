"""The Glue job's files travel in this function's own bundle, and from there to the work bucket.

SAM uploads a Glue job's `ScriptLocation` and nothing else of it (AWS SAM Developer Guide, "sam package"); the job needs
modules and packages besides. So they are a resource of the stack: deployed, updated and rolled back with the rest.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lakeferry.errors import LakeferryError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

FOLDER = Path(__file__).resolve().parent.parent / "job"
"""Where `functions/Makefile` puts them in the bundle."""
PREFIX = "scripts/"
FILES = {"Script": "start.py", "Modules": "lakeferry-job.zip", "Packages": "packages.zip"}
"""What the template asks for by `Fn::GetAtt`: names of files."""


class BundleError(LakeferryError):
    """The functions were not built as the template needs them; says how to build them."""


@dataclass(frozen=True)
class JobFiles:
    """Files of one version of the job in the work bucket.

    Attributes:
        prefix: Their common prefix, a digest of their contents: another version has other keys, so that a run that is
            under way, or a deployment that is rolled back, keeps its own.
        locations: `s3://` addresses by the names of `FILES`.
    """

    prefix: str
    locations: dict[str, str]


def publish(s3: "S3Client", bucket: str, folder: Path, architecture: str) -> JobFiles:
    """Puts the job's files where Glue looks for them.

    Args:
        architecture: What the template deploys the functions as: `arm64` or `x86_64`.

    Raises:
        BundleError: the bundle lacks a file, or its packages are another architecture's.
    """
    built_for = _read(folder / "architecture").decode().strip()
    if built_for != architecture:
        raise BundleError(
            f"The functions were built for {built_for} and are deployed as {architecture}: none would start. Set "
            f"Architecture={architecture} in parameter_overrides of samconfig.toml, which sam build reads too (or "
            f"LAKEFERRY_ARCHITECTURE={architecture} in its environment), run sam build, then deploy again."
        )
    contents = {name: _read(folder / name) for name in FILES.values()}
    digest = hashlib.sha256()
    for name, content in sorted(contents.items()):
        digest.update(f"{name} {len(content)} ".encode() + content)
    prefix = f"{PREFIX}{digest.hexdigest()[:16]}/"
    for name, content in contents.items():
        s3.put_object(Bucket=bucket, Key=prefix + name, Body=content)
    return JobFiles(prefix, {key: f"s3://{bucket}/{prefix}{name}" for key, name in FILES.items()})


def remove(s3: "S3Client", bucket: str, prefix: str) -> None:
    """Deletes a version's files; those that are gone are no error.

    `prefix` is the resource's physical id. One that `publish` did not make, as a failed first deployment has, is left
    alone.
    """
    if prefix.startswith(PREFIX) and prefix.endswith("/"):
        s3.delete_objects(
            Bucket=bucket, Delete={"Objects": [{"Key": prefix + name} for name in FILES.values()], "Quiet": True}
        )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BundleError(
            f"The bundle of JobFilesFunction lacks job/{path.name}; run sam build in the project's folder, then deploy "
            "what it built."
        ) from error
