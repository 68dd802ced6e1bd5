#!/usr/bin/env bash
# `sam deploy` of what `make build` built, with a stage of samconfig.toml.
# Usage: tools/deploy.sh [STAGE] [sam deploy option ...]      STAGE: a table of samconfig.toml, default "default"
set -euo pipefail
cd "$(dirname "$0")/.."
stage=${1:-default}
[ $# -eq 0 ] || shift
[ -d .aws-sam/build ] || {
  echo "deploy: nothing is built; run make build first." >&2
  exit 1
}
export SAM_CLI_TELEMETRY=0
exec "$(tools/sam.sh)" deploy --config-env "$stage" "$@"
