#!/usr/bin/env bash
# Builds the docs site into .site/ and checks every link; needs no network once .venv-docs is there.
# Usage: tools/docs.sh
set -euo pipefail
cd "$(dirname "$0")/.."

lock=$(sha256sum <requirements/docs.txt)
if [ "$(cat .venv-docs/.lakeferry-lock 2>/dev/null)" != "$lock" ]; then
  .venv/bin/uv venv --quiet --clear .venv-docs
  .venv/bin/uv pip install --quiet --python .venv-docs/bin/python --require-hashes -r requirements/docs.txt
  echo "$lock" >.venv-docs/.lakeferry-lock
fi
.venv/bin/python -m tools.docs_pages .site-pages
NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs build --quiet --clean
echo "docs: .site/index.html"
