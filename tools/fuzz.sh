#!/usr/bin/env bash
# Runs every fuzz test of the repository for the time given (default 5s), one after the other.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

grep -rEo --include='*_test.go' '^func Fuzz[A-Za-z0-9_]+' agent aggregator proto | sort | while IFS=: read -r file func; do
  echo "fuzz ${func#func } in $(dirname "$file")"
  go test -run '^$' -fuzz "^${func#func }\$" -fuzztime "${1:-5s}" -fuzzminimizetime 10x "./$(dirname "$file")" </dev/null
done
