#!/usr/bin/env bash
# Builds the programs, static and without paths of this machine, into the folder given (default bin).
# GOOS and GOARCH choose another platform.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

out=${1:-bin}
version=${VERSION:-$(git describe --tags --always --dirty 2>/dev/null || echo dev)}
mkdir -p "$out"
for program in agent/cmd/rollcall-agent aggregator/cmd/rollcall-aggregator aggregator/cmd/rollcall; do
  CGO_ENABLED=0 go build -tags release -trimpath -buildvcs=false -ldflags "-s -w -X main.version=$version" \
    -o "$out/${program##*/}" "./$program"
done
