#!/usr/bin/env bash
# Builds the functions for the Lambda runtime and architecture of the template; needs neither Docker nor that runtime.
# Leaves .aws-sam/build, and .aws-sam/job with what the Glue job needs under s3://<work bucket>/scripts/.
# SAM CLI has an environment of its own, .venv-build, because it pins boto3. Usage: tools/build.sh [sam build option ...]
set -euo pipefail
cd "$(dirname "$0")/.."

stamp=.venv-build/.lakeferry-lock
lock=$(cat requirements/build.txt requirements/uv.txt | sha256sum)
if [ ! -f "$stamp" ] || [ "$(cat "$stamp")" != "$lock" ]; then
  echo "build: making .venv-build with the packages of requirements/build.txt (once)"
  python3 -m venv --clear .venv-build
  .venv-build/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
  .venv-build/bin/uv pip install --quiet --python .venv-build/bin/python --require-hashes -r requirements/build.txt
  echo "$lock" >"$stamp"
fi

export SAM_CLI_TELEMETRY=0
# functions/Makefile calls uv
PATH="$PWD/.venv-build/bin:$PATH" .venv-build/bin/sam build --template-file template.yaml "$@"

.venv-build/bin/python - <<'PYTHON'
"""The Glue job's script, and beside it the modules it imports as one archive that is equal for equal sources."""

import shutil
import zipfile
from pathlib import Path

job = Path(".aws-sam/job")
shutil.rmtree(job, ignore_errors=True)
job.mkdir(parents=True)
shutil.copyfile("glue/curate.py", job / "curate.py")
modules = {path.relative_to("glue").as_posix(): path for path in Path("glue").rglob("*.py") if path.name != "curate.py"}
package = Path("functions/lakeferry")
modules |= {
    path.relative_to("functions").as_posix(): path
    for path in package.rglob("*")
    if path.suffix in {".py", ".json"}
}
with zipfile.ZipFile(job / "lakeferry-job.zip", "w") as archive:
    for name, path in sorted(modules.items()):
        # a fixed time: zip files count from 1980
        entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
        entry.compress_type = zipfile.ZIP_DEFLATED
        archive.writestr(entry, path.read_bytes())
print(f"build: {job}/curate.py and {job}/lakeferry-job.zip ({len(modules)} modules)")
PYTHON
