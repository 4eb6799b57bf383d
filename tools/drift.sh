#!/usr/bin/env bash
# Fails when proto/gen or the data dictionary is not what the .proto files say, or a Grafana dashboard not what
# tools/dashboards says. The argument is buf.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
"$1" generate --output "$fresh"
tools/dictionary.sh >"$fresh/data-dictionary.md"
if ! diff -r "$fresh/proto/gen" proto/gen || ! diff "$fresh/data-dictionary.md" docs/data-dictionary.md; then
  echo "generated files are not what the .proto files say: run make generate" >&2
  exit 1
fi
mkdir "$fresh/grafana"
tools/dashboards.sh "$fresh/grafana"
if ! diff -r -x provisioning.example.yaml "$fresh/grafana" packaging/grafana; then
  echo "packaging/grafana is not what tools/dashboards says: run make generate" >&2
  exit 1
fi
