#!/usr/bin/env bash
# Installs the build tools that come from npm (buf) into tools/node_modules, at the versions of package-lock.json.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

if ! command -v npm >/dev/null 2>&1; then
  echo "make check and make generate need node 18 or newer with npm (Debian: apt-get install nodejs npm)." >&2
  echo "make run and make test do not." >&2
  exit 1
fi
if [[ ! node_modules/.package-lock.json -nt package-lock.json ]]; then
  npm ci --no-fund --no-audit --loglevel=error
  touch node_modules/.package-lock.json
fi
