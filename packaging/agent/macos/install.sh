#!/bin/sh
# Installs the Rollcall agent on macOS from the folder this script lies in. Run as root:
#
#   ./install.sh [--server URL --secret-file FILE [--ca-file FILE]]
#
# With a server it enrols as well. It may be run again; a configuration that is there stays.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
label=io.rollcall.agent
plist=/Library/LaunchDaemons/$label.plist

if [ "$(id -u)" -ne 0 ]; then
  echo "install.sh: run it as root" >&2
  exit 1
fi
# An agent that runs holds the state folder, which enrolling needs.
launchctl bootout "system/$label" 2>/dev/null || true
install -d -m 0755 /usr/local/bin /usr/local/share/man/man1 /usr/local/share/man/man5 /etc/rollcall-agent/facts.d
install -d -m 0700 /var/lib/rollcall-agent
install -m 0755 "$here/rollcall-agent" /usr/local/bin/rollcall-agent
install -m 0644 "$here/rollcall-agent.1" /usr/local/share/man/man1/
install -m 0644 "$here/rollcall-agent.yaml.5" /usr/local/share/man/man5/
install -m 0755 "$here/uninstall.sh" /usr/local/share/rollcall-agent-uninstall.sh
if [ ! -e /etc/rollcall-agent/agent.yaml ]; then
  install -m 0644 "$here/agent.yaml.example" /etc/rollcall-agent/agent.yaml
fi
result=0
if [ $# -gt 0 ]; then
  /usr/local/bin/rollcall-agent enroll --config /etc/rollcall-agent/agent.yaml "$@" || result=$?
fi
install -m 0644 "$here/$label.plist" "$plist"
launchctl bootstrap system "$plist"
if [ "$result" -ne 0 ]; then
  echo "install.sh: installed, but not enrolled: see above" >&2
  exit "$result"
fi
echo "Installed. The agent runs once the machine is enrolled (sudo rollcall-agent enroll --server URL --secret-file FILE)."
