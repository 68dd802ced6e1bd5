"""Runs every benchmark and writes benchmarks/RESULTS.md with its plots.

    python -m benchmarks.reporting [--into DIR] [--only whole,scale] [SCRIPT'S OPTIONS]

What a script prints goes to the page as it is. Those of `WITH_JSON` also write what they found as JSON, from which the
tables and plots are made. Exit code 1 where a target was missed. What follows the options goes to each script.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.reporting.page import Outcome, page
from benchmarks.reporting.plots import plots

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "benchmarks"
WITH_JSON = ("load", "scale", "whole")


def ran(script: Path, options: list[str]) -> Outcome:
    """Runs one; its lines are shown as they come."""
    with tempfile.TemporaryDirectory() as name:
        found = Path(name) / "found.json"
        more = ["--json", str(found)] if script.stem in WITH_JSON else []
        print(f"== {script.name}", flush=True)
        process = subprocess.Popen(
            [sys.executable, str(script), *more, *options], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        said: list[str] = []
        for line in process.stdout:
            print(line, end="", flush=True)
            said.append(line)
        code = process.wait()
        data = json.loads(found.read_text()) if found.exists() else None
    return Outcome(script.stem, code, "".join(said), data)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--into", type=Path, default=SCRIPTS)
    parser.add_argument("--only", default="")
    options, more = parser.parse_known_args()
    options.into.mkdir(parents=True, exist_ok=True)  # not found out after hours
    wanted = set(options.only.split(",")) - {""}
    scripts = sorted(path for path in SCRIPTS.glob("[a-z]*.py") if not wanted or path.stem in wanted)
    outcomes = [ran(script, more) for script in scripts]
    drawn = plots(outcomes, options.into / "plots")
    text = page(outcomes, [os.path.relpath(one, options.into) for one in drawn])
    (options.into / "RESULTS.md").write_text(text, "utf-8")
    return int(any(outcome.code for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
