#!/usr/bin/env bash
# Makes a release (tools/release.py) with the program that lists its packages, in an environment of its own.
# Usage: tools/release.sh VERSION
set -euo pipefail
cd "$(dirname "$0")/.."

lock=$(sha256sum <requirements/release.txt)
if [ "$(cat .venv-release/.lakeferry-lock 2>/dev/null)" != "$lock" ]; then
  .venv/bin/uv venv --quiet --clear .venv-release
  .venv/bin/uv pip install --quiet --python .venv-release/bin/python --require-hashes -r requirements/release.txt
  echo "$lock" >.venv-release/.lakeferry-lock
fi
exec .venv/bin/python -m tools.release "$@"
