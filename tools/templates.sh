#!/usr/bin/env bash
# Second looks at the templates and the state machine: cfn-lint with its rules for serverless, checkov, statelint. What is
# accepted, and why, stands in tools/accepted_findings.yaml. It takes about half a minute, so what was found clean is kept by hash.
# Usage: tools/templates.sh
set -euo pipefail
cd "$(dirname "$0")/.."

looked_at=(template.yaml lakeformation.yaml monitoring.yaml queries.yaml statemachine/ingest.asl.json)
looking=(requirements/lint.txt tools/accepted_findings.yaml tools/templates.py tools/templates.sh local/template.py)
hash=$(cat "${looked_at[@]}" "${looking[@]}" | sha256sum | cut -c 1-32)
[ -e ".cache/looked/$hash" ] && exit 0

mkdir -p .cache/looked
if command -v flock >/dev/null; then # trees may share the folder
  exec 9>.cache/lint.lock
  flock 9
fi
lock=$(sha256sum <requirements/lint.txt)
if [ "$(cat .cache/lint/.lakeferry-lock 2>/dev/null)" != "$lock" ]; then
  .venv/bin/uv venv --quiet --clear --python .venv/bin/python .cache/lint
  .venv/bin/uv pip install --quiet --python .cache/lint/bin/python --require-hashes -r requirements/lint.txt
  echo "$lock" >.cache/lint/.lakeferry-lock
fi
PYTHONPATH=functions:glue:. .venv/bin/python -m tools.templates .cache/lint/bin
touch ".cache/looked/$hash"
