#!/usr/bin/env bash
# Installs the language server that editors ask about YAML (requirements/editor, locked with hashes) into .cache/editor.
# Needs node and npm; without them, or without a network, it says so and ends with 3.
# Usage: tools/install-editor.sh
set -euo pipefail
cd "$(dirname "$0")/.."

into=$PWD/.cache/editor
mkdir -p .cache
if command -v flock >/dev/null; then # tests run side by side
  exec 9>.cache/editor.lock
  flock 9
fi
lock=$(sha256sum <requirements/editor/package-lock.json)
[ "$(cat "$into/.lakeferry-lock" 2>/dev/null)" = "$lock" ] && exit 0
command -v node >/dev/null && command -v npm >/dev/null || {
  echo "install-editor: node and npm are missing"
  exit 3
}
new=$(mktemp -d "$PWD/.cache/editor.XXXXXX")
trap 'rm -rf "$new"' EXIT
cp requirements/editor/package.json requirements/editor/package-lock.json "$new"
# no script of a package is run; where there is no network it is soon known
if ! said=$(cd "$new" && npm ci --ignore-scripts --no-audit --no-fund --fetch-retries=1 --fetch-timeout=30000 --loglevel=error 2>&1); then
  echo "install-editor: npm ci failed: $(head -n 3 <<<"$said" | tr "\n" " ")"
  exit 3
fi
echo "$lock" >"$new/.lakeferry-lock"
rm -rf "$into"
mv "$new" "$into"
trap - EXIT
