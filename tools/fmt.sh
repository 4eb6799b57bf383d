#!/usr/bin/env bash
# Fails and shows the difference when a Go file that is not generated is not formatted. The argument is gofumpt.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

mapfile -t files < <(find agent aggregator migrations proto tools -name '*.go' \
  -not -path 'proto/gen/*' -not -path 'tools/node_modules/*')
bad=$(gofmt -l "${files[@]}"; "$1" -l "${files[@]}")
if [[ -n $bad ]]; then
  "$1" -d "${files[@]}"
  echo "not formatted:" >&2
  sort -u <<<"$bad" >&2
  exit 1
fi
