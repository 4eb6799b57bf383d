#!/usr/bin/env bash
# Writes the Grafana dashboards into the folder given, which is packaging/grafana unless somebody compares.
set -euo pipefail

folder=$(cd "$1" && pwd)
cd "$(dirname "${BASH_SOURCE[0]}")"
GOWORK=off go run ./dashboards "$folder"
