#!/usr/bin/env bash
# Prints docs/data-dictionary.md as the .proto files say it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

GOWORK=off go run ./dictionary ../proto/rollcall/inventory/v1/*.proto
