"""Where and when something was measured: commit, machine, and the load beside it at the beginning and at the end."""

import os
import platform
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
WRITTEN = (
    "benchmarks/results",
    "benchmarks/RESULTS.md",
    "benchmarks/plots",
    "docs/speed.md",
    "docs/scale.md",
    "README.md",
)
"""What measuring itself writes: it changes nothing that is measured."""
UNKNOWN = "unknown"


def begun() -> dict[str, Any]:
    """Of now, as a file keeps it; `ended` closes it."""
    load = round(os.getloadavg()[0], 1)
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M}",
        "commit": commit(),
        "machine": machine(),
        "load": [load, load],
    }


def ended(circumstances: Mapping[str, Any]) -> dict[str, Any]:
    """The same, with the load of now at the end."""
    return {**circumstances, "load": [circumstances["load"][0], round(os.getloadavg()[0], 1)]}


def commit() -> str:
    """HEAD's; `-changed` behind it where files differ from it."""
    head = _git("rev-parse", "--short", "HEAD")
    if not head:
        return UNKNOWN
    others = [f":(exclude){path}" for path in WRITTEN]
    return head + ("-changed" if _git("status", "--porcelain", "--untracked-files=no", "--", ".", *others) else "")


def is_of_this_commit(circumstances: Mapping[str, Any]) -> bool:
    """Whether what was measured then is what would be measured now."""
    then = circumstances["commit"]
    return then == commit() and then != UNKNOWN and not then.endswith("-changed")


def machine() -> str:
    """Cores, memory, system and Python."""
    model, cpus = platform.processor() or platform.machine(), Path("/proc/cpuinfo")
    if cpus.exists():
        lines = cpus.read_text().splitlines()
        model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), model)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    system = f"{platform.system()} {platform.release()}, Python {platform.python_version()}"
    return f"{os.cpu_count()} × {model}, {memory:.0f} GB, {system}"


def told(circumstances: Mapping[str, Any], *, with_machine: bool = False) -> str:
    """In one line."""
    before, after = circumstances["load"]
    line = f"{circumstances['date']} UTC, commit {circumstances['commit']}, load {before:g} to {after:g}"
    return f"{line}; {circumstances['machine']}" if with_machine else line


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout.strip()
