#!/bin/sh
# Removes the Rollcall agent from macOS, its configuration and state included. Run as root.
set -eu

label=io.rollcall.agent
if [ "$(id -u)" -ne 0 ]; then
  echo "uninstall.sh: run it as root" >&2
  exit 1
fi
launchctl bootout "system/$label" 2>/dev/null || true
if [ -e /var/lib/rollcall-agent/identity.json ]; then
  /usr/local/bin/rollcall-agent goodbye --config /etc/rollcall-agent/agent.yaml ||
    echo "the aggregator was not told that this machine leaves" >&2
fi
rm -rf /var/lib/rollcall-agent /etc/rollcall-agent /usr/local/share/rollcall-agent
rm -f "/Library/LaunchDaemons/$label.plist" /usr/local/bin/rollcall-agent /var/log/rollcall-agent.log \
  /usr/local/share/man/man1/rollcall-agent.1 /usr/local/share/man/man5/rollcall-agent.yaml.5 \
  /usr/local/share/rollcall-agent-uninstall.sh
pkgutil --forget io.rollcall.agent >/dev/null 2>&1 || true
