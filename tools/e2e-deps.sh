#!/usr/bin/env bash
# Installs what make e2e needs beyond make test, on Debian and Ubuntu: strace watches what the agent starts and opens,
# curl calls the Connect door.
set -euo pipefail

missing=()
for tool in strace curl dpkg-deb; do
  command -v "$tool" >/dev/null 2>&1 || missing+=("$tool")
done
if [[ ${#missing[@]} -eq 0 ]]; then
  exit 0
fi
if ! command -v apt-get >/dev/null 2>&1; then
  echo "make e2e needs these programs; install them with your system's package manager: ${missing[*]}" >&2
  exit 1
fi
root=()
if [[ $(id -u) -ne 0 ]]; then
  root=(sudo)
fi
echo "installing ${missing[*]} …"
"${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq
"${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]/dpkg-deb/dpkg}"
