#!/usr/bin/env bash
# The release, into the folder given (default dist): see tools/package. The same commit gives the same bytes.
# ONLY=linux, windows or macos makes a part of it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

out=${1:-dist}
version=${VERSION:-$(git describe --tags --always --dirty 2>/dev/null || echo dev)}
epoch=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}
rm -rf "$out"
mkdir -p "$out"
tool=$(mktemp -d)
trap 'rm -rf "$tool"' EXIT
GOWORK=off go build -C tools/package -o "$tool/package" .
"$tool/package" -root . -out "$out" -version "$version" -epoch "$epoch" -only "${ONLY:-}"
