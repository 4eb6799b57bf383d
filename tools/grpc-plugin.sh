#!/usr/bin/env bash
# protoc-gen-go-grpc, with its output in packages of their own (…/syncv1grpc): see tools/stubs. buf calls it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

GOWORK=off go run ./stubs grpc | go -C ../proto tool protoc-gen-go-grpc
