#!/usr/bin/env bash
# `sam build` with a SAM CLI of its own (.venv-build, because SAM pins boto3), for those who have none: needs neither Docker nor the
# functions' Python. Usage: tools/build.sh [sam build option ...]
set -euo pipefail
cd "$(dirname "$0")/.."
export SAM_CLI_TELEMETRY=0
exec "$(tools/sam.sh)" build "$@"
