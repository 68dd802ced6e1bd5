#!/usr/bin/env bash
# Deploys what `make build` built, then puts the Glue job's script where the job looks for it.
# Usage: tools/deploy.sh [STAGE] [sam deploy option ...]      STAGE: a table of samconfig.toml, default "default"
set -euo pipefail
cd "$(dirname "$0")/.."

stage=${1:-default}
[ $# -eq 0 ] || shift
[ -d .aws-sam/build ] && [ -d .aws-sam/job ] || {
  echo "deploy: nothing is built; run make build first." >&2
  exit 1
}
export SAM_CLI_TELEMETRY=0
.venv-build/bin/sam deploy --config-env "$stage" "$@"

.venv-build/bin/python - "$stage" <<'PYTHON'
"""Uploads the job's files to the work bucket of the stack that was just deployed."""

import sys
import tomllib
from pathlib import Path

import boto3

settings = tomllib.loads(Path("samconfig.toml").read_text("utf-8"))[sys.argv[1]]
name = settings["global"]["parameters"]["stack_name"]
(stack,) = boto3.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
bucket = outputs["WorkBucketName"]
for path in sorted(Path(".aws-sam/job").iterdir()):
    boto3.client("s3").upload_file(str(path), bucket, f"scripts/{path.name}")
    print(f"deploy: s3://{bucket}/scripts/{path.name}")
print(f"""
Stack {name} is deployed. Next:
  1. a secret for each server:  aws secretsmanager create-secret --name lakeferry/TENANT/FEED --secret-string '{{"password": "..."}}'
  2. a feed:                    python -m cli feeds put --stack {name} feeds/your_feed.yaml
  3. mails:                     confirm the subscription SNS has sent, or subscribe to {outputs["NotificationTopicArn"]}
  4. a run by hand:             aws stepfunctions start-execution --state-machine-arn {outputs["StateMachineArn"]}
""")
PYTHON
