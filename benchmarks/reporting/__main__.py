"""Runs the benchmarks and writes benchmarks/RESULTS.md with its plots.

    python -m benchmarks.reporting [--into DIR] [--only whole,scale] [--again] [--page] [SCRIPT'S OPTIONS]

What each script found and printed is kept in DIR/results (benchmarks/reporting/kept.py), and the page is made of all
that is kept, each section with its day, commit and load. A script that ran to its end on this commit is not run again
without `--again`; `whole.py`, which takes hours, goes on with the round it was ended in. `--page` runs nothing. Where
DIR is benchmarks/, the figures of docs/speed.md and README.md are written anew, too. Exit code 1 where a target was
missed. What follows the options goes to each script.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from benchmarks.measuring import circumstances
from benchmarks.reporting import documents, kept
from benchmarks.reporting.kept import WITH_JSON, Outcome
from benchmarks.reporting.page import page
from benchmarks.reporting.plots import plots

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "benchmarks"


def ran(script: Path, options: list[str], folder: Path) -> Outcome:
    """Runs one; its lines are shown as they come."""
    more = ["--json", str(kept.data_file(folder, script.stem))] if script.stem in WITH_JSON else []
    begun = circumstances.begun()
    print(f"== {script.name}", flush=True)
    process = subprocess.Popen(
        [sys.executable, str(script), *more, *options], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    said: list[str] = []
    for line in process.stdout:
        print(line, end="", flush=True)
        said.append(line)
    return Outcome(script.stem, process.wait(), "".join(said), circumstances=circumstances.ended(begun))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--into", type=Path, default=SCRIPTS)
    parser.add_argument("--only", default="")
    parser.add_argument("--again", action="store_true", help="what is kept of this commit, too")
    parser.add_argument("--page", action="store_true", help="run nothing: write the page of what is kept")
    options, more = parser.parse_known_args()
    folder = options.into / "results"
    folder.mkdir(parents=True, exist_ok=True)  # not found out after hours
    wanted = set(options.only.split(",")) - {""}
    codes: list[int | None] = []
    for script in sorted(path for path in SCRIPTS.glob("[a-z]*.py") if not wanted or path.stem in wanted):
        if options.page:
            continue
        if not options.again and kept.is_done(folder, script.stem, more):
            print(f"== {script.name}: kept, of this commit")
            continue
        outcome = ran(script, more, folder)
        kept.keep(folder, outcome, more)
        codes.append(outcome.code)
    found = kept.outcomes(folder)
    drawn = plots(found, options.into / "plots")
    text = page(found, [os.path.relpath(one, options.into) for one in drawn])
    (options.into / "RESULTS.md").write_text(text, "utf-8")
    if options.into.resolve() == SCRIPTS:
        documents.write(found)
    return int(any(codes))


if __name__ == "__main__":
    sys.exit(main())
