#!/usr/bin/env bash
# Installs the language server that editors ask about YAML (requirements/editor, locked with hashes) into .cache/editor.
# Needs node and npm; without them, or without a network, it says so and ends with 3.
# Usage: tools/install-editor.sh
set -euo pipefail
cd "$(dirname "$0")/.."

into=$PWD/.cache/editor
lock=$(sha256sum <requirements/editor/package-lock.json)
[ "$(cat "$into/.lakeferry-lock" 2>/dev/null)" = "$lock" ] && exit 0
command -v node >/dev/null && command -v npm >/dev/null || {
  echo "install-editor: node and npm are missing"
  exit 3
}
new=$(mktemp -d "$PWD/.cache/editor.XXXXXX")
trap 'rm -rf "$new"' EXIT
cp requirements/editor/package.json requirements/editor/package-lock.json "$new"
# no script of a package is run
if ! said=$(cd "$new" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error 2>&1); then
  echo "install-editor: npm ci failed: $(tail -n 1 <<<"$said")"
  exit 3
fi
echo "$lock" >"$new/.lakeferry-lock"
rm -rf "$into"
mv "$new" "$into"
