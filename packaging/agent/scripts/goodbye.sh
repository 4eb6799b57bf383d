# goodbye tells the aggregator, if the machine is enrolled, that this is no outage. A server that does not answer holds
# up nothing.
goodbye() {
  if [ -e /var/lib/rollcall-agent/identity.json ]; then
    timeout 30 /usr/bin/rollcall-agent goodbye --config /etc/rollcall-agent/agent.yaml >/dev/null 2>&1 ||
      echo "rollcall-agent: the aggregator was not told that this machine leaves" >&2
  fi
}

