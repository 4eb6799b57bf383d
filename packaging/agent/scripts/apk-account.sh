# account makes the account that the agent runs as.
account() {
  addgroup -S rollcall-agent 2>/dev/null || true
  if ! id rollcall-agent >/dev/null 2>&1; then
    adduser -S -D -H -h /var/lib/rollcall-agent -s /sbin/nologin -G rollcall-agent -g "Rollcall agent" rollcall-agent
  fi
  if [ ! -d /var/lib/rollcall-agent ]; then
    mkdir -m 0700 /var/lib/rollcall-agent
    chown rollcall-agent:rollcall-agent /var/lib/rollcall-agent
  fi
}

