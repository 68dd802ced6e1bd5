"""Makes a release: version, changelog, deployable package, and a list of what is in it.

    python -m tools.release VERSION

`functions/lakeferry/version.py` has the version, once; `pyproject.toml` reads it from there, and the schema of feed
documents is named by it. The changelog's "Unreleased" becomes the version with today's date. Then `sam build`, and in
`.release/`: the built template with its functions as a ZIP, its SHA-256, CycloneDX lists of the functions' packages,
and the schema. A small lake as this version leaves it goes to `tests/data/lakes/`, for the tests of upgrades. The
commit and the tag are a person's: the last line says how.
"""

import hashlib
import json
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VERSION_FILE = "functions/lakeferry/version.py"
SCHEMA_FILE = "functions/lakeferry/feed_schema.json"
VERSION = re.compile(r'^VERSION = "([^"]+)"$', re.MULTILINE)
SCHEMA_ID = re.compile(r'"\$id": "urn:lakeferry:feed:([^"]+)"')
UNRELEASED = "## Unreleased\n"
FIRST_ZIP_TIME = (1980, 1, 1, 0, 0, 0)
"""ZIP counts from then; a fixed time makes equal packages of equal sources."""


class ReleaseError(Exception):
    """A release cannot be made; says what to do."""


def numbers(version: str) -> tuple[int, ...]:
    """`1.2.3` as numbers.

    Raises:
        ReleaseError: it is no version of three numbers.
    """
    if not re.fullmatch(r"(0|[1-9]\d*)(\.(0|[1-9]\d*)){2}", version, re.ASCII):
        raise ReleaseError(f"{version!r} is not a version; write three numbers, such as 1.2.0 (semantic versioning)")
    return tuple(map(int, version.split(".")))


def with_version(text: str, version: str) -> str:
    """`version.py` with a newer version.

    Raises:
        ReleaseError: the version is not newer than the one there.
    """
    found = VERSION.search(text)
    if found is None:
        raise ReleaseError(f'{VERSION_FILE} has no line VERSION = "..."')
    if numbers(version) <= numbers(found[1]):
        raise ReleaseError(f"{version} is not newer than {found[1]}, the version in {VERSION_FILE}")
    return VERSION.sub(f'VERSION = "{version}"', text, count=1)


def with_schema_id(schema: str, version: str) -> str:
    """The feeds' schema, named by its version.

    Raises:
        ReleaseError: it has no such name, or several.
    """
    changed, count = SCHEMA_ID.subn(f'"$id": "urn:lakeferry:feed:{version}"', schema)
    if count != 1:
        raise ReleaseError(f'{SCHEMA_FILE} has {count} lines "$id": "urn:lakeferry:feed:..."')
    return changed


def with_release(changelog: str, version: str, day: date) -> str:
    """The changelog whose unreleased entries are that version's.

    Raises:
        ReleaseError: nothing is under "Unreleased".
    """
    before, heading, rest = changelog.partition(UNRELEASED)
    entries = re.split(r"^## ", rest, maxsplit=1, flags=re.MULTILINE)[0]
    if not heading or not re.search(r"^- ", entries, re.MULTILINE):
        raise ReleaseError('CHANGELOG.md has no entry under "Unreleased"; write what changes for a user first')
    return f"{before}{UNRELEASED}\n## {version} ({day:%Y-%m-%d})\n{rest}"


def pack(built: Path, package: Path) -> str:
    """Writes a folder as a ZIP, equal for equal contents; its SHA-256."""
    with zipfile.ZipFile(package, "w") as archive:
        for path in sorted(path for path in built.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(path.relative_to(built).as_posix(), FIRST_ZIP_TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (path.stat().st_mode & 0o777) << 16
            with path.open("rb") as source, archive.open(entry, "w") as target:
                while block := source.read(1 << 20):
                    target.write(block)
    with package.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def ingredients(version: str, into: Path) -> None:
    """Writes what the functions contain, as CycloneDX, one file a lock."""
    for lock in sorted((ROOT / "requirements").glob("lambda-*.txt")):
        output = into / f"lakeferry-{version}-{lock.stem}.cdx.json"
        _run([".venv-release/bin/cyclonedx-py", "requirements", str(lock), "--output-reproducible", "--of", "JSON",
              "-o", str(output)])  # fmt: skip
        listed = json.loads(output.read_text("utf-8")).get("components", [])
        print(f"release: {output.relative_to(ROOT)} ({len(listed)} packages)")


def _run(command: Sequence[str]) -> str:
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise ReleaseError(f"{' '.join(command)} ended with {done.returncode}; see above")
    return done.stdout


def release(version: str) -> None:
    """Makes the release in the work tree and in `.release/`."""
    if _run(["git", "status", "--porcelain"]):
        raise ReleaseError("there are changes that are not committed; commit or stash them first")
    changelog = ROOT / "CHANGELOG.md"
    before = {name: (ROOT / name).read_text("utf-8") for name in (VERSION_FILE, SCHEMA_FILE)}
    after = {
        VERSION_FILE: with_version(before[VERSION_FILE], version),
        SCHEMA_FILE: with_schema_id(before[SCHEMA_FILE], version),
    }
    log = with_release(changelog.read_text("utf-8"), version, datetime.now(UTC).date())
    _write(after)  # what is built says what it is
    try:
        _make(version)
    except BaseException:
        _write(before)
        raise
    changelog.write_text(log, "utf-8")
    commit = f"git add tests/data/lakes && git commit -am 'Release {version}'"
    print(f"Next: read the diff, then  {commit} && git tag -a v{version} -m {version}")


def _write(texts: Mapping[str, str]) -> None:
    for name, text in texts.items():
        (ROOT / name).write_text(text, "utf-8")


def _make(version: str) -> None:
    _run(["tools/build.sh"])
    into = ROOT / ".release"
    into.mkdir(exist_ok=True)
    package = into / f"lakeferry-{version}.zip"
    digest = pack(ROOT / ".aws-sam" / "build", package)
    (into / f"{package.name}.sha256").write_text(f"{digest}  {package.name}\n")
    ingredients(version, into)
    shutil.copy(ROOT / SCHEMA_FILE, into / f"feed-{version}.json")
    print(f"release: {package.relative_to(ROOT)} ({package.stat().st_size / 1e6:.0f} MB, SHA-256 {digest})")
    # what the next versions are tried on: only this one's code can make it
    _run([sys.executable, "-m", "tools.keep_lake", f"tests/data/lakes/{version}.tar.xz"])


def main(arguments: Sequence[str]) -> int:
    """0 done, 1 failed, 2 wrong use."""
    if len(arguments) != 1:
        print("release: name the version: make release VERSION=1.2.0", file=sys.stderr)
        return 2
    try:
        release(arguments[0])
    except ReleaseError as error:
        print(f"release: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
