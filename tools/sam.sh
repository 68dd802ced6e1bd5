#!/usr/bin/env bash
# Prints where SAM CLI is: the one that is installed, else .venv-build's, which it makes once.
set -euo pipefail
cd "$(dirname "$0")/.."

if command -v sam; then exit; fi
stamp=.venv-build/.lakeferry-lock
lock=$(cat requirements/build.txt requirements/uv.txt | sha256sum)
if [ ! -f "$stamp" ] || [ "$(cat "$stamp")" != "$lock" ]; then
  echo "build: making .venv-build with the packages of requirements/build.txt (once)" >&2
  python3 -m venv --clear .venv-build
  .venv-build/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
  .venv-build/bin/uv pip install --quiet --python .venv-build/bin/python --require-hashes -r requirements/build.txt
  echo "$lock" >"$stamp"
fi
echo "$PWD/.venv-build/bin/sam"
