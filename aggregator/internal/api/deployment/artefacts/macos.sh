#!/bin/sh
# Runs after the installation of the package that it came in, as root: installs the Rollcall agent and enrols this Mac.
set -eu
umask 077

{{template "common.sh" . -}}

# A process under Rosetta is told another architecture than the machine has.
if [ "$(sysctl -n hw.optional.arm64 2>/dev/null || true)" = 1 ]; then arch=arm64; fi
found=$(package_of "darwin/$arch") || die "the aggregator has no package of the agent for macOS on $arch"
file=${found% *}
fetch "$file"
verify "$file" "${found#* }"
mkdir "$work/agent"
tar -xzf "$work/$file" -C "$work/agent" --strip-components 1

set -- --server "$server" --secret-file "$work/secret"
if [ -n "$ca_file" ]; then set -- "$@" --ca-file "$ca_file"; fi
umask 022
"$work/agent/install.sh" "$@"
