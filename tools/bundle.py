#!/usr/bin/env python3
"""Fills a function's bundle; functions/Makefile calls it for each function of `sam build`.

    python3 tools/bundle.py PACKAGE LOCK [--job] [--glue]      ARTIFACTS_DIR is SAM's

Wheels are taken for the functions' Python and architecture, so any machine with a Python builds them: with uv where it
is found, else with pip. The architecture is LAKEFERRY_ARCHITECTURE, else what samconfig.toml deploys (the stage of
LAKEFERRY_STAGE, default "default"), else the template's default. Runs on every Python from 3.9, with nothing installed.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".aws-sam" / "packages"
PYTHON_VERSION = "3.13"
"""The template's Runtime; tests/contract/test_packaging.py holds the two together, as it does tools/lock.sh."""
GLUE_PYTHON_VERSION = "3.11"
MACHINES = {"arm64": "aarch64", "x86_64": "x86_64"}
GLIBC_MINORS = range(28, 16, -1)
"""manylinux_2_28 and older ones run on Amazon Linux 2023; pip wants each named."""
NOT_NEEDED = ("pyarrow/include", "pyarrow/tests", "bin", ".lock")
"""For compiling against Arrow and its own tests; Lambda's limit is 250 MB."""
FIRST_ZIP_TIME = (1980, 1, 1, 0, 0, 0)
"""ZIP counts from then; a fixed time makes equal archives of equal sources."""


def architecture() -> str:
    """What the functions are built for: `arm64` or `x86_64`."""
    found = os.environ.get("LAKEFERRY_ARCHITECTURE") or _configured() or _default()
    if found not in MACHINES:
        raise SystemExit(f"bundle: architecture {found!r} is not known; use one of {', '.join(MACHINES)}")
    return found


def _configured() -> str | None:
    """Of the stage's tables in samconfig.toml; read by line, since Python before 3.11 has no TOML."""
    path, stage = ROOT / "samconfig.toml", os.environ.get("LAKEFERRY_STAGE", "default")
    found, table = None, ""
    for line in path.read_text("utf-8").splitlines() if path.exists() else ():
        heading = re.match(r"\s*\[([^\[\]]+)\]", line)
        table = heading.group(1).strip() if heading else table
        if table.split(".")[0] == stage and re.match(r"\s*parameter_overrides\s*=", line):
            value = re.search(r"""\bArchitecture\s*=\s*\\?["']?(\w+)""", line)
            found = value.group(1) if value else found
    return found


def _default() -> str:
    """The default of the template's parameter."""
    text = (ROOT / "template.yaml").read_text("utf-8")
    found = re.search(r"^  Architecture:\s*\n?\s*\{[^}]*Default: (\w+)", text, re.MULTILINE)
    if found is None:
        raise SystemExit("bundle: template.yaml has no parameter Architecture with a default")
    return found.group(1)


def install(lock: Path, python: str, machine: str, into: Path) -> None:
    """Copies a lock's packages, which are unpacked once for all functions that share it."""
    digest = hashlib.sha256(lock.read_bytes() + Path(__file__).read_bytes()).hexdigest()[:12]
    kept = CACHE / f"{lock.stem}-{python}-{machine}-{digest}"
    if not kept.exists():
        try:
            CACHE.mkdir(parents=True, exist_ok=True)
            folder = tempfile.mkdtemp(dir=CACHE)
        except OSError:  # a container may have the project to read only
            unpack(lock, python, machine, into)
            return
        unpack(lock, python, machine, Path(folder))
        clean(Path(folder))
        try:
            os.replace(folder, kept)
        except OSError:  # another function's build was as quick
            shutil.rmtree(folder)
    shutil.copytree(kept, into, dirs_exist_ok=True)


def unpack(lock: Path, python: str, machine: str, into: Path) -> None:
    """Unpacks a lock's wheels, for another machine's Python."""
    uv = shutil.which("uv") or next((str(p) for p in ROOT.glob(".venv*/bin/uv")), None)
    common = [
        "--quiet",
        "--require-hashes",
        "--only-binary",
        ":all:",
        "--python-version",
        python,
        "--target",
        str(into),
    ]
    if uv:
        command = [uv, "pip", "install", *common, "--python-platform", f"{machine}-manylinux_2_28", "-r", str(lock)]
    else:
        platforms: list[str] = []
        for tag in [f"manylinux_2_{minor}_{machine}" for minor in GLIBC_MINORS] + [f"manylinux2014_{machine}"]:
            platforms += ["--platform", tag]
        command = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--no-compile", *common,
                   *platforms, "--implementation", "cp", "-r", str(lock)]  # fmt: skip
    done = subprocess.run(command, check=False)
    if done.returncode:
        hint = "" if uv else " (it needs pip for this Python, or uv)"
        raise SystemExit(f"bundle: {lock.name} could not be installed{hint}; see above")


def job(into: Path) -> None:
    """What functions/job_files puts into the work bucket: the Glue job's script, modules and packages."""
    into.mkdir()
    shutil.copyfile(ROOT / "glue" / "start.py", into / "start.py")
    modules: dict[str, Path] = {}
    for base, folder, suffixes in (("glue", "glue", {".py"}), ("functions", "functions/lakeferry", {".py", ".json"})):
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in suffixes and path.name != "start.py" and "__pycache__" not in path.parts:
                modules[path.relative_to(ROOT / base).as_posix()] = path
    pack(modules, into / "lakeferry-job.zip")
    with tempfile.TemporaryDirectory() as folder:
        packages = Path(folder) / "packages"
        install(ROOT / "requirements" / "glue-job.txt", GLUE_PYTHON_VERSION, MACHINES["x86_64"], packages)
        clean(packages)
        files = {path.relative_to(packages).as_posix(): path for path in packages.rglob("*") if path.is_file()}
        pack(files, into / "packages.zip")
    (into / "architecture").write_text(architecture() + "\n")


def pack(files: dict[str, Path], target: Path) -> None:
    """Writes an archive that is equal for equal files."""
    with zipfile.ZipFile(target, "w") as archive:
        for name, path in sorted(files.items()):
            entry = zipfile.ZipInfo(name, FIRST_ZIP_TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, path.read_bytes())


def clean(folder: Path) -> None:
    """Removes what no function imports."""
    caches = [path for path in folder.rglob("__pycache__") if path.is_dir()]
    unused = [folder / name for name in NOT_NEEDED] + list(folder.glob("pyarrow/*flight*"))
    for path in caches + unused:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        elif path.exists():
            path.unlink()


def main(arguments: list[str]) -> None:
    """Fills the bundle."""
    package, lock = arguments[:2]
    artifacts = Path(os.environ["ARTIFACTS_DIR"])
    python = os.environ.get("LAKEFERRY_PYTHON_VERSION", PYTHON_VERSION)
    install(ROOT / "requirements" / f"lambda-{lock}.txt", python, MACHINES[architecture()], artifacts)
    for name in ("lakeferry", package):
        shutil.copytree(ROOT / "functions" / name, artifacts / name)
    if "--glue" in arguments:  # the job's own modules, in a folder of theirs (functions/curate_small/__init__.py)
        shutil.copytree(ROOT / "glue", artifacts / "glue")
    if "--job" in arguments:
        job(artifacts / "job")
    clean(artifacts)


if __name__ == "__main__":
    main(sys.argv[1:])
