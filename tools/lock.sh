#!/usr/bin/env bash
# Makes the locks (versions and hashes) from requirements/*.in. No registry's name gets into them.
# Usage: tools/lock.sh [--upgrade]
set -euo pipefail
cd "$(dirname "$0")/../requirements"

uv=../.venv/bin/uv
flags=(--quiet --generate-hashes --no-annotate --no-header --no-emit-index-url "$@")
lambda=(--python-version 3.13 --python-platform aarch64-manylinux_2_28)
"$uv" pip compile "${flags[@]}" "${lambda[@]}" lambda-core.in -o lambda-core.txt
for name in lambda-transfer lambda-validate lambda-sla lambda-report lambda-lineage; do # what they share has one version
  "$uv" pip compile "${flags[@]}" "${lambda[@]}" -c lambda-core.txt "$name.in" -o "$name.txt"
done
# the Glue job's Python and machine are Glue's
"$uv" pip compile "${flags[@]}" --python-version 3.11 --python-platform x86_64-manylinux_2_28 -c lambda-core.txt glue-job.in -o glue-job.txt
# the laptop runs the versions the functions run
"$uv" pip compile "${flags[@]}" --universal --python-version 3.11 -c lambda-transfer.txt -c lambda-validate.txt -c lambda-sla.txt -c lambda-report.txt -c lambda-lineage.txt dev.in -o dev.txt
# what `pip install lakeferry[console]` would take, in the versions of the tests
"$uv" pip compile "${flags[@]}" --universal --python-version 3.11 -c dev.txt console.in -o console.txt
# the language server that a test drives; where npm is missing its lock stays
if command -v npm >/dev/null; then
  (cd editor && npm install --package-lock-only --omit-lockfile-registry-resolved --no-audit --no-fund --loglevel=error)
  # who may be paid for a package is nothing that is installed, and has hosts in it
  ../.venv/bin/python - editor/package-lock.json <<'PYTHON'
import json, pathlib, sys
path = pathlib.Path(sys.argv[1])
lock = json.loads(path.read_text("utf-8"))
for package in lock["packages"].values():
    package.pop("funding", None)
path.write_text(json.dumps(lock, indent=2) + "\n", "utf-8")
PYTHON
fi
for name in bench bench-dlt build docs lint release uv; do
  "$uv" pip compile "${flags[@]}" --universal --python-version 3.11 "$name.in" -o "$name.txt"
done
