#!/usr/bin/env bash
# Says what to do when Go is missing or too old to fetch the version that go.work names.
set -euo pipefail

if ! command -v go >/dev/null 2>&1; then
  echo "Go is not on the PATH. Install Go 1.26 or newer: https://go.dev/doc/install" >&2
  exit 1
fi
minor=$(go env GOVERSION | sed -nE 's/^go1\.([0-9]+).*/\1/p')
if [[ -n $minor && $minor -lt 21 ]]; then
  echo "$(go env GOVERSION) is too old. Install Go 1.26 or newer: https://go.dev/doc/install" >&2
  exit 1
fi
