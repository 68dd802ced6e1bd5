#!/usr/bin/env bash
# Makes .venv with exactly what requirements/dev.txt locks; does nothing when that is there already.
# Usage: tools/setup.sh
set -euo pipefail
cd "$(dirname "$0")/.."

stamp=.venv/.lakeferry-lock
lock=$(cat requirements/dev.txt requirements/uv.txt | sha256sum)
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$lock" ] && [ -x .venv/bin/python ]; then
  exit 0
fi

# Spark 3.5 knows Python up to 3.12; newer ones work for everything else
python=""
for candidate in python3.11 python3.12 python3 python3.13 python3.14; do
  if command -v "$candidate" >/dev/null 2>&1 &&
    "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    python=$candidate
    break
  fi
done
if [ -z "$python" ]; then
  echo "setup: no Python 3.11 or later with venv was found; install one (Debian: apt-get install python3 python3-venv)." >&2
  exit 1
fi

start=$(date +%s)
# one that is there is brought to the lock in seconds, under whoever is at work with it
if [ -f "$stamp" ] && [ -x .venv/bin/uv ] && .venv/bin/python -c 'import pip' 2>/dev/null; then
  echo "setup: bringing .venv to the packages of requirements/dev.txt"
  .venv/bin/uv pip sync --quiet --compile-bytecode --python .venv/bin/python --require-hashes requirements/dev.txt requirements/uv.txt
  echo "$lock" >"$stamp"
  echo "setup: done in $(($(date +%s) - start)) s"
  exit 0
fi

# --clear would empty it for everybody who works with it
if [ -L .venv ]; then
  echo "setup: .venv is a link to $(readlink -f .venv), which is not whole; run make setup there, or remove the link." >&2
  exit 1
fi

echo "setup: making .venv with $("$python" --version) and the packages of requirements/dev.txt (about 400 MB, once)"
"$python" -m venv --clear .venv
.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
# compiled now: every process would compile what it imports, each time where PYTHONDONTWRITEBYTECODE is set
.venv/bin/uv pip install --quiet --compile-bytecode --python .venv/bin/python --require-hashes -r requirements/dev.txt
# Spark starts in half the time; where there is no Java it starts not at all, and says so itself
PYTHONPATH=functions:glue:. .venv/bin/python -m local.make_spark_archive >.venv/spark-archive.log 2>&1 || true
echo "$lock" >"$stamp"
echo "setup: done in $(($(date +%s) - start)) s"
