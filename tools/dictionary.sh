#!/usr/bin/env bash
# Prints docs/data-dictionary.md as the .proto files and the table of what is collected say it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

GOWORK=off go run ./dictionary dictionary/coverage.yaml ../proto/rollcall/inventory/v1/*.proto
