#!/usr/bin/env bash
# buf breaking against the protocol on main, where there is such a thing. The argument is buf.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

for ref in origin/main main; do
  if git cat-file -e "$ref:buf.yaml" 2>/dev/null; then
    before=$(mktemp -d)
    trap 'rm -rf "$before"' EXIT
    git archive "$ref" buf.yaml proto | tar -x -C "$before"
    echo "$1 breaking, against $ref"
    "$1" breaking --against "$before"
    exit 0
  fi
done
echo "buf breaking: no main to compare with yet"
