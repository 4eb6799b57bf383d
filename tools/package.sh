#!/usr/bin/env bash
# Release archives into the folder given (default dist): one tar.gz per Linux architecture with both programs, the
# example configurations, licence and changelog, and a list of SHA-256 sums. Packages of distributions are not made here.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

out=${1:-dist}
version=${VERSION:-$(git describe --tags --always --dirty 2>/dev/null || echo dev)}
epoch=$(git log -1 --format=%ct 2>/dev/null || echo 0)
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
rm -rf "$out"
mkdir -p "$out"
for arch in amd64 arm64; do
  name=rollcall-$version-linux-$arch
  GOOS=linux GOARCH=$arch VERSION=$version tools/build.sh "$stage/$name"
  cp LICENSE CHANGELOG.md README.md packaging/config/*.example "$stage/$name/"
  tar -C "$stage" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$epoch" -cf - "$name" | gzip -n >"$out/$name.tar.gz"
done
(cd "$out" && sha256sum -- *.tar.gz >SHA256SUMS && cat SHA256SUMS)
